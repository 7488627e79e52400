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
    """The artifact of a case and a storage. DESCENT_TEST_TARGET names another target than the compiler's default."""
    target = os.environ.get("DESCENT_TEST_TARGET")

    def build(case: Case, storage: str) -> descent.Artifact:
        options = (*case.options, "--storage", storage, *(("--target", target) if target else ()))
        return compile_rule(case.rule, *options)

    return build
