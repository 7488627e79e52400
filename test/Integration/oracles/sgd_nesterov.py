"""sgd with Nesterov momentum (Sutskever et al. 2013), as in torch.optim.SGD: w <- w - lr (g + momentum m), new m."""

from __future__ import annotations

from collections.abc import Sequence

from .rule import Hyper, Layer
from .sgd import HYPERS, heavy_ball, init

__all__ = ["HYPERS", "init", "step"]


def step(layers: Sequence[Layer], hyper: Hyper) -> None:
    heavy_ball(layers, hyper, nesterov=True, decoupled=False)
