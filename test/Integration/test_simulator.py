"""The kernels of devices, which the simulator runs and checks: where nothing is summed they have the processor's bits,
in whatever order blocks and threads run."""

from __future__ import annotations

from collections.abc import Callable

import descent
import numpy as np
import pytest
from harness import TABLE, Case, Run, Tensor
from test_rules import CASES

# Rules that sum nothing.
ELEMENTWISE = [case for case in CASES if not case.reduces and case.norm is None]
ADAMW = next(case for case in CASES if case.rule == "adamw")
# Rows that are longer than a tile, rows that tiles cut, a number of entries that no vector divides.
MORE = (Tensor("long", (2, 9001)), Tensor("high", (1500, 9), "padded"))

Compile = Callable[..., descent.Artifact]


def simulated(compile_rule: Compile, case: Case, storage: str) -> descent.Artifact:
    return compile_rule(case.rule, *case.options, "--storage", storage, "--target", "simulator")


def runs_of(compile_rule: Compile, case: Case, storage: str) -> tuple[Run, Run]:
    here = compile_rule(case.rule, *case.options, "--storage", storage)
    tensors = TABLE + MORE
    return Run(here, case, storage, tensors), Run(simulated(compile_rule, case, storage), case, storage, tensors)


def agree(here: Run, there: Run) -> None:
    for index, tensor in enumerate(here.tensors):
        assert here.bits(index) == there.bits(index), tensor.name
    there.check_surroundings()


@pytest.mark.parametrize("storage", ["f32", "bf16", "f64"])
@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_entries_have_the_bits_of_the_processor(compile_rule: Compile, case: Case, storage: str) -> None:
    here, there = runs_of(compile_rule, case, storage)
    assert there.optimizer.target == "simulator"
    for _ in range(2):
        here.step(follow=False)
        there.step(follow=False)
    for run in (here, there):
        run.step(absent=["square", "experts"], scale=0.5, follow=False)
    agree(here, there)


def test_a_step_of_nobody_changes_nothing(compile_rule: Compile) -> None:
    here, there = runs_of(compile_rule, ADAMW, "f32")
    for run in (here, there):
        run.step(follow=False)
        run.step(absent=[tensor.name for tensor in run.tensors], follow=False)
    agree(here, there)


def test_no_bit_depends_on_the_order_of_blocks_and_threads(compile_rule: Compile) -> None:
    case = ADAMW
    artifact = simulated(compile_rule, case, "bf16")
    runs = [Run(artifact, case, "bf16", simulator_seed=seed) for seed in (0, 1)]
    for run in runs:
        run.step(follow=False)
    agree(*runs)


def test_profiles_are_refused(compile_rule: Compile) -> None:
    run = Run(simulated(compile_rule, ADAMW, "f32"), ADAMW, "f32")
    with pytest.raises(descent.Error, match="time of kernels on a device is not measured"):
        run.optimizer.step(1, profile=run.optimizer.profile())


PRODUCTS = [
    Case("muon", group_class="matrix", stored="out_in"),
    Case("normuon", group_class="matrix", stored="in_out"),
    Case("lanton", "#descent.rms_to_rms", "matrix", "out_in"),
]
# The library's sums are f64 and rounded once, the kernels' are f32: entries of bf16 may fall to the other side.
LIBRARY_SHAPES = (
    Tensor("wide", (24, 56)),
    Tensor("tall", (70, 33), "padded"),
    Tensor("again", (24, 56)),
    Tensor("square", (20, 20)),
    Tensor("experts", (3, 9, 14)),
)


@pytest.mark.parametrize(("storage", "tolerance"), [("f64", 1e-9), ("f32", 2.0**-6)])
@pytest.mark.parametrize("case", PRODUCTS, ids=str)
def test_the_library_does_what_kernels_do(
    compile_rule: Compile, case: Case, storage: str, tolerance: float
) -> None:
    artifact = simulated(compile_rule, case, storage)
    own, library = (Run(artifact, case, storage, LIBRARY_SHAPES, products=who) for who in ("own", "library"))
    before = [weight.astype(np.float64) for weight in own.weights]
    for run in (own, library):
        run.step(follow=False)
        run.step(absent=["again"], follow=False)
    for old, mine, other in zip(before, own.weights, library.weights, strict=True):
        update = np.linalg.norm(mine - old)
        assert update > 0 and np.linalg.norm(mine.astype(np.float64) - other) <= tolerance * update
    # Each step of Muon's iteration rounds to bf16.
    differs = any((mine != other).any() for mine, other in zip(own.weights, library.weights, strict=True))
    assert differs or case.rule != "muon"
    library.check_surroundings()


def test_who_multiplies_is_known(compile_rule: Compile) -> None:
    artifact = simulated(compile_rule, PRODUCTS[0], "f32")
    with pytest.raises(descent.Error, match='products are .*own.*library.*found .anybody.'):
        Run(artifact, PRODUCTS[0], "f32", LIBRARY_SHAPES, products="anybody")
