"""sgd_nesterov with the decoupled decay of sgdw."""

from __future__ import annotations

from collections.abc import Sequence

from .rule import Hyper, Layer
from .sgd import HYPERS, heavy_ball, init

__all__ = ["HYPERS", "init", "step"]


def step(layers: Sequence[Layer], hyper: Hyper) -> None:
    heavy_ball(layers, hyper, nesterov=True, decoupled=True)
