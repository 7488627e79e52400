#!/usr/bin/env python3
"""Writes docs/benchmarks.md from what the benchmarks left in build/benchmarks.

    .venv/bin/python3 benchmarks/page.py

`NAME.json` has the figures that goals are for (benchmarks/goals.py), `NAME.txt` all that a benchmark printed. Goals
whose figures are missing stand there as not measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import goals
import machine
import pairs

PAGE = pairs.ROOT / "docs" / "benchmarks.md"
INTRODUCTION = """# Benchmarks

This page is written by `benchmarks/run.sh`, which runs what follows.

```text
{machine}
```

## Goals

A line is Descent beside another that worked in the same process, in turns, after both had been found to compute the
same: the medians, and the median of the ratios of speeds, with the least and the largest. Above 1, Descent is faster.
Misses are in bold. Turns in which other programs took more than a twentieth of the machine are left out where others
were to be had.

| work | beside | threads | Descent | the other | ratio (least, most) | wanted |
|---|---|---|---|---|---|---|
{rows}
"""
# Why a goal is missed, by the beginning of the work's name.
CAUSES = {
    "AdamW, bf16 parameters, 8-bit states": "8-bit states: a core that moves 40 GB/s is bound by the arithmetic that "
    "finds the nearest codes, not by bytes (storage.md).",
    "A B, f32: worst": "A B in f32, worst: 64 x 64 x 64 and 96 x 96 x 96 take 5 to 15 us, of which beginning a tile "
    "and packing are a tenth; 33 x 77 x 1000 is one tile, which threads do not share; 50257 x 768 x 64 (154 MB of "
    "result, 64 multiply-adds an entry) waits for the lines of the result, which prefetching panels did not mend.",
    "A A^T with its mirror, bf16": "A A^T in bf16 with two threads: a second thread makes general products 1.9 times "
    "as fast, but triangles of 256 and 512 rows 1.0 and 1.3 times. Why is not known: tiles are as even as their "
    "number allows, and spinning on the pool's lock gains nothing. The mirror images are suspected, as they are "
    "written to lines that another core may hold.",
    "compiling any recipe": "A recipe of five groups with 16-bit parameters, remainders and 8-bit states is twice as "
    "much code as a rule in f32.",
}


@dataclass(frozen=True)
class Part:
    """What one benchmark printed."""

    name: str
    title: str
    command: str
    text: str


PARTS = (
    Part(
        "adamw",
        "AdamW",
        "scripts/setup.sh --tests && .venv/bin/python3 benchmarks/adamw.py",
        """One step of AdamW in f32, beside `torch.optim.AdamW` and a loop by hand
([adamw_loop.c](../benchmarks/adamw_loop.c)) with the same streams: four read, three written. All are first checked
against NumPy in float64.""",
    ),
    Part(
        "storage",
        "Storage policies",
        ".venv/bin/python3 benchmarks/storage.py",
        "AdamW under policies of storage, in turns in one process.",
    ),
    Part(
        "products",
        "Matrix products",
        ".venv/bin/python3 benchmarks/products.py",
        """The products alone, beside OpenBLAS with its kernels for AVX-512 and for AVX2, and PyTorch, whose products of
bf16 are oneDNN's.""",
    ),
    Part(
        "newton_schulz",
        "Newton-Schulz",
        ".venv/bin/python3 benchmarks/newton_schulz.py",
        "Five steps for one matrix, in f32 or bf16, beside the same function with PyTorch.",
    ),
    Part(
        "models",
        "Steps of GPT-2 124M",
        ".venv/bin/python3 benchmarks/models.py",
        """Muon for the hidden matrices beside `torch.optim.Muon`; LANTON, NorMuon and Scion for all tensors beside the
same with PyTorch's operations.""",
    ),
    Part(
        "compile_time",
        "descent-compile",
        ".venv/bin/python3 benchmarks/compile_time.py",
        """From a rule of the library, or a recipe of three groups, to a shared object (which calls the linker) and to
an object.""",
    ),
    Part("build_time", "Building Descent", "benchmarks/build_time.sh", "In a copy of the sources, without ccache."),
)


def seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} us"


def line(goal: pairs.Goal, row: pairs.Row | None) -> str:
    if row is None:
        return f"| {goal.work} | {goal.beside} | {goal.threads} |  |  | not measured | {goal.target:g} |"
    ratio = f"**{row.ratio:.2f}**" if row.missed else f"{row.ratio:.2f}"
    cells = (
        row.work,
        row.beside,
        str(row.threads),
        seconds(row.own),
        seconds(row.other),
        f"{ratio} ({row.lowest:.2f}, {row.highest:.2f})",
        f"{row.target:g}",
    )
    return f"| {' | '.join(cells)} |"


def causes(rows: Sequence[pairs.Row]) -> str:
    """Of the misses among the rows."""
    missed = [cause for work, cause in CAUSES.items() if any(row.missed and row.work.startswith(work) for row in rows)]
    return "\nWhat is missed, and why:\n\n" + "\n".join(f"- {cause}" for cause in missed) + "\n" if missed else ""


def section(part: Part, printed: str) -> str:
    return f"\n## {part.title}\n\n{part.text}\n\n```bash\n{part.command}\n```\n\n```text\n{printed}```\n"


def write(folder: Path, page: Path) -> None:
    lines = goals.read_lines(folder)
    rows = [row for _, row in lines if row is not None]
    # How busy the machine was belongs to each benchmark.
    described = "\n".join(text for text in machine.describe() if not text.startswith("load"))
    text = INTRODUCTION.format(machine=described, rows="\n".join(line(goal, row) for goal, row in lines)) + causes(rows)
    for part in PARTS:
        file = folder / f"{part.name}.txt"
        if file.exists() and file.stat().st_size:
            text += section(part, file.read_text())
    page.write_text(text)


if __name__ == "__main__":
    write(pairs.FOLDER, PAGE)
    print(f"wrote {PAGE.relative_to(pairs.ROOT)}")
