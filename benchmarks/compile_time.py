#!/usr/bin/env python3
"""Seconds and memory that descent-compile takes for every rule of the library, and for a recipe of several groups.

    .venv/bin/python3 benchmarks/compile_time.py

Each run is a process of its own; its peak of resident memory is the kernel's (rusage), and includes the linker that it
calls for a shared object.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import machine

ROOT = Path(__file__).resolve().parent.parent
COMPILER = ROOT / "build" / "bin" / "descent-compile"
RULES = ROOT / "lib" / "Optimizers"
RECIPES = (ROOT / "examples" / "gpt" / "lanton.mlir",)


@dataclass(frozen=True)
class Subject:
    name: str
    arguments: tuple[str, ...]


def subjects() -> list[Subject]:
    listed = subprocess.run([COMPILER, "--list"], check=True, capture_output=True, text=True).stdout
    found = []
    for name in (line for line in listed.splitlines() if line and not line.startswith(" ")):
        given = "#descent.given" in (RULES / f"{name}.mlir").read_text()
        # The costliest norm to compile: Newton-Schulz for a direction, and for a dual norm.
        options = ("--norm", "#descent.rms_to_rms", "--stored", "out_in") if given else ()
        found.append(Subject(name, (name, *options)))
    return found + [Subject(f"recipe {path.stem}", (str(path),)) for path in RECIPES]


def run_once(arguments: tuple[str, ...], output: Path) -> tuple[float, float]:
    """Seconds, and the peak of resident memory in MB."""
    command = [str(COMPILER), *arguments, "-o", str(output)]
    start = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"'{' '.join(command)}' failed with status {process.returncode}")
    return seconds, usage.ru_maxrss * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="How long descent-compile takes, and how much memory.")
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    print("\n".join(machine.describe()))
    print(f"medians of {runs} runs each, and the slowest run")
    print(f"\n{'':<22}{'to .so':>10}{'slowest':>10}{'to .o':>10}{'slowest':>10}{'memory':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for subject in subjects():
            columns, memory = "", 0.0
            for ending in ("so", "o"):
                taken = [run_once(subject.arguments, Path(folder) / f"rule.{ending}") for _ in range(runs)]
                seconds = [one for one, _ in taken]
                memory = max(memory, *(size for _, size in taken))
                columns += f"{statistics.median(seconds):>8.3f} s{max(seconds):>8.3f} s"
            print(f"{subject.name:<22}{columns}{memory:>9.0f} MB", flush=True)


if __name__ == "__main__":
    main()
