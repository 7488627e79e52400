"""Pairs of implementations, timed in turns in one process for each pair and number of threads.

A benchmark lists its pairs and calls `main`: it prints a table, and with `--json FILE` writes what benchmarks/page.py
puts on the page. `--only TEXT` measures the pairs whose name has the text; `--quick` takes small sizes and few rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import machine

from descent.run.rounds import Step, compare

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "benchmarks"
os.environ.setdefault("DESCENT_BUILD", str(ROOT / "build"))


@dataclass(frozen=True)
class Pair:
    """`make(threads, quick)` checks that both compute the same, and returns our step and the other one's, both run
    before. `target`: the ratio of speeds that is wanted."""

    work: str
    beside: str
    target: float
    make: Callable[[int, bool], tuple[Step, Step]]

    @property
    def name(self) -> str:
        return f"{self.work} / {self.beside}"


@dataclass(frozen=True)
class Row:
    """One line of the page: seconds of both, where it is about one work, and our speed over the other's."""

    work: str
    beside: str
    threads: int
    own: float | None
    other: float | None
    ratio: float
    lowest: float
    highest: float
    target: float

    @property
    def missed(self) -> bool:
        return self.ratio < self.target

    def line(self) -> str:
        times = "".join(f"{'':>14}" if time is None else f"{time * 1e3:>11.3f} ms" for time in (self.own, self.other))
        ratio = f"{self.ratio:>7.2f} ({self.lowest:.2f} to {self.highest:.2f})"
        return f"{self.work:<42}{self.beside:<34}{self.threads:>3}{times}{ratio:<24}{self.target:>7g}" + (
            "  missed" if self.missed else ""
        )


HEADING = f"{'work':<42}{'beside':<34}{'thr':>3}{'Descent':>14}{'the other':>14}  {'ratio of speeds':<22}{'wanted':>7}"


def measure_pair(pair: Pair, threads: int, quick: bool, budget: float) -> Row:
    own, other = pair.make(threads, quick)
    found = compare(own, other, budget)
    return Row(
        pair.work, pair.beside, threads, found.own, found.other, found.ratio, found.lowest, found.highest, pair.target
    )


def measure_apart(pair: Pair, threads: int, options: argparse.Namespace) -> Row:
    """In a process of its own. What torch.compile made stays for the next time."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    environment |= {"MKL_NUM_THREADS": str(threads), "TORCHINDUCTOR_CACHE_DIR": str(FOLDER / "inductor")}
    command = [sys.executable, sys.argv[0], "--pair", pair.name, "--threads", str(threads)]
    command += ["--budget", str(options.budget)] + (["--quick"] if options.quick else [])
    result = subprocess.run(command, env=environment, check=False, text=True, stdout=subprocess.PIPE)
    if result.returncode:
        raise SystemExit(f"'{pair.name}' on {threads} threads failed with status {result.returncode}")
    return Row(**json.loads(result.stdout.splitlines()[-1]))


def write_rows(file: str, rows: Sequence[Row]) -> None:
    """With the machine's description. Rows of other pairs that the file has already stay."""
    path = Path(file)
    before = json.loads(path.read_text())["rows"] if path.exists() else []
    known = {(row["work"], row["beside"], row["threads"]): row for row in [*before, *map(asdict, rows)]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine.describe(), "rows": list(known.values())}, indent=1) + "\n")


def parse_arguments(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--only", default="", help="pairs whose name contains this")
    parser.add_argument("--threads", default="1,2", help="numbers, separated by commas")
    parser.add_argument("--budget", type=float, default=8.0, help="seconds of undisturbed rounds for a pair")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: does it run at all")
    parser.add_argument("--json", help="write the rows to this file too")
    parser.add_argument("--pair", help="measure one pair in this process, and print JSON")
    return parser.parse_args()


def main(description: str, pairs: Sequence[Pair]) -> None:
    options = parse_arguments(description)
    threads = [int(count) for count in options.threads.split(",")]
    if options.pair:
        (pair,) = [pair for pair in pairs if pair.name == options.pair]
        print(json.dumps(asdict(measure_pair(pair, threads[0], options.quick, options.budget))))
        return
    chosen = [pair for pair in pairs if options.only in pair.name]
    if not chosen:
        raise SystemExit(f"no pair has '{options.only}' in its name; there are: " + ", ".join(p.name for p in pairs))
    print("\n".join(machine.describe()) + "\n\n" + HEADING, flush=True)
    for pair in chosen:
        for count in threads[:1] if options.quick else threads:
            row = measure_pair(pair, count, True, 0.0) if options.quick else measure_apart(pair, count, options)
            print(row.line(), flush=True)
            if options.json:
                write_rows(options.json, [row])
