"""Independent oracles of the library's rules: NumPy, float64, each written from its formula alone.

The oracle of a rule is the module of its name, with HYPERS (names and defaults), `init` and `step`.
"""

from __future__ import annotations

from . import (
    adamw,
    lanton,
    lion,
    muon,
    muon_match_rms,
    muon_torch,
    normuon,
    scion,
    scion_constrained,
    sgd,
    sgd_nesterov,
    sgdw,
    sgdw_nesterov,
)
from .rule import Layer, Rule, advance, make_layer

RULES = {
    "adamw": Rule(adamw.HYPERS, adamw.init, adamw.step),
    "lanton": Rule(lanton.HYPERS, lanton.init, lanton.step),
    "lion": Rule(lion.HYPERS, lion.init, lion.step),
    "muon": Rule(muon.HYPERS, muon.init, muon.step),
    "muon_match_rms": Rule(muon_match_rms.HYPERS, muon_match_rms.init, muon_match_rms.step),
    "muon_torch": Rule(muon_torch.HYPERS, muon_torch.init, muon_torch.step),
    "normuon": Rule(normuon.HYPERS, normuon.init, normuon.step),
    "scion": Rule(scion.HYPERS, scion.init, scion.step),
    "scion_constrained": Rule(scion_constrained.HYPERS, scion_constrained.init, scion_constrained.step),
    "sgd": Rule(sgd.HYPERS, sgd.init, sgd.step),
    "sgd_nesterov": Rule(sgd_nesterov.HYPERS, sgd_nesterov.init, sgd_nesterov.step),
    "sgdw": Rule(sgdw.HYPERS, sgdw.init, sgdw.step),
    "sgdw_nesterov": Rule(sgdw_nesterov.HYPERS, sgdw_nesterov.init, sgdw_nesterov.step),
}

__all__ = ["RULES", "Layer", "Rule", "advance", "make_layer"]
