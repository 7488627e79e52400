"""LANTON (arXiv 2510.14009): steepest descent under a norm; a layer noisier than its group's quietest moves less.

    m   <- beta1 m + (1 - beta1) g
    nu   = dual norm of g - g0                          g0: the gradient of the layer's previous update
    h   <- beta2 h + (1 - beta2) nu^2
    a    = alpha / sqrt(alpha^2 + h)
    eta  = lr sqrt( a / max of a over the group )
    w   <- w + eta lmo(m)
    g0  <- g

At a layer's first update there is no g0: h stays 0, hence a = 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .rule import Array, Hyper, Layer, State, ema

HYPERS = {"lr": 2.8e-3, "beta1": 0.95, "beta2": 0.9, "alpha": 1.0}


def init(w: Array, g: Array) -> State:
    return {"m": np.zeros_like(w), "g0": np.zeros_like(w), "h": np.zeros(())}


def step(layers: Sequence[Layer], hyper: Hyper) -> None:
    alpha = hyper["alpha"]
    calm: list[float] = []
    for layer in layers:
        assert layer.norm is not None
        state = layer.state
        state["m"] = ema(state["m"], layer.g, hyper["beta1"])
        if layer.t > 1:
            noise = layer.norm.dual(layer.g - state["g0"])
            state["h"] = ema(state["h"], np.asarray(noise**2), hyper["beta2"])
        calm.append(float(alpha / np.sqrt(alpha**2 + state["h"])))
    for layer, a in zip(layers, calm, strict=True):
        assert layer.norm is not None
        eta = hyper["lr"] * np.sqrt(a / max(calm))
        layer.w = layer.w + eta * layer.norm.lmo(layer.state["m"])
        layer.state["g0"] = layer.g.copy()
