"""Makes the package of the source tree importable without an installation, and compiles rules once a session."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "python"))

if TYPE_CHECKING:
    import descent

os.environ.setdefault("DESCENT_BUILD", str(ROOT / "build"))


def compile_once(folder: Path, rule: str, options: tuple[str, ...], text: str | None) -> descent.Artifact:
    """Whoever comes first compiles; the others wait and load."""
    import descent

    own_folder = folder / "".join(c if c.isalnum() else "_" for c in "-".join((rule, *options)))
    own_folder.mkdir(exist_ok=True)
    output, source = own_folder / f"{rule}.so", own_folder / f"{rule}.mlir"
    with open(own_folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if output.exists():
            return descent.load(output)
        if text is not None:
            source.write_text(text)
        return descent.compile(rule if text is None else source, output, *options)


@pytest.fixture(scope="session")
def compile_rule(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., descent.Artifact]:
    """The artifact of a rule of the library, or of a text that has a name, with options of descent-compile."""
    # Workers of pytest-xdist share what is compiled: their temporary folders have one parent, made for this session.
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "artifacts"
    folder.mkdir(exist_ok=True)
    cache: dict[tuple[str, ...], descent.Artifact] = {}

    def build(rule: str, *options: str, text: str | None = None) -> descent.Artifact:
        key = (rule, *options)
        if key not in cache:
            cache[key] = compile_once(folder, rule, options, text)
        return cache[key]

    return build
