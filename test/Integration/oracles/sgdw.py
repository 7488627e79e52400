"""sgd with decoupled decay (arXiv 1711.05101): first w <- w (1 - lr weight_decay), and g stays as it is."""

from __future__ import annotations

from collections.abc import Sequence

from .rule import Hyper, Layer
from .sgd import HYPERS, heavy_ball, init

__all__ = ["HYPERS", "init", "step"]


def step(layers: Sequence[Layer], hyper: Hyper) -> None:
    heavy_ball(layers, hyper, nesterov=False, decoupled=True)
