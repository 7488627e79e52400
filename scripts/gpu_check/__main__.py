"""The two halves. `scripts/gpu-check.sh` calls it."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from . import programs  # first: it makes the packages of this repository importable
from . import build, report, sanitize
from .devices import make_device
from .records import Record, read
from .sections import SECTIONS, Section, run_one

# A section that is left less is not begun.
LEAST_SECONDS = 10.0
# Of the budget, for timings: checks that take longer than they should leave it to them.
FOR_TIMINGS = 0.45


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gpu-check.sh", description="Checks and times Descent's kernels on a GPU.")
    halves = parser.add_subparsers(dest="half", required=True)
    first = halves.add_parser("build", help="compile what the other half runs, where descent-compile is")
    first.add_argument("folder", nargs="?", default="out/gpu-check")
    first.add_argument("--chips", default="sm_90a", help="of CUDA, separated by commas (sm_90a)")
    first.add_argument("--quick", action="store_true", help="a few programs")
    first.add_argument("--only", default="", help="programs whose name has this")
    first.add_argument("--simulator", action="store_true", help="for the simulator, in place of chips")
    first.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    second = halves.add_parser("run", help="check and time, where a GPU is")
    second.add_argument("folder", nargs="?", default="out/gpu-check")
    second.add_argument("--device", choices=["cuda", "simulator"], default="cuda")
    second.add_argument("--budget", type=float, default=520.0, help="seconds for all (520)")
    second.add_argument("--only", default="", help="sections whose name has this; 'list' names them")
    second.add_argument("--out", help="where the table goes; the folder unless said")
    second.add_argument("--together", action="store_true", help="all sections in one process: none is ended")
    second.add_argument("--no-sanitizer", action="store_true", help="leave compute-sanitizer out")
    second.add_argument("--section", help=argparse.SUPPRESS)  # run one in this process
    second.add_argument("--logs", help=argparse.SUPPRESS)
    return parser.parse_args()


def run_section(section: Section, options: argparse.Namespace, logs: Path, seconds: float) -> list[Record]:
    """In a process of its own, ended when its time is up. What it has found by then is kept."""
    print(f"== {section.name}: {section.title}", flush=True)
    if options.together:
        return run_here(section, options, logs, seconds)
    command = [
        sys.executable,
        "-m",
        "gpu_check",
        "run",
        options.folder,
        f"--device={options.device}",
        f"--logs={logs}",
        f"--section={section.name}",
        f"--budget={seconds}",
    ]
    begin, ending = time.monotonic(), ""
    lines = logs / f"{section.name}.jsonl"
    lines.unlink(missing_ok=True)
    with (logs / f"{section.name}.log").open("w") as log:
        try:
            # A check that is under way when the time is up may end.
            done = subprocess.run(command, stderr=log, timeout=seconds + 15.0, check=False)
            ending = f"status {done.returncode}" if done.returncode else ""
        except subprocess.TimeoutExpired:
            ending = f"no end after {seconds + 15.0:.0f} s: a kernel that does not end, or too little time"
    records = list(read(lines))
    if ending:
        last = (logs / f"{section.name}.log").read_text(errors="replace").strip().splitlines()[-6:]
        records.append(ended(section, " / ".join([ending, *last])))
    print(f"  {time.monotonic() - begin:.0f} s", flush=True)
    return records


def run_here(section: Section, options: argparse.Namespace, logs: Path, seconds: float) -> list[Record]:
    lines = logs / f"{section.name}.jsonl"
    ending: list[Record] = []
    try:
        run_one(section, options, logs, seconds)
    except Exception as error:  # the other sections go on
        ending.append(ended(section, f"{type(error).__name__}: {error}"))
    return [*read(lines), *ending]


def ended(section: Section, detail: str) -> Record:
    print(f"  {section.name}: {report.ENDED}: {detail}", flush=True)
    return Record("check", section.name, "the section as a whole", verdict=report.ENDED, detail=detail)


class Whole:
    """All sections and what they have found so far, which is written after each."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.begin = options, time.monotonic()
        folder = build.Folder(Path(options.folder))
        self.logs = Path(options.folder) / "logs"
        self.out = Path(options.out or options.folder)
        for made in (self.logs, self.out):
            made.mkdir(parents=True, exist_ok=True)
        self.facts = make_device(options.device).describe() | {"compiled for": folder.target, "commit": folder.commit}
        self.titles: dict[str, str] = {}
        self.records: list[Record] = []

    @property
    def left(self) -> float:
        return float(self.options.budget) - (time.monotonic() - self.begin)

    def run(self, sections: Sequence[Section]) -> None:
        for section in sections:
            kept = 0.0 if section.is_timing or self.options.only else FOR_TIMINGS * self.options.budget
            seconds = min(section.seconds, self.left - kept)
            self.titles[section.name] = section.title
            if seconds < LEAST_SECONDS:
                detail = "no time is left"
                self.records.append(Record("check", section.name, "all of it", verdict="left out", detail=detail))
            else:
                self.records += run_section(section, self.options, self.logs, seconds)
            self.write()

    def sanitize(self, tools: Sequence[str], seconds: float) -> None:
        options = self.options
        if options.device != "cuda" or options.no_sanitizer or options.only not in "sanitizer":
            return
        self.titles["sanitizer"] = "compute-sanitizer"
        self.records += sanitize.run(tools, options.folder, self.logs, min(seconds, self.left))
        self.write()

    def write(self) -> None:
        report.write(self.out, self.facts, self.titles, self.records)


def run_all(options: argparse.Namespace) -> int:
    whole = Whole(options)
    chosen = [section for section in SECTIONS if options.only in section.name]
    whole.run([section for section in chosen if not section.is_timing])
    whole.sanitize(sanitize.TOOLS[:1], 60.0)
    whole.run([section for section in chosen if section.is_timing])
    whole.sanitize(sanitize.TOOLS[1:], options.budget)
    whole.write()
    return conclude(whole.out, whole.records, time.monotonic() - whole.begin)


def conclude(out: Path, records: list[Record], seconds: float) -> int:
    wrong = report.failures(records)
    checks = sum(record.kind == "check" for record in records)
    goals = [record for record in records if record.kind == "target"]
    for record in goals:
        print(f"{record.verdict:>7}: {record.name}: {report.shown(record.value, record.unit)}, {record.detail}")
    for record in wrong:
        print(f"{record.verdict}: {record.section}: {record.name}: {record.detail}")
    met = sum(record.verdict == "met" for record in goals)
    print(
        f"{checks - len(wrong)} of {checks} checks good, {met} of {len(goals)} goals met, {seconds:.0f} s; "
        f"the table is {out / 'gpu-check.md'}"
    )
    return 1 if wrong or not checks else 0


def main() -> int:
    options = parse_arguments()
    if options.half == "build":
        folder = Path(options.folder)
        shutil.rmtree(folder, ignore_errors=True)
        build.build(folder, options.chips, options.quick, options.only, options.simulator, options.jobs)
        return 0
    if options.only == "list":
        print("\n".join(f"{section.name:<20}{section.title}" for section in SECTIONS))
        return 0
    if options.section:
        (section,) = [section for section in SECTIONS if section.name == options.section]
        run_one(section, options, Path(options.logs), options.budget)
        return 0
    return run_all(options)


if __name__ == "__main__":
    sys.exit(main())
