"""Independent oracles of the library's rules: NumPy, float64, each written from its formula alone."""

from __future__ import annotations

from . import adamw, lanton, lion, muon, normuon, scion, sgd
from .rule import Layer, Rule, advance, make_layer

RULES: dict[str, Rule] = {}
for _module in (adamw, lanton, lion, muon, normuon, scion, sgd):
    RULES.update(_module.RULES)

__all__ = ["RULES", "Layer", "Rule", "advance", "make_layer"]
