"""Kernels touch their own elements only, wherever these lie, and compute the same bits there. See guarded.py."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import descent
import pytest
from harness import Case

PROGRAM = Path(__file__).with_name("guarded.py")
CODES = "param = bf16, states = q8<64>, rounding = stochastic"
HALVES = "param = bf16, master = remainder, states = f16"
# One of each kind of kernel: sweeps, reductions over rows, columns and everything, ties, products, rows' states.
CASES = [
    (Case("sgd"), ("f32", "f64", "bf16")),
    (Case("adamw"), ("f32", "f64", "bf16", "f16", CODES, HALVES)),
    (Case("lion"), ("f32", "bf16")),
    (Case("scion", "#descent.l1"), ("f32", "f64")),
    (Case("scion", "#descent.rms"), ("f32", "bf16")),
    (Case("scion_constrained", "#descent.row", "matrix"), ("f32", "f64", "bf16")),
    (Case("scion", "#descent.column", "matrix"), ("f32", "f64", "bf16", CODES)),
    (Case("lanton", "#descent.rms_to_rms", "matrix", "in_out"), ("f32", "f64", "bf16")),
    (Case("muon", group_class="matrix", stored="out_in"), ("f32", "f64", "bf16")),
    (Case("normuon", group_class="matrix", stored="out_in"), ("f32", "f64", CODES)),
]


@pytest.mark.parametrize(
    ("case", "storage"), [pytest.param(c, s, id=f"{c}-{s}") for c, storages in CASES for s in storages]
)
def test_steps_between_guard_pages_and_on_misaligned_buffers(
    case: Case, storage: str, compiled: Callable[[Case, str], descent.Artifact]
) -> None:
    command = [sys.executable, str(PROGRAM), compiled(case, storage).path, storage]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, f"status {result.returncode} (negative: a signal)\n{result.stderr[-3000:]}"
    assert result.stdout == "equal\n"
