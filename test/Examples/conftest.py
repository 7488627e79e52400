"""A small text and a runner for the example trainer."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from trainer import SMALL, Train, program, run


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences of a few words: something that a tiny model learns within a few steps."""
    words = "the compiler fuses sweeps and a plan moves bytes once for every norm".split()
    choice = random.Random(0)
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(" ".join(choice.choice(words) for _ in range(4000)))
    return path


@pytest.fixture
def train(text: Path) -> Train:
    """Trains the small model; later options override earlier ones."""

    def call(*options: str | Path) -> subprocess.CompletedProcess[str]:
        return run(program("gpt-train"), "--data", text, *SMALL, *options)

    return call
