"""Stochastic gradient descent with heavy-ball momentum, as torch.optim.SGD writes it (Polyak 1964; Sutskever et al. 2013).

g <- g + weight_decay w            coupled decay; decoupled (arXiv 1711.05101): w <- w (1 - lr weight_decay) instead
m <- g at the first update, momentum m + (1 - dampening) g later
d  = g + momentum m  (Nesterov), else m
w <- w - lr d
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .rule import Array, Hyper, Layer, Rule, State

HYPERS = {"lr": 1e-3, "momentum": 0.9, "weight_decay": 0.0}


def init(w: Array, g: Array) -> State:
    return {"m": np.zeros_like(w)}


def _step(layers: Sequence[Layer], hyper: Hyper, nesterov: bool, decoupled: bool) -> None:
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


def sgd(layers: Sequence[Layer], hyper: Hyper) -> None:
    _step(layers, hyper, nesterov=False, decoupled=False)


def sgd_nesterov(layers: Sequence[Layer], hyper: Hyper) -> None:
    _step(layers, hyper, nesterov=True, decoupled=False)


def sgdw(layers: Sequence[Layer], hyper: Hyper) -> None:
    _step(layers, hyper, nesterov=False, decoupled=True)


def sgdw_nesterov(layers: Sequence[Layer], hyper: Hyper) -> None:
    _step(layers, hyper, nesterov=True, decoupled=True)


RULES = {
    "sgd": Rule(HYPERS, init, sgd),
    "sgd_nesterov": Rule(HYPERS, init, sgd_nesterov),
    "sgdw": Rule(HYPERS, init, sgdw),
    "sgdw_nesterov": Rule(HYPERS, init, sgdw_nesterov),
}
