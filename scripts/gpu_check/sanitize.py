"""compute-sanitizer over a few steps, where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .records import GOOD, WRONG, Record

TOOLS = ("memcheck", "racecheck", "synccheck")
FOUND, LEAST_SECONDS = 99, 30.0


def find() -> str | None:
    """In PATH, or in a toolkit."""
    folders = [os.environ.get(name) for name in ("CUDA_HOME", "CUDA_ROOT", "CUDA_PATH")] + ["/usr/local/cuda"]
    places = [str(Path(folder) / "bin") for folder in folders if folder]
    return next((found for path in (None, *places) if (found := shutil.which("compute-sanitizer", path=path))), None)


def run(tools: Sequence[str], folder: str, logs: Path, seconds: float) -> list[Record]:
    program = find()
    print(f"== sanitizer: {', '.join(tools)}", flush=True)
    if program is None:
        return [note("compute-sanitizer is not installed")]
    records: list[Record] = []
    begin = time.monotonic()
    for tool in tools:
        left = seconds - (time.monotonic() - begin)
        if left < LEAST_SECONDS:
            records.append(note(f"{tool}: no time is left"))
        else:
            records.append(run_tool(program, tool, folder, logs, left))
        print(f"  sanitizer: {records[-1].name} {records[-1].verdict} {records[-1].detail}", flush=True)
    return records


def note(detail: str) -> Record:
    return Record("note", "sanitizer", "left out", detail=detail)


def run_tool(program: str, tool: str, folder: str, logs: Path, seconds: float) -> Record:
    command = [
        program,
        "--tool",
        tool,
        "--error-exitcode",
        str(FOUND),
        sys.executable,
        "-m",
        "gpu_check.sanitized",
        folder,
    ]
    log = logs / f"sanitizer-{tool}.log"
    begin = time.monotonic()
    with log.open("w") as file:
        try:
            status = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return note(f"{tool}: not done after {seconds:.0f} s")
    taken = time.monotonic() - begin
    if status.returncode == 0:
        return Record("check", "sanitizer", tool, taken, "s", GOOD)
    lines = [line for line in log.read_text(errors="replace").splitlines() if "=========" in line]
    if status.returncode == FOUND:
        return Record("check", "sanitizer", tool, taken, "s", WRONG, " / ".join(lines[:8])[:1500])
    return note(f"{tool}: status {status.returncode}, {' / '.join(lines[:3])}")
