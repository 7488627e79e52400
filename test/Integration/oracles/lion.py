"""Lion (arXiv 2302.06675): the sign of one average, while another is kept.

w <- w (1 - lr weight_decay)
w <- w - lr sign( beta1 m + (1 - beta1) g )         m before its update
m <- beta2 m + (1 - beta2) g
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .rule import Array, Hyper, Layer, State, ema

HYPERS = {"lr": 1e-4, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0}


def init(w: Array, g: Array) -> State:
    return {"m": np.zeros_like(w)}


def step(layers: Sequence[Layer], hyper: Hyper) -> None:
    lr = hyper["lr"]
    for layer in layers:
        g, state = layer.g, layer.state
        w = layer.w * (1.0 - lr * hyper["weight_decay"])
        layer.w = w - lr * np.sign(ema(state["m"], g, hyper["beta1"]))
        state["m"] = ema(state["m"], g, hyper["beta2"])
