#!/usr/bin/env python3
"""Steps of whole models beside the same rule with PyTorch, eager and compiled.

    .venv/bin/python3 benchmarks/models.py

Muon for the hidden matrices of GPT-2 124M, beside torch.optim.Muon; LANTON, NorMuon and Scion for all of its tensors,
by the recipes in benchmarks/recipes, beside the same written with torch operations
(python/descent/run/torch_rules.py). First both make two steps on small tensors, and one on the model's, and must agree.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pairs

import descent
from descent.run.against import Variant, check_close, compare_numbers, prepare_torch, torch_step, variants
from descent.run.rounds import Step
from descent.run.shapes import Tensor, parse_shapes
from descent.run.workload import Array, Job, Workload, plan_job

RECIPES = Path(__file__).resolve().parent / "recipes"
SMALL = (
    Tensor("embedding", (130, 48), "embedding"),
    Tensor("wide", (48, 160), "matrix"),
    Tensor("tall", (160, 48), "matrix"),
    Tensor("square", (48, 48), "matrix"),
    Tensor("vector", (144,), "vector"),
)
# Rules and recipes, with options of descent-compile.
SUBJECTS = {
    "Muon": ("muon_torch", ("--stored", "out_in", "--class", "matrix")),
    "LANTON": (str(RECIPES / "lanton.mlir"), ()),
    "NorMuon": (str(RECIPES / "normuon.mlir"), ()),
    "Scion": (str(RECIPES / "scion.mlir"), ()),
}
WANTED = 2.0
EAGER, COMPILED = "torch eager", "torch.compile"


def build(subject: str) -> descent.Artifact:
    rule, options = SUBJECTS[subject]
    pairs.FOLDER.mkdir(parents=True, exist_ok=True)
    return descent.compile(rule, pairs.FOLDER / f"{subject.lower()}-{os.getpid()}.so", *options)


def forget(artifact: descent.Artifact) -> None:
    for ending in (".so", ".h", ".json"):
        Path(artifact.path).with_suffix(ending).unlink()


def make(subject: str, threads: int, others: Sequence[str], quick: bool) -> list[Step]:
    artifact = build(subject)
    forget(artifact)
    prepare_torch(threads)
    small = plan_job(artifact, SMALL, {})
    compare_numbers(small, find_variant(small, EAGER), threads)
    job = small if quick else plan_job(artifact, parse_shapes("gpt2-124m").tensors, {})
    work = Workload(job, threads)
    first = [weight.copy() for weight in work.weights]
    work.step()
    wanted = [weight.copy() for weight in work.weights]
    return [work.step, *(checked_step(work, find_variant(job, other), first, wanted) for other in others)]


def checked_step(work: Workload, variant: Variant, first: list[Array], wanted: list[Array]) -> Step:
    """Makes its first step, in which it compiles, from the same weights as ours did."""
    for weight, number in zip(work.weights, first, strict=True):
        weight[...] = number
    step = torch_step(work, variant)
    step()
    check_close(work.job, variant, 1, first, wanted, work.weights)
    return step


def find_variant(job: Job, name: str) -> Variant:
    (variant,) = [variant for variant in variants(job) if variant.name == name]
    return variant


def contests() -> list[pairs.Contest]:
    return [
        pairs.Contest(
            f"{subject} step, GPT-2 124M" + (", hidden matrices" if subject == "Muon" else ""),
            (EAGER, COMPILED),
            WANTED,
            partial(make, subject),
        )
        for subject in SUBJECTS
    ]


if __name__ == "__main__":
    pairs.main(__doc__ or "", contests())
