"""Gradient descent with heavy-ball momentum, as torch.optim.SGD writes it (Polyak 1964; Sutskever et al. 2013).

    g <- g + weight_decay w                         coupled decay
    m <- momentum m + (1 - dampening) g             at the first update: m <- g
    w <- w - lr m

The library has no dampening. The variants are sgd_nesterov, sgdw and sgdw_nesterov.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .rule import Array, Hyper, Layer, State

HYPERS = {"lr": 1e-3, "momentum": 0.9, "weight_decay": 0.0}


def init(w: Array, g: Array) -> State:
    return {"m": np.zeros_like(w)}


def heavy_ball(layers: Sequence[Layer], hyper: Hyper, nesterov: bool, decoupled: bool) -> None:
    lr, momentum, decay = hyper["lr"], hyper["momentum"], hyper["weight_decay"]
    for layer in layers:
        g, state = layer.g, layer.state
        if decoupled:
            layer.w = layer.w * (1.0 - lr * decay)
        else:
            g = g + decay * layer.w
        first = layer.t == 1
        state["m"] = g.copy() if first else momentum * state["m"] + (1.0 - hyper.get("dampening", 0.0)) * g
        direction = g + momentum * state["m"] if nesterov else state["m"]
        layer.w = layer.w - lr * direction


def step(layers: Sequence[Layer], hyper: Hyper) -> None:
    heavy_ball(layers, hyper, nesterov=False, decoupled=False)
