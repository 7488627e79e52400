"""Compiled artifacts against the golden numbers that test_oracles.py holds the oracles to.

Oracle and artifact meet in test_rules.py; these tests do without the oracle.
"""

from __future__ import annotations

from collections.abc import Callable

import descent
import numpy as np
import pytest
from harness import Case
from oracles.rule import Array
from test_oracles import (
    EIGHT_DIGITS,
    G1,
    G2,
    LANTON_HYPER,
    SHARED_PROBLEM,
    TEN_DIGITS,
    TWO_STEPS,
    W,
    matrix,
)

Compile = Callable[[Case, str], descent.Artifact]
PRECISE = "<polar_express, steps = 16, scale = 1.01, epsilon = 0.0>"
CASES = {
    "adamw": Case("adamw"),
    "lion": Case("lion"),
    "muon": Case("muon", group_class="matrix", stored="out_in"),
    "normuon": Case("normuon", group_class="matrix", stored="out_in"),
    "scion_constrained": Case("scion_constrained", "#descent.rms_to_rms", "matrix", "out_in"),
    "sgd": Case("sgd"),
    "sgd_nesterov": Case("sgd_nesterov"),
    "lanton": Case("lanton", f"#descent.rms_to_rms<lmo = {PRECISE}, dual = {PRECISE}>", "matrix", "out_in"),
}


@pytest.mark.parametrize("name", TWO_STEPS)
def test_two_steps_of_the_small_problem(name: str, compiled: Compile) -> None:
    hyper, _, golden = TWO_STEPS[name]
    w, g = W.copy(), G1.copy()
    with compiled(CASES[name], "f64").optimizer([descent.Layer("w", w, g)]) as optimizer:
        for t, gradient in enumerate((G1, G2), 1):
            g[...] = gradient
            optimizer.step(t, hyper=hyper)
    np.testing.assert_allclose(w, matrix(golden), rtol=0, atol=EIGHT_DIGITS)


# The library's rule has no dampening.
@pytest.mark.parametrize("name", [name for name in SHARED_PROBLEM if "dampening" not in SHARED_PROBLEM[name][1]])
def test_five_steps_of_the_shared_problem(name: str, compiled: Compile) -> None:
    rule, hyper, golden = SHARED_PROBLEM[name]
    i, j = np.arange(4.0)[:, None], np.arange(3.0)[None, :]
    weights: list[Array] = [np.mod(7 * i + 3 * j + 1, 11) / 10 - 0.5, np.array([0.1, 0.2, 0.3])]
    layers = [descent.Layer(f"layer{k}", w, np.zeros_like(w)) for k, w in enumerate(weights)]
    with compiled(CASES[rule], "f64").optimizer(layers) as optimizer:
        for t in range(1, 6):
            gradients = [0.5 * np.cos(0.9 * t + 0.7 * i - 1.1 * j), np.sin(1.3 * t + 0.5 * j[0])]
            optimizer.step(t, hyper=hyper, gradients=gradients)
    found = [*weights[0][0], weights[0][3, 2], *weights[1]]
    np.testing.assert_allclose(found, golden, rtol=0, atol=TEN_DIGITS)


def test_lanton_of_two_layers(compiled: Compile) -> None:
    """Layer a: W, G1, G2. Layer b: W, .3 G2, .3 G1, all with the columns reversed."""
    weights = [W.copy(), W[:, ::-1].copy()]
    layers = [descent.Layer(name, w, np.zeros_like(w)) for name, w in zip("ab", weights, strict=True)]
    with compiled(CASES["lanton"], "f64").optimizer(layers) as optimizer:
        for t, (first, second) in enumerate(((G1, G2), (G2, G1)), 1):
            gradients = [first, np.ascontiguousarray(0.3 * second[:, ::-1])]
            reports = optimizer.step(t, hyper=LANTON_HYPER, gradients=gradients, reports=True).reports
    noise = [reports[name]["noise"] for name in "ab"]
    np.testing.assert_allclose(noise, (0.0708256863, 0.0063743118), rtol=0, atol=TEN_DIGITS)
    np.testing.assert_allclose([reports[name]["rate"] for name in "ab"], (0.0984600814, 0.1), rtol=0, atol=TEN_DIGITS)
    golden_a = "0.80286632 1.01958090 0.03725851 ; -0.78818889 -0.86195141 -0.20712670"
    golden_b = "0.03021009 1.01839583 0.79860211 ; -0.26639254 -0.91346625 -0.67790114"
    np.testing.assert_allclose(weights[0], matrix(golden_a), rtol=0, atol=EIGHT_DIGITS)
    np.testing.assert_allclose(weights[1], matrix(golden_b), rtol=0, atol=EIGHT_DIGITS)
