"""The artifact that the package's tests use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import descent


@pytest.fixture(scope="session")
def compiled(compile_rule: Callable[..., descent.Artifact]) -> Callable[..., descent.Artifact]:
    return compile_rule


@pytest.fixture(scope="session")
def adamw(compile_rule: Callable[..., descent.Artifact]) -> descent.Artifact:
    return compile_rule("adamw", "--class", "any", "--storage", "f32")
