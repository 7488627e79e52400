#!/usr/bin/env python3
"""Five steps of Newton-Schulz, beside the same with PyTorch, eager and compiled, in the same type.

    .venv/bin/python3 benchmarks/newton_schulz.py

A rule that only orthogonalises (benchmarks/recipes/newton_schulz_f32.mlir, _bf16.mlir) reads a gradient in f32 and
writes the result over the weight; so does the other. First both are compared.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pairs

import descent
from descent.run.against import prepare_torch
from descent.run.rounds import Step
from descent.run.workload import norm

RECIPES = Path(__file__).resolve().parent / "recipes"
SHAPES = ((768, 768), (768, 3072), (2048, 2048))
QUICK = {768: 48, 3072: 192, 2048: 64}
# Of the result's norm. In bf16 both are off by as much as Gaussian matrices show; in f32 the iteration amplifies a
# rounding by at most 485.
CLOSE = {"bf16": 0.12, "f32": 2 * 485 * 2.0**-23}


def make(shape: tuple[int, int], dtype: str, compiled: bool, threads: int, quick: bool) -> tuple[Step, Step]:
    import torch
    from descent.run.torch_rules import newton_schulz

    prepare_torch(threads)
    rows, cols = (QUICK[size] for size in shape) if quick else shape
    g = np.random.default_rng(0).standard_normal((rows, cols), dtype=np.float32)
    w, other = np.zeros_like(g), torch.zeros(rows, cols)
    gradient = torch.from_numpy(g)
    artifact = build(dtype)
    optimizer = artifact.optimizer([descent.Layer("x", w, g)], threads=threads)
    numbers = {"f32": torch.float32, "bf16": torch.bfloat16}[dtype]

    def orthogonalize() -> None:
        other.copy_(newton_schulz(gradient, numbers))

    theirs = torch.compile(orthogonalize, dynamic=False) if compiled else orthogonalize
    steps = (lambda: optimizer.step(1)), theirs
    for step in steps * 2:
        step()
    apart = norm(w - other.numpy()) / norm(w)
    if not apart <= CLOSE[dtype]:
        raise SystemExit(f"the results differ by {apart:.3g} of their norm, where {CLOSE[dtype]:.3g} is rounding")
    return steps


def build(dtype: str) -> descent.Artifact:
    pairs.FOLDER.mkdir(parents=True, exist_ok=True)
    rule = RECIPES / f"newton_schulz_{dtype}.mlir"
    return descent.compile(rule, pairs.FOLDER / f"newton_schulz_{dtype}.so", "--class", "matrix", "--stored", "out_in")


def list_pairs() -> list[pairs.Pair]:
    return [
        pairs.Pair(
            f"Newton-Schulz-5 {dtype}, {shape[0]} x {shape[1]}",
            beside,
            2.1 if shape == (768, 3072) else 1.4,
            lambda threads, quick, s=shape, d=dtype, c=beside == "torch.compile": make(s, d, c, threads, quick),
        )
        for dtype in ("f32", "bf16")
        for shape in SHAPES
        for beside in ("torch eager", "torch.compile")
    ]


if __name__ == "__main__":
    pairs.main(__doc__ or "", list_pairs())
