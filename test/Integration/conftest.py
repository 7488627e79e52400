"""Compiles the rules of cases."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import descent
    from harness import Case


@pytest.fixture(scope="session")
def compiled(compile_rule: Callable[..., descent.Artifact]) -> Callable[[Case, str], descent.Artifact]:
    """The artifact of a case and a storage. DESCENT_TEST_TARGET names another target than the compiler's default, and
    DESCENT_TEST_FUSION=off plans every operation by itself."""
    target = os.environ.get("DESCENT_TEST_TARGET")
    options = ("--target", target) if target else ()
    separate = os.environ.get("DESCENT_TEST_FUSION") == "off"

    def build(case: Case, storage: str) -> descent.Artifact:
        fusion = ("--no-fusion",) if separate or not case.fused else ()
        return compile_rule(case.rule, *case.options, "--storage", storage, *options, *fusion)

    return build
