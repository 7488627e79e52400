"""Makes the package of the source tree importable without an installation, and compiles each rule once a session."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))

if TYPE_CHECKING:
    import descent
    from harness import Case

# The name under which the test runner passes the build folder, relative to the source tree.
if "DESCENT_BUILD_DIR" in os.environ:
    os.environ.setdefault("DESCENT_BUILD", str(ROOT / os.environ["DESCENT_BUILD_DIR"]))


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case, str], descent.Artifact]:
    """The artifact of a case and a storage. DESCENT_TEST_TARGET names another target than the compiler's default."""
    import descent
    from descent.compiler import find_program

    if find_program() is None:
        pytest.skip("descent-compile is not built: DESCENT_BUILD is not set, and it is not in PATH")
    folder = tmp_path_factory.mktemp("artifacts")
    target = os.environ.get("DESCENT_TEST_TARGET")
    cache: dict[tuple[str, ...], descent.Artifact] = {}

    def build(case: Case, storage: str) -> descent.Artifact:
        options = (*case.options, "--storage", storage, *(("--target", target) if target else ()))
        key = (case.rule, *options)
        if key not in cache:
            own_folder = folder / str(len(cache))
            own_folder.mkdir()
            cache[key] = descent.compile(case.rule, own_folder / f"{case.rule}.so", *options)
        return cache[key]

    return build
