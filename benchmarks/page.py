#!/usr/bin/env python3
"""Writes docs/benchmarks.md from what the benchmarks left in build/benchmarks.

    .venv/bin/python3 benchmarks/page.py

`NAME.json` has the rows of a comparison (benchmarks/pairs.py), `NAME.txt` the output of a benchmark that has a text of
its own. A part without results is left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pairs

PAGE = pairs.ROOT / "docs" / "benchmarks.md"
INTRODUCTION = """# Benchmarks

This page is written by `benchmarks/run.sh`. In the first table each line is a pair that worked in one process, in
turns, after both had been found to compute the same: medians, and the median of the ratios of speeds with the least and
the largest. Above 1, Descent is faster. "Wanted" is the goal; a miss is in bold. Rounds in which other programs took
more than a twentieth of the machine are left out where others were to be had.
"""


@dataclass(frozen=True)
class Part:
    """What one benchmark contributes to the page."""

    name: str
    title: str
    command: str
    text: str


COMPARISONS = (
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
        "Muon for the hidden matrices beside `torch.optim.Muon`; LANTON, NorMuon and Scion for all tensors beside the "
        "same\nwith PyTorch's operations.",
    ),
)
TEXTS = (
    Part(
        "adamw",
        "AdamW",
        "scripts/setup.sh --tests && .venv/bin/python3 benchmarks/adamw.py",
        "One step of AdamW in f32, beside `torch.optim.AdamW(fused=True)` and beside a loop by hand\n"
        "([adamw_loop.c](../benchmarks/adamw_loop.c)) with the same streams: four read, three written. All are first "
        "checked\nagainst NumPy in float64. A pair shares one process and the same arrays, and takes turns; above 1, "
        "Descent is faster.",
    ),
    Part(
        "compile_time",
        "descent-compile",
        ".venv/bin/python3 benchmarks/compile_time.py",
        "From a rule of the library, or a recipe of three groups, to a shared object (which calls the linker) and to "
        "an object.",
    ),
    Part("build_time", "Building Descent", "benchmarks/build_time.sh", "In a copy of the sources, without ccache."),
)
HEADING = (
    "| work | beside | threads | Descent | the other | ratio (least, most) | wanted |\n|---|---|---|---|---|---|---|"
)


def seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} us"


def line(row: pairs.Row) -> str:
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


def comparison(part: Part, file: Path) -> str:
    document = json.loads(file.read_text())
    rows = "\n".join(line(pairs.Row(**row)) for row in document["rows"])
    machine = "\n".join(document["machine"])
    return (
        f"\n## {part.title}\n\n{part.text}\n\n```bash\n{part.command}\n```\n\n```text\n{machine}\n```\n\n"
        f"{HEADING}\n{rows}\n"
    )


def text(part: Part, file: Path) -> str:
    return f"\n## {part.title}\n\n{part.text}\n\n```bash\n{part.command}\n```\n\n```text\n{file.read_text()}```\n"


def write(folder: Path, page: Path) -> None:
    parts = [INTRODUCTION]
    for render, ending, listed in ((comparison, "json", COMPARISONS), (text, "txt", TEXTS)):
        for part in listed:
            file = folder / f"{part.name}.{ending}"
            if file.exists() and file.stat().st_size:
                parts.append(render(part, file))
    page.write_text("".join(parts))


if __name__ == "__main__":
    write(pairs.FOLDER, PAGE)
    print(f"wrote {PAGE.relative_to(pairs.ROOT)}")
