"""Formulas of the manifest in a layer's shape, such as '28 n + 4 rows'."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAMES = ("n", "rows", "cols", "short", "long")
_FACTOR = re.compile(rf"({'|'.join(NAMES)})(?:\^(\d+))?")


@dataclass(frozen=True)
class Formula:
    """A sum of terms: a factor, and the names whose product it multiplies. n is rows * cols."""

    terms: tuple[tuple[float, tuple[str, ...]], ...] = ()

    def __call__(self, rows: int, cols: int) -> float:
        sizes = {"n": rows * cols, "rows": rows, "cols": cols, "short": min(rows, cols), "long": max(rows, cols)}
        total = 0.0
        for factor, names in self.terms:
            for name in names:
                factor *= sizes[name]
            total += factor
        return total


def parse(text: str) -> Formula:
    """'-' is no term. Anything else that is not a sum of terms is a ValueError."""
    return Formula() if text == "-" else Formula(tuple(_term(term) for term in text.split(" + ")))


def _term(text: str) -> tuple[float, tuple[str, ...]]:
    number, *factors = text.split()
    names: list[str] = []
    for factor in factors:
        match = _FACTOR.fullmatch(factor)
        if not match:
            raise ValueError(f"'{factor}' is no size of a layer; known are {', '.join(NAMES)}")
        names += [match.group(1)] * int(match.group(2) or 1)
    return float(number), tuple(names)
