"""NorMuon (arXiv 2510.05491), as the authors' code zichongli5/NorMuon computes it.

m <- m + (1 - momentum) (g - m) ,   u = (1 - momentum) g + momentum m
o  = Newton-Schulz(u)                               Jordan's five steps, input u / (|u|_F + 1e-7)
v <- v + (1 - beta2) (mean over inputs of o^2 - v)  one number per output, used after its update
q  = o / (sqrt(v) + 1e-10)
q <- q |o|_F / (|q|_F + 1e-10)                      the Frobenius norm of o is kept
w <- w (1 - lr weight_decay)
w <- w - lr sqrt(max(1, outputs / inputs)) q
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import newton_schulz
from .muon import original_scale
from .rule import Array, Hyper, Layer, State, lerp

HYPERS = {"lr": 0.02, "momentum": 0.95, "beta2": 0.95, "weight_decay": 0.0}


def init(w: Array, g: Array) -> State:
    return {"m": np.zeros_like(w), "v": np.zeros(w.shape[0])}


def step(layers: Sequence[Layer], hyper: Hyper) -> None:
    lr, momentum = hyper["lr"], hyper["momentum"]
    for layer in layers:
        assert layer.stored == "out_in", "the authors' code normalises rows, which are the outputs"
        state = layer.state
        state["m"] = lerp(state["m"], layer.g, 1.0 - momentum)
        o = newton_schulz.JORDAN_5(lerp(layer.g, state["m"], momentum))
        state["v"] = lerp(state["v"], np.mean(o * o, axis=1), 1.0 - hyper["beta2"])
        q = o / (np.sqrt(state["v"])[:, None] + 1e-10)
        q = q * (np.linalg.norm(o) / (np.linalg.norm(q) + 1e-10))
        layer.w = layer.w * (1.0 - lr * hyper["weight_decay"]) - lr * original_scale(layer) * q
