#!/usr/bin/env python3
"""Assembles the kernels of the library's rules for every chip, and shows what they take.

    scripts/gpu_kernels.py                    # a table in Markdown
    scripts/gpu_kernels.py --write            # docs/gpu-kernels.md
    scripts/gpu_kernels.py --check [--rule R] [--storage S]   # fails on what no kernel may have

Needs the build (DESCENT_BUILD, or build/) and CUDA's assembler, but no device.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("DESCENT_BUILD", ROOT / "build"))
PAGE = ROOT / "docs" / "gpu-kernels.md"
CHIPS = ("sm_80", "sm_90a", "sm_100a")
# The most registers that a thread of a sweep may have: two blocks of 256 threads still run at once. The hash of
# stochastic rounding keeps eight entries' numbers for each state.
MOST_REGISTERS, MOST_STOCHASTIC = 128, 168
# Products keep 64 sums in registers: they aim at two blocks as well, but take more rather than spill.
MOST_PRODUCT = 224
# Chips with tensor cores that four warps feed, on which all products of the library in 16 bits shall be done.
GROUP_CHIPS = ("sm_90a",)
# Types of memory that differ in width and in how they are converted.
POLICIES = ("f32", "bf16", "param = bf16, master = remainder", "param = bf16, states = bf16, rounding = stochastic")
# Rules that take a norm, by those that differ in their stages.
NORMS = {"scion": ("#descent.rms_to_rms", "#descent.max"), "scion_constrained": ("#descent.rms_to_rms",),
         "lanton": ("#descent.rms_to_rms",)}
HEAD = f"""# Kernels of the library

What `scripts/gpu_kernels.py` finds when it assembles every rule of the library for {", ".join(CHIPS)}; numbers stand
in this order, once where they agree. No device takes part: nothing here says how fast a kernel is. The same command
with `--check` is a test: no kernel spills or has a stack, none takes more registers than it is allowed
({MOST_REGISTERS} in sweeps, {MOST_STOCHASTIC} where they round by chance, {MOST_PRODUCT} in products), ptxas
warns of no serialized matrix instruction, all library functions are linked, and kernels that sweep over matrices
access 16 bytes at once, and products in 16 bits use the tensor cores of four warps on {", ".join(GROUP_CHIPS)}.

"""


@dataclass(frozen=True)
class Program:
    rule: str
    norm: str | None
    policy: str

    @property
    def title(self) -> str:
        return f"{self.rule}{f' ({self.norm})' if self.norm else ''}, {self.policy}"

    @property
    def options(self) -> list[str]:
        return [f"--storage={self.policy}"] + ([f"--norm={self.norm}"] if self.norm else [])

    @property
    def most_registers(self) -> int:
        return MOST_STOCHASTIC if "stochastic" in self.policy else MOST_REGISTERS


@dataclass
class Assembled:
    """`kernels` by name and chip; `error` is what the compiler said, if there are none."""

    program: Program
    kernels: dict[str, dict[str, dict[str, Any]]]
    error: str = ""


def compiler(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BUILD / "bin" / "descent-compile", *arguments], capture_output=True, text=True)


def library() -> list[str]:
    return [line for line in compiler("--list").stdout.splitlines() if line and not line.startswith(" ")]


def programs(options: argparse.Namespace) -> list[Program]:
    return [Program(rule, norm, policy)
            for rule in library() if options.rule in (None, rule)
            for norm in NORMS.get(rule, (None,))
            for policy in POLICIES if options.storage in (None, policy)]


def assemble(program: Program) -> Assembled:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "kernels.fatbin"
        done = compiler(program.rule, *program.options, "--target=cuda:" + ",".join(CHIPS), "-o", str(output))
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "error:" in line]
            return Assembled(program, {}, errors[0] if errors else done.stderr)
        kernels: dict[str, dict[str, dict[str, Any]]] = {}
        for kernel in json.loads(output.with_suffix(".json").read_text())["kernels"]:
            kernels.setdefault(kernel["name"], {})[kernel["chip"]] = kernel
        return Assembled(program, kernels)


def faults(kernel: dict[str, Any], most: int) -> list[str]:
    """What no kernel of the library may have."""
    found = []
    most = max(most, kernel["register_budget"], MOST_PRODUCT if kernel["name"].endswith("_product") else 0)
    if kernel["spill_bytes"] or kernel["stack_bytes"]:
        found.append(f"spills {kernel['spill_bytes']} bytes, with a stack of {kernel['stack_bytes']}")
    if kernel["registers"] > most:
        found.append(f"has {kernel['registers']} registers, more than {most}")
    if kernel["chip"] in GROUP_CHIPS and kernel["warp_products"]:
        found.append("multiplies on the tensor cores of one warp, not of four")
    if kernel["name"].endswith("_sweep") and not kernel["wide_loads"] + kernel["wide_stores"]:
        found.append("accesses no 16 bytes at once")
    return found + kernel["warnings"]


def check(results: list[Assembled]) -> list[str]:
    problems = []
    for result in results:
        if result.error:
            problems.append(f"{result.program.title}: {result.error}")
        problems += [f"{result.program.title}: {name} for {chip}: {fault}" for name, chips in result.kernels.items()
                     for chip, kernel in chips.items() for fault in faults(kernel, result.program.most_registers)]
    return problems


def cell(chips: dict[str, dict[str, Any]], field: str) -> str:
    numbers = [str(chips[chip][field]) for chip in CHIPS]
    return numbers[0] if len(set(numbers)) == 1 else " / ".join(numbers)


FIELDS = {"registers": "registers", "at most": "register_limit", "workgroup bytes": "workgroup_bytes",
          "instructions": "instructions", "mma": "warp_products", "wgmma": "group_products",
          "16-byte loads": "wide_loads", "stores": "wide_stores"}


def own_kernels(result: Assembled) -> list[tuple[str, dict[str, dict[str, Any]]]]:
    """Without those of the driver, which are the same in all."""
    return [(name, chips) for name, chips in result.kernels.items() if not name.startswith("descent_")]


def table(results: list[Assembled]) -> str:
    lines = [f"| rule, storage | kernel | {' | '.join(FIELDS)} |", "|---" * (len(FIELDS) + 2) + "|"]
    for result in results:
        title = result.program.title
        if result.error:
            lines.append(f"| {title} | none: {result.error.split('error: ')[-1]} |" + " |" * len(FIELDS))
        for name, chips in own_kernels(result):
            lines.append(f"| {title} | {name} | {' | '.join(cell(chips, field) for field in FIELDS.values())} |")
            title = ""
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="fail on what no kernel may have")
    parser.add_argument("--write", action="store_true", help="write docs/gpu-kernels.md")
    parser.add_argument("--rule", help="this rule alone")
    parser.add_argument("--storage", help="this storage policy alone, one of: " + "; ".join(POLICIES))
    options = parser.parse_args()
    wanted = programs(options)
    if not wanted:
        parser.error("no rule of the library and no storage policy of this command are so called")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(assemble, wanted))
    if options.write:
        PAGE.write_text(HEAD + table(results))
    elif not options.check:
        print(table(results), end="")
    problems = check(results) if options.check else []
    for problem in problems:
        print(problem, file=sys.stderr)
    if options.check:
        print(f"{len(results)} programs, {len(problems)} faults")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
