#!/usr/bin/env python3
"""Elements a second of AdamW under storage policies, beside AdamW in f32.

    .venv/bin/python3 benchmarks/storage.py [--elements N] [--threads 1,2] [--rounds N] [--json FILE]

Policies take turns in one process, on 16 matrices each (python/descent/run/rounds.py); the ratio is the median of the
turns' ratios. Bytes an element are those that a step moves.
"""

from __future__ import annotations

import argparse
import functools
import math
import tempfile
from pathlib import Path
from typing import Any

import machine
import numpy as np
import pairs

import descent
from descent.manifest import DTYPES
from descent.run.rounds import Comparison, compare_all

# Policy, and the bytes of weight, gradient and states that a step reads and writes.
POLICIES = {
    "f32": 28.0,
    "bf16": 22.0,
    "param = bf16, rounding = stochastic": 22.0,
    "param = bf16, master = remainder": 26.0,
    "param = bf16, states = bf16, rounding = stochastic": 14.0,
    "param = f32, states = q8": 16.0625,
    "param = bf16, states = q8": 10.0625,
    "param = bf16, states = q8, rounding = stochastic": 10.0625,
}
MATRICES = 16
HYPER = {"lr": 1e-3, "weight_decay": 0.1}


@functools.cache
def numbers(side: int, scale: float, type_name: str) -> Any:
    values = np.random.default_rng(0).standard_normal((side, side), dtype=np.float32) * np.float32(scale)
    is_bf16 = DTYPES[type_name] == np.uint16
    return descent.bfloat16.to_bfloat16(values) if is_bf16 else values.astype(DTYPES[type_name])


class Contender:
    def __init__(self, policy: str, artifact: descent.Artifact, side: int, threads: int) -> None:
        (group,) = artifact.groups
        self.policy, self.step_number = policy, 0
        layers = []
        for index in range(MATRICES):
            weight, gradient = numbers(side, 0.02, group.weight), numbers(side, 1e-3, group.gradient)
            layers.append(descent.Layer(f"w{index}", weight.copy(), gradient.copy()))
        self.optimizer = artifact.optimizer(layers, threads=threads, seed=1)

    def step(self) -> None:
        self.step_number += 1
        self.optimizer.step(self.step_number, hyper=HYPER)


def measure(artifacts: dict[str, descent.Artifact], side: int, threads: int, rounds: int) -> list[dict[str, Any]]:
    contenders = [Contender(policy, artifact, side, threads) for policy, artifact in artifacts.items()]
    for contender in contenders:
        contender.step()  # touches memory for the first time
    found = compare_all([contender.step for contender in contenders], rounds=rounds)
    return [
        describe(contender.policy, MATRICES * side * side, threads, one)
        for contender, one in zip(contenders[1:], found, strict=True)
    ]


def describe(policy: str, elements: int, threads: int, found: Comparison) -> dict[str, Any]:
    """`found`: f32 beside this policy, whose ratio is that of f32's speed."""
    return {
        "policy": policy,
        "threads": threads,
        "elements": elements,
        "own": found.other,
        "f32": found.own,
        "elements_per_second": elements / found.other,
        "bytes_per_second": elements / found.other * POLICIES[policy],
        "times_f32": 1 / found.ratio,
        "lowest": 1 / found.highest,
        "highest": 1 / found.lowest,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--elements", type=int, default=64 << 20)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    side = math.isqrt(options.elements // MATRICES)
    with tempfile.TemporaryDirectory() as folder:
        artifacts = {}
        for index, policy in enumerate(POLICIES):
            output = Path(folder) / f"adamw{index}.so"
            artifacts[policy] = descent.compile("adamw", output, "--storage", policy)
        print("\n".join(machine.describe()))
        print(f"\n{'policy':52} {'threads':>7} {'elements/s':>11} {'GB/s':>6} {'x f32':>6}")
        for threads in map(int, options.threads.split(",")):
            pairs.note(f"AdamW under {len(artifacts)} policies, {threads} threads")
            report(measure(artifacts, side, threads, options.rounds), options.json)


def report(rows: list[dict[str, Any]], output: Path | None) -> None:
    for row in rows:
        print(f"{row['policy']:52} {row['threads']:7} {row['elements_per_second']:11.3g} "
              f"{row['bytes_per_second'] / 1e9:6.1f} {row['times_f32']:6.2f}", flush=True)
    if output:
        pairs.merge_rows(output, rows, ("policy", "threads"))


if __name__ == "__main__":
    main()
