"""Unconstrained Scion (arXiv 2502.07529): steps to the minimiser over the ball of a norm chosen for each layer.

m <- (1 - momentum) m + momentum g                  `momentum` is the weight of the new gradient
w <- w + lr radius lmo(m)                           lmo: the minimiser over the unit ball
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .rule import Array, Hyper, Layer, State, lerp

HYPERS = {"lr": 1e-3, "momentum": 0.1, "radius": 1.0}


def init(w: Array, g: Array) -> State:
    return {"m": np.zeros_like(w)}


def conditional_gradient(layers: Sequence[Layer], hyper: Hyper, constrained: bool) -> None:
    lr = hyper["lr"]
    for layer in layers:
        assert layer.norm is not None
        layer.state["m"] = lerp(layer.state["m"], layer.g, hyper["momentum"])
        w = layer.w * (1.0 - lr) if constrained else layer.w
        layer.w = w + lr * hyper["radius"] * layer.norm.lmo(layer.state["m"])


def step(layers: Sequence[Layer], hyper: Hyper) -> None:
    conditional_gradient(layers, hyper, constrained=False)
