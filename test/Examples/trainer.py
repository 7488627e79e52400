"""Where the example trainer is, and how the tests call it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / (os.environ.get("DESCENT_BUILD") or "build")

# No size is a multiple of the trainer's tiles and blocks.
SMALL = ["--layers", "2", "--width", "36", "--heads", "3", "--context", "19", "--batch", "4", "--quiet"]

Train = Callable[..., subprocess.CompletedProcess[str]]


def program(name: str) -> str:
    path = BUILD / "bin" / name
    assert path.exists(), f"{path} is not built; DESCENT_BUILD names the build folder"
    return str(path)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, check=False)
