#!/usr/bin/env python3
"""Five steps of Newton-Schulz, beside the same with PyTorch, eager and compiled, in the same type.

    .venv/bin/python3 benchmarks/newton_schulz.py

A rule that only orthogonalises (benchmarks/recipes/newton_schulz_f32.mlir, _bf16.mlir) reads a gradient in f32 and
writes the result over the weight; so do the others. First all are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pairs

import descent
from descent.run.against import prepare_torch
from descent.run.rounds import Step
from descent.run.workload import norm

RECIPES = Path(__file__).resolve().parent / "recipes"
EAGER, COMPILED = "torch eager", "torch.compile"
SHAPES = ((768, 768), (768, 3072), (2048, 2048))
QUICK = {768: 48, 3072: 192, 2048: 64}
# Of the result's norm. In bf16 both are off by as much as Gaussian matrices show; in f32 the iteration amplifies a
# rounding by at most 485.
CLOSE = {"bf16": 0.12, "f32": 2 * 485 * 2.0**-23}


def make(shape: tuple[int, int], dtype: str, threads: int, others: Sequence[str], quick: bool) -> list[Step]:
    prepare_torch(threads)
    rows, cols = (QUICK[size] for size in shape) if quick else shape
    g = np.random.default_rng(0).standard_normal((rows, cols), dtype=np.float32)
    w = np.zeros_like(g)
    optimizer = build(dtype).optimizer([descent.Layer("x", w, g)], threads=threads)
    optimizer.step(1)
    return [lambda: optimizer.step(1), *(torch_step(g, w, dtype, other == COMPILED) for other in others)]


def torch_step(g: np.ndarray, wanted: np.ndarray, dtype: str, compiled: bool) -> Step:
    import torch
    from descent.run.torch_rules import newton_schulz

    gradient, result = torch.from_numpy(g), torch.zeros(g.shape)
    numbers = {"f32": torch.float32, "bf16": torch.bfloat16}[dtype]

    def orthogonalize() -> None:
        result.copy_(newton_schulz(gradient, numbers))

    step: Step = torch.compile(orthogonalize, dynamic=False) if compiled else orthogonalize
    step()
    apart = norm(wanted - result.numpy()) / norm(wanted)
    if not apart <= CLOSE[dtype]:
        raise SystemExit(f"the results differ by {apart:.3g} of their norm, where {CLOSE[dtype]:.3g} is rounding")
    return step


def build(dtype: str) -> descent.Artifact:
    pairs.FOLDER.mkdir(parents=True, exist_ok=True)
    rule = RECIPES / f"newton_schulz_{dtype}.mlir"
    return descent.compile(rule, pairs.FOLDER / f"newton_schulz_{dtype}.so", "--class", "matrix", "--stored", "out_in")


def contests() -> list[pairs.Contest]:
    return [
        pairs.Contest(
            f"Newton-Schulz-5 {dtype}, {shape[0]} x {shape[1]}",
            (EAGER, COMPILED),
            2.1 if shape == (768, 3072) else 1.4,
            partial(make, shape, dtype),
        )
        for dtype in ("f32", "bf16")
        for shape in SHAPES
    ]


if __name__ == "__main__":
    pairs.main(__doc__ or "", contests())
