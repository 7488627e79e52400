"""The command descent-run."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..artifact import Artifact
from ..compiler import compile as compile_rule
from ..errors import Error
from . import against, checking, machine, report
from .errors import Refused
from .grouping import parse_choices
from .limits import Limits, Meter
from .shapes import Shapes, model_names, parse_shapes
from .timing import Timing, time_steps
from .workload import Job, Workload, bytes_of, check_memory, plan_job

CHECK_STEPS = 3
# Options that descent-compile has under the same names.
COMPILER_OPTIONS = ("norm", "class", "stored", "storage", "target")


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="descent-run", description="Compiles a rule, checks it, times its stages.")
    parser.add_argument("rule", help="a rule of the library, or the file of a rule or recipe")
    parser.add_argument(
        "--shapes", required=True, help=f"{', '.join(model_names())}; a file; or ROWSxCOLS[xCOUNT] and sizes of vectors"
    )
    parser.add_argument("--threads", default="1", help="numbers, separated by commas (1)")
    parser.add_argument("--steps", type=int, help="timed steps; about three seconds' worth unless said")
    parser.add_argument("--check", action="store_true", help="compare with the same compiled for f64 before timing")
    parser.add_argument("--against", choices=["torch"], help="compare with PyTorch, in turns")
    parser.add_argument("--budget", type=float, default=10.0, help="seconds a comparison (10)")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--no-limits", action="store_true", help="do not measure what this machine can do")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--group", action="append", default=[], metavar="KIND=GROUP", help="who takes a kind of tensor")
    for name in COMPILER_OPTIONS:
        parser.add_argument(f"--{name}", help="of descent-compile")
    parser.add_argument("--option", action="append", default=[], help="a further option of descent-compile, as =--x=y")
    return parser.parse_args(arguments)


def thread_counts(text: str) -> list[int]:
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1 or max(counts) > 256:
        raise Refused(f"--threads takes numbers from 1 to 256, separated by commas; found '{text}'")
    return counts


def compiler_options(options: argparse.Namespace, **changed: str) -> list[str]:
    given = {name: changed.get(name, getattr(options, name)) for name in COMPILER_OPTIONS}
    return [f"--{name}={value}" for name, value in given.items() if value is not None] + list(options.option)


def build(options: argparse.Namespace, folder: Path, **changed: str) -> Artifact:
    output = folder / ("-".join(["artifact", *changed.values()]) + ".so")
    try:
        return compile_rule(options.rule, output, *compiler_options(options, **changed))
    except Error as error:
        raise Refused(str(error)) from error


class Run:
    """One invocation: what it prints goes to `lines`, and what it found into JSON."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.threads = thread_counts(options.threads)
        if options.steps is not None and options.steps < 1:
            raise Refused(f"--steps is 1 or more, found {options.steps}")
        if not options.budget > 0:
            raise Refused(f"--budget is a number of seconds above 0, found {options.budget}")
        if options.against:
            against.require_torch()
        self.shapes: Shapes = parse_shapes(options.shapes)
        self.chosen = parse_choices(options.group)
        self.job: Job = plan_job(build(options, folder), self.shapes.tensors, self.chosen)
        if options.against:
            against.check_comparable(self.job)
        check_memory(bytes_of(self.job), f"'{self.job.artifact.name}' on {self.shapes.name}")

    def print(self, *lines: str) -> None:
        if not self.options.json:
            print("\n".join(lines), flush=True)

    def check(self) -> list[checking.Finding] | None:
        if not self.options.check:
            return None
        reference = plan_job(build(self.options, self.folder, storage="f64"), self.shapes.tensors, self.chosen)
        findings = checking.check(self.job, reference, max(self.threads), CHECK_STEPS)
        self.print(*report.describe_check(findings, CHECK_STEPS))
        return findings

    def time(self, threads: int, limits: Limits | None) -> tuple[Timing, list[dict[str, Any]]]:
        work = Workload(self.job, threads)
        timing = time_steps(work, threads, self.options.steps, limits)
        self.print(*report.describe_timing(timing, self.job.elements))
        found = list(map(report.against_as_json, self.compare(work, threads))) if self.options.against else []
        work.close()
        return timing, found

    def compare(self, work: Workload, threads: int) -> list[against.Against]:
        self.print(f"\n{'against':<28}{'Descent':>14}{'the other':>14}")
        found = []
        for variant in against.variants(self.job):
            if variant.compiled and self.options.no_compile:
                continue
            against.prepare_torch(threads)
            found.append(against.against_torch(work, variant, threads, self.options.budget))
            self.print(report.describe_against(found[-1]))
        return found

    def run(self) -> int:
        self.print(*report.describe_job(self.job, self.shapes.name), *machine.describe())
        findings = self.check()
        good = findings is None or checking.verdict(findings)
        meter = None if self.options.no_limits or not good else Meter()
        runs = []
        # What is wrong need not be fast.
        for threads in self.threads if good else []:
            runs.append(self.time(threads, meter.measure(threads) if meter else None))
        if self.options.json:
            document = report.as_json(self.job, self.shapes.name, findings, [timing for timing, _ in runs])
            for entry, (_, found) in zip(document["runs"], runs, strict=True):
                entry["against"] = found
            document["machine"] = machine.describe()
            print(json.dumps(document, indent=2))
        return 0 if good else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 1 when a check fails; 2 when something was refused, with a sentence about it."""
    options = parse_arguments(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return Run(options, Path(folder)).run()
    except (Refused, Error) as error:
        print(f"descent-run: {error}", file=sys.stderr)
        return 2
    except MemoryError:
        print("descent-run: out of memory; take fewer or smaller shapes", file=sys.stderr)
        return 2
    except BrokenPipeError:  # who read the output has gone, and nothing can be said to them
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return 141
    except KeyboardInterrupt:
        print("descent-run: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
