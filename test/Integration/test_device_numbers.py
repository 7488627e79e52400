"""Numbers of a step that the device has, against the oracles; the device is the simulated one."""

from __future__ import annotations

from collections.abc import Callable

import descent
import numpy as np
import pytest
from harness import Case, Run, Tensor, decode, encode, members
from oracles import RULES, advance

CASES = [Case("adamw", hyper={"weight_decay": 0.1}), Case("lion", hyper={"weight_decay": 0.1})]
SMALL = (Tensor("odd", (13, 7), "padded"), Tensor("experts", (3, 9, 14)), Tensor("vector", (53,)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_schedules_and_skips_on_the_device_are_those_of_the_oracle(
    case: Case, compile_rule: Callable[..., descent.Artifact]
) -> None:
    run = Run(compile_rule(case.rule, *case.options, "--storage", "f64", "--target", "simulator"), case, "f64", SMALL)
    number, scale, found_inf = np.array(0), np.array(1.0), np.array(0.0, np.float32)
    hyper = run.optimizer.device_hyper(run.hyper())
    for t, size, skips in ((1, 1.0, False), (2, 0.5, True), (2, 0.25, False), (3, 8.0, False)):
        run.t = t
        number[...], scale[...], found_inf[...] = t, size, skips
        hyper["lr"][...] = run.hyper()["lr"]
        for tensor, gradient in zip(run.tensors, run.gradients, strict=True):
            gradient[...] = encode(run._random(tensor, t), "f64")
        run.optimizer.launch(number, hyper, gradient_scale=scale, found_inf=found_inf)
        assert run.optimizer.read_result().skipped == skips
        seen = [member for gradient in run.gradients for member in members(decode(gradient, "f64") * size)]
        if not skips:
            advance(RULES[case.rule], [layer for layers in run.oracle for layer in layers], seen, run.hyper())
        for index, layers in enumerate(run.oracle):
            for found, layer in zip(run.found(index), layers, strict=True):
                np.testing.assert_allclose(found, layer.w, rtol=1e-12, atol=1e-14)
    run.check_surroundings()
