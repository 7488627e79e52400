"""Compiles the rules of cases."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import descent
    from harness import Case


def is_unfused() -> bool:
    return os.environ.get("DESCENT_TEST_FUSION") == "off"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without fusion only tests that compile with or without it: others would do again what they did."""
    concerned = [item for item in items if "compiled" in getattr(item, "fixturenames", ())]
    if is_unfused():
        config.hook.pytest_deselected(items=[item for item in items if item not in concerned])
        items[:] = concerned


@pytest.fixture(scope="session")
def compiled(compile_rule: Callable[..., descent.Artifact]) -> Callable[[Case, str], descent.Artifact]:
    """The artifact of a case and a storage. DESCENT_TEST_TARGET names another target than the compiler's default, and
    DESCENT_TEST_FUSION=off plans every operation by itself."""
    target = os.environ.get("DESCENT_TEST_TARGET")
    options = ("--target", target) if target else ()

    def build(case: Case, storage: str) -> descent.Artifact:
        fusion = ("--no-fusion",) if is_unfused() or not case.fused else ()
        return compile_rule(case.rule, *case.options, "--storage", storage, *options, *fusion)

    return build
