#!/usr/bin/env python3
"""Compares runs of gpt-train: a table, and a picture of their loss curves."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# The loss of one batch is noisy; the table and the curves show means of this many steps.
MEAN_STEPS = 10
LINE_STYLES = ["-", "--", ":", "-."]


@dataclass
class Run:
    """One log. Losses that were not finite are NaN."""

    rule: str
    learning_rate: float
    steps: np.ndarray
    losses: np.ndarray
    seconds: np.ndarray
    optimizer_seconds: np.ndarray
    validation_steps: list[int]
    validation_losses: list[float]

    @property
    def name(self) -> str:
        return f"{self.rule} x{self.learning_rate:g}"

    @property
    def final_loss(self) -> float:
        return float(np.mean(self.losses[-MEAN_STEPS:]))

    @property
    def final_validation(self) -> float:
        return self.validation_losses[-1] if self.validation_losses else float("nan")

    @property
    def optimizer_share(self) -> float:
        return float(self.optimizer_seconds.sum() / self.seconds.sum())


def number(value: float | None) -> float:
    return float("nan") if value is None else value


def read_run(path: Path) -> Run:
    """Reads a log; of a step that a resumed run repeated, the last line counts."""
    header: dict[str, Any] = {}
    records: dict[int, dict[str, Any]] = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        if "step" in record:
            records[record["step"]] = record
        else:
            header = record
    if not header or not records:
        raise ValueError("no steps in it")
    ordered = [records[step] for step in sorted(records)]
    validated = [record for record in ordered if "validation_loss" in record]
    return Run(
        rule=header["rule"],
        learning_rate=header["lr_scale"],
        steps=np.array([record["step"] for record in ordered]),
        losses=np.array([number(record["loss"]) for record in ordered]),
        seconds=np.array([record["seconds"] for record in ordered]),
        optimizer_seconds=np.array([record["optimizer_seconds"] for record in ordered]),
        validation_steps=[record["step"] for record in validated],
        validation_losses=[number(record["validation_loss"]) for record in validated],
    )


def table(runs: list[Run]) -> str:
    lines = [f"{'rule':<10}{'lr':>8}{'training loss':>16}{'validation loss':>18}{'ms a step':>12}{'optimizer':>12}"]
    for run in runs:
        milliseconds = float(np.median(run.seconds)) * 1e3
        lines.append(f"{run.rule:<10}{f'x{run.learning_rate:g}':>8}{run.final_loss:>16.4f}{run.final_validation:>18.4f}"
                     f"{milliseconds:>12.1f}{run.optimizer_share:>11.1%}")
    lines.append(f"training loss: mean of the last {MEAN_STEPS} steps; ms a step: median, validation not included; "
                 "optimizer: its share of all steps")
    return "\n".join(lines)


def draw(runs: list[Run], output: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rules = sorted({run.rule for run in runs})
    rates = sorted({run.learning_rate for run in runs})
    figure, (training, validation) = plt.subplots(1, 2, figsize=(12, 5), sharey=True)
    for run in runs:
        style: dict[str, Any] = {
            "color": f"C{rules.index(run.rule)}",
            "linestyle": LINE_STYLES[rates.index(run.learning_rate) % len(LINE_STYLES)],
            "label": run.name,
        }
        width = min(MEAN_STEPS, len(run.losses))
        means = np.convolve(run.losses, np.ones(width) / width, mode="valid")
        training.plot(run.steps[width - 1:], means, **style)
        validation.plot(run.validation_steps, run.validation_losses, marker=".", **style)
    training.set(title=f"training (mean of {MEAN_STEPS} steps)", xlabel="step", ylabel="cross entropy a character")
    validation.set(title="validation", xlabel="step")
    for axes in (training, validation):
        axes.grid(alpha=0.3)
    validation.legend()
    figure.tight_layout()
    figure.savefig(output, dpi=120)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOG", help="a file that gpt-train --log wrote")
    parser.add_argument("--output", type=Path, default=Path("losses.png"), help="the picture (default: %(default)s)")
    args = parser.parse_args()
    runs: list[Run] = []
    for path in args.logs:
        try:
            runs.append(read_run(path))
        except (OSError, ValueError, KeyError) as error:
            print(f"plot.py: cannot use log '{path}': {error}", file=sys.stderr)
            return 1
    print(table(runs))
    draw(runs, args.output)
    print(f"loss curves: {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
