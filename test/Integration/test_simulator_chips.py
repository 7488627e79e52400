"""Kernels that a chip has for itself, in the simulator: what the common ones compute, to the bit."""

from __future__ import annotations

from collections.abc import Callable

import descent
import numpy as np
import pytest
from harness import Case, Run, Tensor

Compile = Callable[..., descent.Artifact]

CASES = [
    Case("muon", group_class="matrix", stored="out_in"),
    Case("normuon", group_class="matrix", stored="in_out"),
]
# More than one tile of both sides, parts of tiles, and less than one; inner extents of whole panels, which end inside a
# panel, and of less than one.
SHAPES = (
    Tensor("tiles", (128, 256)),
    Tensor("high", (257, 40), "padded"),
    Tensor("wide", (130, 300)),
    Tensor("tall", (150, 140), "padded"),
    Tensor("small", (5, 9)),
    Tensor("experts", (2, 33, 70)),
)


def compiled(compile_rule: Compile, case: Case, target: str) -> descent.Artifact:
    return compile_rule(case.rule, *case.options, "--storage", "bf16", "--target", target)


def step(run: Run) -> Run:
    run.step(follow=False)
    run.step(absent=["small"], follow=False)
    run.check_surroundings()
    return run


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_chips_own_products_are_those_of_all(compile_rule: Compile, case: Case) -> None:
    artifacts = [compiled(compile_rule, case, target) for target in ("simulator", "simulator:sm_90a")]
    common, own = (Run(artifact, case, "bf16", SHAPES, products="own") for artifact in artifacts)
    assert own.optimizer.target == "simulator:sm_90a"
    before = [weight.astype(np.float64) for weight in own.weights]
    for old, mine, other in zip(before, step(own).weights, step(common).weights, strict=True):
        # Simulated tensor cores add along the inner extent, and zeros beyond its end change nothing.
        assert (other != old).any() and (mine == other).all()


def test_no_bit_depends_on_the_order_of_blocks_and_threads(compile_rule: Compile) -> None:
    artifact = compiled(compile_rule, CASES[0], "simulator:sm_90a")
    one, other = (step(Run(artifact, CASES[0], "bf16", SHAPES, simulator_seed=seed, products="own")) for seed in (0, 1))
    for index, tensor in enumerate(SHAPES):
        assert one.bits(index) == other.bits(index), tensor.name
