"""Formulas of the manifest."""

from __future__ import annotations

import descent
import pytest
from descent.formula import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [("-", 0), ("3", 3), ("28 n + 4 rows", 28 * 15 + 12), ("2 short^2 long + 0.5 cols^3", 2 * 9 * 5 + 62.5)],
)
def test_a_formula_is_evaluated_for_a_shape(text: str, value: float) -> None:
    assert parse(text)(3, 5) == value


@pytest.mark.parametrize("text", ["", "n", "3 m", "3 n^", "3 n - 2 rows"])
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


def test_the_manifest_counts_what_a_stage_moves(adamw: descent.Artifact) -> None:
    (sweep,) = [stage for stage in adamw.groups[0].stages if stage.name == "sweep"]
    assert sweep.domain == "rows x cols" and sweep.factors == ""
    assert sweep.bytes(30, 7) == 28 * 210  # reads w, g, m, v; writes w, m, v
    assert sweep.flops(30, 7) > 10 * 210
