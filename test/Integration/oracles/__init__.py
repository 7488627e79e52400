"""Independent oracles of the library's rules: NumPy, float64, each written from its formula alone.

The oracle of a rule is the module of its name, with HYPERS (names and defaults), `init` and `step`.
"""

from __future__ import annotations

import importlib
import pkgutil

from .rule import Layer, Rule, advance, make_layer


def _find_rules() -> dict[str, Rule]:
    modules = {info.name: importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)}
    return {
        name: Rule(module.HYPERS, module.init, module.step, getattr(module, "NEEDS_NORM", False))
        for name, module in modules.items()
        if hasattr(module, "HYPERS")
    }


RULES: dict[str, Rule] = _find_rules()

__all__ = ["RULES", "Layer", "Rule", "advance", "make_layer"]
