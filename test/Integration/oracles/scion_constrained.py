"""Scion (arXiv 2502.07529): conditional gradient, which keeps |w| <= radius: w <- (1 - lr) w before scion's step."""

from __future__ import annotations

from collections.abc import Sequence

from .rule import Hyper, Layer
from .scion import HYPERS, conditional_gradient, init

__all__ = ["HYPERS", "init", "step"]


def step(layers: Sequence[Layer], hyper: Hyper) -> None:
    conditional_gradient(layers, hyper, constrained=True)
