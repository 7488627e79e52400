"""Muon (Jordan et al. 2024), as KellerJordan/Muon computes it.

m <- m + (1 - momentum) (g - m)
u  = (1 - momentum) g + momentum m                  Nesterov, with the new m
o  = Newton-Schulz(u)                               five steps of Jordan's list, from u / (|u|_F + 1e-7)
w <- w (1 - lr weight_decay)                        the unscaled learning rate
w <- w - lr sqrt(max(1, outputs / inputs)) o
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from . import newton_schulz
from .rule import Array, Hyper, Layer, State, lerp

HYPERS = {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.0}


def init(w: Array, g: Array) -> State:
    return {"m": np.zeros_like(w)}


def original_scale(layer: Layer) -> float:
    return float(np.sqrt(max(1.0, layer.outputs / layer.inputs)))


def orthogonalised_momentum(
    layers: Sequence[Layer], hyper: Hyper, method: newton_schulz.Method, scale: Callable[[Layer], float]
) -> None:
    lr, momentum = hyper["lr"], hyper["momentum"]
    for layer in layers:
        layer.state["m"] = lerp(layer.state["m"], layer.g, 1.0 - momentum)
        direction = method(lerp(layer.g, layer.state["m"], momentum))
        layer.w = layer.w * (1.0 - lr * hyper["weight_decay"]) - lr * scale(layer) * direction


def step(layers: Sequence[Layer], hyper: Hyper) -> None:
    orthogonalised_momentum(layers, hyper, newton_schulz.JORDAN_5, original_scale)
