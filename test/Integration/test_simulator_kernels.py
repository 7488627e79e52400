"""Kernels of devices under storage policies, to the bit, and those that reduce, beside the processor's."""

from __future__ import annotations

from collections.abc import Callable

import descent
import numpy as np
import pytest
from harness import TABLE, Case, Run, Tensor
from test_rules import NORMS
from test_simulator import ELEMENTWISE, MORE, simulated
from test_storage import TENSORS, Twins

Compile = Callable[..., descent.Artifact]

POLICIES = (
    "f16",
    "param = bf16, master = remainder, states = f16",
    "param = bf16, master = f32, states = bf16, rounding = stochastic",
    "param = f32, grad = f16, states = q8<64>",
    "param = f32, states = q8",
    "param = bf16, master = remainder, states = q8<128, signed>",
    "param = bf16, states = q8<64>, rounding = stochastic",
)
# Columns beyond one tile, and parts of blocks at the ends of rows.
LONG = (Tensor("long", (3, 17001), "padded"),)

REDUCING = [
    Case(rule, norm, group_class, stored, hyper)
    for rule, hyper in (("scion", {"radius": 2.0}), ("lanton", {}))
    for norm, (group_class, stored) in NORMS.items()
    if norm not in ("#descent.spectral", "#descent.rms_to_rms")
]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_a_step_stores_what_the_policy_says(compile_rule: Compile, case: Case, policy: str) -> None:
    plain = compile_rule(case.rule, *case.options, "--storage", "f32")
    twins = Twins(case, policy, TENSORS + LONG, simulated(compile_rule, case, policy), plain)
    for _ in range(2):
        twins.step()
        twins.check()


@pytest.mark.parametrize("case", REDUCING, ids=str)
def test_reductions_are_close_to_the_processors(compile_rule: Compile, case: Case) -> None:
    artifacts = compile_rule(case.rule, *case.options), simulated(compile_rule, case, "f32")
    runs = [Run(artifact, case, "f32", TABLE + MORE) for artifact in artifacts]
    for run in runs:
        run.step(follow=False)
        run.check_surroundings()
    for tensor, here, there in zip(runs[0].tensors, *(run.weights for run in runs), strict=True):
        # Sums differ in f64, and so does their rounding to f32: one unit of the last place of the step.
        np.testing.assert_allclose(there, here, rtol=1e-6, atol=1e-7, err_msg=tensor.name)
