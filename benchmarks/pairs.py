"""Ours and others, timed in turns in one process for each work and number of threads.

A benchmark lists its contests and calls `main`: it prints a table, and with `--json FILE` writes what
benchmarks/page.py puts on the page, row by row. `--only TEXT` measures the pairs whose name has the text; `--quick`
takes small sizes and few turns.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import machine

from descent.run.rounds import Comparison, Step, compare_all

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "benchmarks"
os.environ.setdefault("DESCENT_BUILD", str(ROOT / "build"))


@dataclass(frozen=True)
class Goal:
    """A line of the page. `work` is the beginning of a row's."""

    work: str
    beside: str
    threads: int
    target: float


@dataclass(frozen=True)
class Contest:
    """`make(threads, others, quick)` checks that all compute the same, and returns our step and theirs, all run before.
    `target`: the ratio of speeds that is wanted, to each of the others."""

    work: str
    others: tuple[str, ...]
    target: float
    make: Callable[[int, Sequence[str], bool], Sequence[Step]]

    def names(self) -> list[str]:
        return [f"{self.work} / {other}" for other in self.others]

    def goals(self) -> list[Goal]:
        return [Goal(self.work, other, threads, self.target) for other in self.others for threads in (1, 2)]


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


def note(text: str) -> None:
    """What a benchmark is about to do, for who waits."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def make_row(work: str, beside: str, threads: int, found: Comparison, target: float) -> Row:
    return Row(work, beside, threads, found.own, found.other, found.ratio, found.lowest, found.highest, target)


def measure(contest: Contest, others: Sequence[str], threads: int, quick: bool, budget: float) -> list[Row]:
    steps = contest.make(threads, others, quick)
    found = compare_all(steps, budget)
    each = zip(others, found, strict=True)
    return [make_row(contest.work, other, threads, one, contest.target) for other, one in each]


def measure_apart(contest: Contest, others: Sequence[str], threads: int, budget: float) -> list[Row]:
    """In a process of its own. What torch.compile made stays for the next time."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    environment |= {"MKL_NUM_THREADS": str(threads), "TORCHINDUCTOR_CACHE_DIR": str(FOLDER / "inductor")}
    command = [sys.executable, sys.argv[0], "--contest", contest.work, "--threads", str(threads)]
    command += ["--budget", str(budget), "--others", *others]
    note(f"{contest.work}, {threads} threads, beside {', '.join(others)}")
    result = subprocess.run(command, env=environment, check=False, text=True, stdout=subprocess.PIPE)
    if result.returncode:
        note(f"FAILED with status {result.returncode}: '{contest.work}' on {threads} threads")
        return []
    return [Row(**row) for row in json.loads(result.stdout.splitlines()[-1])]


def merge_rows(file: Path | str, rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> None:
    """With the machine's description. Rows with other keys that the file has already stay."""
    path = Path(file)
    before = json.loads(path.read_text())["rows"] if path.exists() else []
    known = {tuple(map(str, (row[key] for key in keys))): row for row in [*before, *rows]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine.describe(), "rows": list(known.values())}, indent=1) + "\n")


def write_rows(file: Path | str, rows: Sequence[Row]) -> None:
    merge_rows(file, [asdict(row) for row in rows], ("work", "beside", "threads"))


def parse_arguments(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--only", default="", help="pairs whose name contains this")
    parser.add_argument("--threads", default="2,1", help="numbers, separated by commas")
    parser.add_argument("--budget", type=float, default=4.0, help="seconds of undisturbed turns for a contest")
    parser.add_argument("--quick", action="store_true", help="small sizes and few turns: does it run at all")
    parser.add_argument("--json", help="write the rows to this file too")
    parser.add_argument("--contest", help="measure one in this process, and print JSON")
    parser.add_argument("--others", nargs="*", default=[], help="of that contest")
    return parser.parse_args()


def choose(contests: Sequence[Contest], only: str) -> list[tuple[Contest, list[str]]]:
    chosen = []
    for contest in contests:
        others = [other for other, name in zip(contest.others, contest.names(), strict=True) if only in name]
        if others:
            chosen.append((contest, others))
    if not chosen:
        names = [name for contest in contests for name in contest.names()]
        raise SystemExit(f"no pair has '{only}' in its name; there are: " + ", ".join(names))
    return chosen


def main(description: str, contests: Sequence[Contest]) -> None:
    options = parse_arguments(description)
    threads = [int(count) for count in options.threads.split(",")]
    if options.contest:
        (contest,) = [contest for contest in contests if contest.work == options.contest]
        rows = measure(contest, options.others, threads[0], options.quick, options.budget)
        print(json.dumps([asdict(row) for row in rows]))
        return
    chosen = choose(contests, options.only)
    print("\n".join(machine.describe()) + "\n\n" + HEADING, flush=True)
    complete = True
    for count in threads[-1:] if options.quick else threads:
        for contest, others in chosen:
            if options.quick:
                rows = measure(contest, others, count, True, 0.0)
            else:
                rows = measure_apart(contest, others, count, options.budget)
            complete = complete and len(rows) == len(others)
            for row in rows:
                print(row.line(), flush=True)
            if options.json and rows:
                write_rows(options.json, rows)
    if not complete:
        raise SystemExit("some contests failed; the rest is written")
