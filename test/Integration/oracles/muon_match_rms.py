"""torch.optim.Muon with adjust_lr_fn "match_rms_adamw" (arXiv 2502.16982): muon_torch, but

w <- w - lr 0.2 sqrt(max(outputs, inputs)) o        an update whose root mean square is about 0.2, as AdamW's
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import newton_schulz
from .muon import init, orthogonalised_momentum
from .muon_torch import HYPERS
from .rule import Hyper, Layer

__all__ = ["HYPERS", "init", "step"]


def match_rms_scale(layer: Layer) -> float:
    return float(0.2 * np.sqrt(max(layer.outputs, layer.inputs)))


def step(layers: Sequence[Layer], hyper: Hyper) -> None:
    orthogonalised_momentum(layers, hyper, newton_schulz.TORCH_5, match_rms_scale)
