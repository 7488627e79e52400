"""The library's rules as recipes, a group for each case: what rules have in common is then compiled once."""

from __future__ import annotations

from collections.abc import Sequence

from harness import Case
from test_rules import CASES

# Kernels of matrix products take most of the time to compile.
RECIPES = {
    "sweeps": [case for case in CASES if not case.iterates],
    "products": [case for case in CASES if case.iterates],
}


def group_name(case: Case) -> str:
    return str(case).replace("-", "_")


def write_recipe(cases: Sequence[Case]) -> str:
    groups = []
    for case in cases:
        norm = "" if case.norm is None else f" norm = {case.norm}"
        stored = f" stored {case.stored or 'out_in'}" if case.group_class == "matrix" else ""
        groups.append(f'  descent.group "{group_name(case)}" uses @{case.rule}{norm} class {case.group_class}{stored}')
    return "\n".join(("descent.recipe @library {", *groups, "}\n"))


def pick(cases: Sequence[Case], turn: int) -> list[Case]:
    """A case of each rule without a norm, and one with a norm: others at each turn. Rules with a norm are in both
    recipes."""
    rules: dict[str | None, list[Case]] = {}
    for case in cases:
        rules.setdefault(case.rule if case.norm is None else None, []).append(case)
    return [alike[turn % len(alike)] for alike in rules.values()]
