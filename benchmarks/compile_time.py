#!/usr/bin/env python3
"""Seconds and memory that descent-compile takes for every rule of the library, and for recipes of several groups.

    .venv/bin/python3 benchmarks/compile_time.py

Each run is a process of its own; its peak of resident memory is the kernel's (rusage), and includes the linker that it
calls for a shared object. Beside them stands what torch.compile takes for a step of AdamW and of Muon on GPT-2 124M,
from its first call to its end, in a process of its own and with nothing cached.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import machine
import pairs

import descent
from descent.run.against import prepare_torch, torch_step, variants
from descent.run.shapes import parse_shapes
from descent.run.workload import Workload, plan_job

COMPILER = pairs.ROOT / "build" / "bin" / "descent-compile"
RULES = pairs.ROOT / "lib" / "Optimizers"
RECIPES = sorted((pairs.ROOT / "benchmarks" / "recipes").glob("*.mlir"))
# For one instruction set, and for all of them in one object.
WANTED, WANTED_OF_ALL = 1.0, 2.5
ANY, ALL = "compiling any rule", "all instruction sets"
ANY_RECIPE, ALL_OF_RECIPE = "compiling any recipe", "any recipe for all instruction sets"
A_SECOND, SECONDS, COLD = "a second", "2.5 seconds", "torch.compile of its step, cold"
TORCH = {"adamw": (), "muon_torch": ("--stored", "out_in", "--class", "matrix")}
# The policy with most to compile.
SMALL = "param = bf16, master = remainder, states = q8"
QUICK_SHAPES = "48x96,96"


@dataclass(frozen=True)
class Subject:
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Taken:
    """Of several runs: the median of the seconds, the slowest, and the peak of resident memory in MB."""

    median: float
    slowest: float
    memory: float


def subjects() -> list[Subject]:
    listed = subprocess.run([COMPILER, "--list"], check=True, capture_output=True, text=True).stdout
    found = []
    for name in (line for line in listed.splitlines() if line and not line.startswith(" ")):
        given = "#descent.given" in (RULES / f"{name}.mlir").read_text()
        # The costliest norm to compile: Newton-Schulz for a direction, and for a dual norm.
        options = ("--norm", "#descent.rms_to_rms", "--stored", "out_in") if given else ()
        found.append(Subject(name, (name, *options)))
    recipes = [path for path in RECIPES if "descent.recipe" in path.read_text()]
    found += [Subject(f"recipe {path.stem}", (str(path),)) for path in recipes]
    return found + [Subject(f"recipe {path.stem}, {SMALL}", (str(path), f"--storage={SMALL}")) for path in recipes]


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


def run_often(arguments: tuple[str, ...], ending: str, runs: int) -> Taken:
    with tempfile.TemporaryDirectory() as folder:
        taken = [run_once(arguments, Path(folder) / f"rule.{ending}") for _ in range(runs)]
    seconds = [one for one, _ in taken]
    return Taken(statistics.median(seconds), max(seconds), max(size for _, size in taken))


def time_torch(rule: str, quick: bool) -> float:
    """In this process, which has compiled nothing before."""
    with tempfile.TemporaryDirectory() as folder:
        artifact = descent.compile(rule, Path(folder) / "rule.so", *TORCH[rule])
        job = plan_job(artifact, parse_shapes(QUICK_SHAPES if quick else "gpt2-124m").tensors, {})
        threads = os.cpu_count() or 1
        prepare_torch(threads)
        (compiled,) = [variant for variant in variants(job) if variant.compiled]
        step = torch_step(Workload(job, threads), compiled)
        begin = time.perf_counter()
        step()
        return time.perf_counter() - begin


def time_torch_apart(rule: str, quick: bool) -> float:
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, __file__, "--torch", rule, *(["--quick"] if quick else [])]
        environment = os.environ | {"TORCHINDUCTOR_CACHE_DIR": cache}
        finished = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, env=environment)
    return float(finished.stdout.splitlines()[-1])


def make_row(work: str, beside: str, own: float, other: float) -> pairs.Row:
    ratio = other / own
    return pairs.Row(work, beside, 1, own, other, ratio, ratio, ratio, 1.0)


def report(runs: int, quick: bool, with_torch: bool) -> Iterator[pairs.Row]:
    """The page's rows, each as soon as it is known."""
    print("\n".join(machine.describe()))
    print(f"medians of {runs} runs each, and the slowest run; all: every instruction set in one")
    columns = "".join(f"{what:>10}{'slowest':>10}" for what in ("to .so", "to .o", "all, .so", "all, .o"))
    print(f"\n{'':<22}{columns}{'memory':>12}")
    single: dict[str, float] = {}
    every: dict[str, float] = {}
    for subject in subjects()[: 1 if quick else None]:
        pairs.note(f"compiling {subject.name}")
        everywhere = (*subject.arguments, "--target", "cpu")
        found = [run_often(subject.arguments, ending, runs) for ending in ("so", "o")]
        found += [run_often(everywhere, ending, runs) for ending in ("so", "o")]
        columns = "".join(f"{taken.median:>8.3f} s{taken.slowest:>8.3f} s" for taken in found)
        print(f"{subject.name:<22}{columns}{max(taken.memory for taken in found):>9.0f} MB", flush=True)
        single[subject.name], every[subject.name] = found[0].median, max(found[2].median, found[3].median)
    print(f"\n{pairs.HEADING}")
    for seconds, work, of_recipes, beside, wanted in (
        (single, ANY, ANY_RECIPE, A_SECOND, WANTED),
        (every, ALL, ALL_OF_RECIPE, SECONDS, WANTED_OF_ALL),
    ):
        for title, is_recipe in ((work, False), (of_recipes, True)):
            of_kind = {name: taken for name, taken in seconds.items() if name.startswith("recipe") == is_recipe}
            if of_kind:
                slowest = max(of_kind, key=lambda name: of_kind[name])
                yield make_row(f"{title}, slowest: {slowest}", beside, of_kind[slowest], wanted)
    for rule in TORCH if with_torch else ():
        if rule in single:
            pairs.note(f"torch.compile of {rule}, cold")
            yield make_row(f"compiling {rule}", COLD, single[rule], time_torch_apart(rule, quick))


def goals() -> list[pairs.Goal]:
    besides = [(ANY, A_SECOND), (ANY_RECIPE, A_SECOND), (ALL, SECONDS), (ALL_OF_RECIPE, SECONDS)]
    besides += [(f"compiling {rule}", COLD) for rule in TORCH]
    return [pairs.Goal(work, beside, 1, 1.0) for work, beside in besides]


def main() -> None:
    parser = argparse.ArgumentParser(description="How long descent-compile takes, and how much memory.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one rule, one run: does it run at all")
    parser.add_argument("--json", help="write the rows of the page to this file")
    parser.add_argument("--no-torch", action="store_true", help="leave torch.compile out")
    parser.add_argument("--torch", choices=list(TORCH), help="time torch.compile in this process, and print seconds")
    options = parser.parse_args()
    if options.torch:
        print(time_torch(options.torch, options.quick))
        return
    with_torch = not options.no_torch and importlib.util.find_spec("torch") is not None
    for row in report(1 if options.quick else options.runs, options.quick, with_torch):
        print(row.line(), flush=True)
        if options.json:
            pairs.write_rows(options.json, [row])


if __name__ == "__main__":
    main()
