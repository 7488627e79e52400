"""Muon (Jordan et al. 2024, KellerJordan/Muon) and torch.optim.Muon (arXiv 2502.16982 for its second learning-rate rule).

    m <- m + (1 - momentum) (g - m)
    u  = (1 - momentum) g + momentum m                  Nesterov, with the new m
    o  = Newton-Schulz(u)                               five steps of Jordan's list
    w <- w (1 - lr weight_decay)                        the unscaled learning rate
    w <- w - lr f o

muon:            u / (|u|_F + 1e-7) enters the iteration,     f = sqrt(max(1, outputs / inputs))
muon_torch:      u / max(|u|_F, 1e-7) enters the iteration,   f = sqrt(max(1, outputs / inputs))     adjust "original"
muon_match_rms:  the same,                                    f = 0.2 sqrt(max(outputs, inputs))     adjust "match_rms_adamw"
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from . import newton_schulz
from .rule import Array, Hyper, Layer, Rule, State, lerp

HYPERS = {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.0}
TORCH_HYPERS = {"lr": 1e-3, "momentum": 0.95, "weight_decay": 0.1}


def init(w: Array, g: Array) -> State:
    return {"m": np.zeros_like(w)}


def original_scale(layer: Layer) -> float:
    return float(np.sqrt(max(1.0, layer.outputs / layer.inputs)))


def match_rms_scale(layer: Layer) -> float:
    return float(0.2 * np.sqrt(max(layer.outputs, layer.inputs)))


def _step(layers: Sequence[Layer], hyper: Hyper, method: newton_schulz.Method, scale: Callable[[Layer], float]) -> None:
    lr, momentum = hyper["lr"], hyper["momentum"]
    for layer in layers:
        layer.state["m"] = lerp(layer.state["m"], layer.g, 1.0 - momentum)
        direction = method(lerp(layer.g, layer.state["m"], momentum))
        layer.w = layer.w * (1.0 - lr * hyper["weight_decay"]) - lr * scale(layer) * direction


def muon(layers: Sequence[Layer], hyper: Hyper) -> None:
    _step(layers, hyper, newton_schulz.JORDAN_5, original_scale)


def muon_torch(layers: Sequence[Layer], hyper: Hyper) -> None:
    _step(layers, hyper, newton_schulz.TORCH_5, original_scale)


def muon_match_rms(layers: Sequence[Layer], hyper: Hyper) -> None:
    _step(layers, hyper, newton_schulz.TORCH_5, match_rms_scale)


RULES = {
    "muon": Rule(HYPERS, init, muon),
    "muon_torch": Rule(TORCH_HYPERS, init, muon_torch),
    "muon_match_rms": Rule(TORCH_HYPERS, init, muon_match_rms),
}
