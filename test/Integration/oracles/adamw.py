"""AdamW (arXiv 1711.05101; moments of arXiv 1412.6980); epsilon and bias corrections as in torch.optim.AdamW.

w <- w (1 - lr weight_decay)
m <- beta1 m + (1 - beta1) g ,   v <- beta2 v + (1 - beta2) g^2
w <- w - lr / (1 - beta1^t)  m / ( sqrt(v) / sqrt(1 - beta2^t) + eps )
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .rule import Array, Hyper, Layer, State, ema

HYPERS = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 1e-2}


def init(w: Array, g: Array) -> State:
    return {"m": np.zeros_like(w), "v": np.zeros_like(w)}


def step(layers: Sequence[Layer], hyper: Hyper) -> None:
    lr, beta1, beta2 = hyper["lr"], hyper["beta1"], hyper["beta2"]
    for layer in layers:
        g, state = layer.g, layer.state
        w = layer.w * (1.0 - lr * hyper["weight_decay"])
        state["m"] = ema(state["m"], g, beta1)
        state["v"] = ema(state["v"], g * g, beta2)
        denominator = np.sqrt(state["v"]) / np.sqrt(1.0 - beta2**layer.t) + hyper["eps"]
        layer.w = w - lr / (1.0 - beta1**layer.t) * state["m"] / denominator
