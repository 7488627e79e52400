"""torch.optim.Muon with adjust_lr_fn "original": muon, but from u / max(|u|_F, 1e-7)."""

from __future__ import annotations

from collections.abc import Sequence

from . import newton_schulz
from .muon import init, original_scale, orthogonalised_momentum
from .rule import Hyper, Layer

__all__ = ["HYPERS", "init", "step"]

HYPERS = {"lr": 1e-3, "momentum": 0.95, "weight_decay": 0.1}


def step(layers: Sequence[Layer], hyper: Hyper) -> None:
    orthogonalised_momentum(layers, hyper, newton_schulz.TORCH_5, original_scale)
