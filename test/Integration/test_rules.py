"""Every rule of the library, compiled, against its oracle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import descent
import numpy as np
import pytest
from harness import EPS, LARGE_TABLE, TABLE, Case, Run, Tensor
from oracles import RULES
from oracles.rule import Array
from oracles.rule import Layer as OracleLayer

ROOT = Path(__file__).resolve().parents[2]

NORMS = {
    "#descent.max": ("any", None),
    "#descent.l1": ("any", None),
    "#descent.l2": ("any", None),
    "#descent.rms": ("any", None),
    "#descent.row": ("matrix", None),
    "#descent.column": ("matrix", None),
    "#descent.spectral": ("matrix", None),
    "#descent.rms_to_rms": ("matrix", "out_in"),
}

CASES = [
    Case("sgd", hyper={"momentum": 0.8, "weight_decay": 0.02}),
    Case("sgd_nesterov", hyper={"momentum": 0.8, "weight_decay": 0.02}),
    Case("sgdw", hyper={"momentum": 0.8, "weight_decay": 0.02}),
    Case("sgdw_nesterov", hyper={"momentum": 0.8, "weight_decay": 0.02}),
    Case("adamw", hyper={"weight_decay": 0.1}),
    Case("lion", hyper={"weight_decay": 0.1}),
    Case("muon", group_class="matrix", stored="out_in", hyper={"weight_decay": 0.1}),
    Case("muon", group_class="matrix", stored="in_out", hyper={"weight_decay": 0.1}),
    Case("muon_torch", group_class="matrix", stored="out_in"),
    Case("muon_match_rms", group_class="matrix", stored="out_in"),
    Case("normuon", group_class="matrix", stored="out_in", hyper={"weight_decay": 0.1}),
    *(
        Case(rule, norm, group_class, stored, hyper)
        for rule, hyper in (("scion", {"radius": 2.0}), ("scion_constrained", {"radius": 2.0}), ("lanton", {}))
        for norm, (group_class, stored) in NORMS.items()
    ),
    Case("scion", "#descent.rms_to_rms", "matrix", "in_out"),
    Case("lanton", "#descent.rms_to_rms", "matrix", "in_out"),
]
SMALL_TABLE = tuple(tensor for tensor in TABLE if np.prod(tensor.shape) < 400)
# One of each kind: without a reduction, by rows, columns and layers, over layers, with matrix products, with both.
REPRESENTATIVES = [
    case for case in CASES if str(case) in ("adamw", "scion-row", "scion-column", "scion-l2", "lanton-max")
] + [case for case in CASES if str(case) in ("muon-out_in", "normuon-out_in", "lanton-rms_to_rms-out_in")]

# Planned operation by operation, without fusion and its algebra.
SEPARATE = [replace(case, fused=False) for case in REPRESENTATIVES]

every_case = pytest.mark.parametrize("case", CASES, ids=str)
representatives = pytest.mark.parametrize("case", REPRESENTATIVES, ids=str)
Compile = Callable[[Case, str], descent.Artifact]

# In f32, matrix products of directions are computed in bf16. Emulated with NumPy on Gaussian matrices of these sizes, a
# direction then is off by 0.02 to 0.045 in relative Frobenius norm; entries cannot be compared.
BF16_DIRECTION = 0.06


def tolerance(run: Run, layer: OracleLayer, step_size: float) -> float:
    """By how much rounding may move an entry of the weight in one run of `run.t` steps.

    Each step rounds a weight and an update a handful of times: 16 bounds the operations of any rule here, momentum's
    memory included, since an average forgets its errors as fast as its inputs. An update that comes from a reduction of
    n numbers carries its error, sqrt(n) roundings if they are random; one from Newton-Schulz carries a rounding of its
    input, which the iteration amplifies by at most its slope at zero.
    """
    norm, entries = run.case.oracle_norm, layer.w.size
    amplification = float(np.sqrt(entries)) if run.case.reduces else 1.0
    if run.case.iterates:
        amplification *= 485.0  # Jordan's list
    if run.case.rule == "lanton" and norm is not None and norm.dual_method is not None:
        # A dual norm decides about the step's size; its rounding is amplified by the slope of its own list.
        amplification = max(amplification, norm.dual_method.slope_at_zero)
    size = float(np.abs(layer.w).max()) + 1.0
    return 16.0 * EPS[run.storage] * run.t * (size + amplification * step_size)


def largest_update(run: Run, before: list[Array], index: int) -> float:
    after = [layer.w for layer in run.oracle[index]]
    return max(float(np.abs(a - b).max()) for a, b in zip(after, before, strict=True))


def check_weights(run: Run, steps: list[float]) -> None:
    """`steps`: for each entry of the table, the size of its largest update so far."""
    for index, tensor in enumerate(run.tensors):
        for found, layer in zip(run.found(index), run.oracle[index], strict=True):
            bound = tolerance(run, layer, steps[index])
            # Written so that a NaN is wrong.
            wrong = ~(np.abs(found - layer.w) <= bound)
            # Near zero the sign of a rounded average may be the other one. An average is off by a few units in its last
            # place, so that happens to about one entry in a million each step; it then ends two steps away.
            flips = 2 if run.case.signs and run.storage != "f64" else 0
            far = ~(np.abs(found - layer.w) <= bound + 2.0 * steps[index] * flips)
            assert np.count_nonzero(wrong) <= flips and not far.any(), (
                f"layer '{tensor.name}', step {run.t}: off by {np.abs(found - layer.w).max():.3g}, bound {bound:.3g}"
            )


def check_states(run: Run) -> None:
    """States that both call the same hold the same numbers; the count of updates is right wherever it is kept."""
    for index, tensor in enumerate(run.tensors):
        for name, state in run.states(index).items():
            parts = list(state) if len(tensor.shape) == 3 else [state]
            for part, layer in zip(parts, run.oracle[index], strict=True):
                check_state(run, name, part, layer, f"state '{name}' of layer '{tensor.name}'")


def check_state(run: Run, name: str, found: Array, layer: OracleLayer, what: str) -> None:
    if name == "updates":
        assert int(found) == layer.t, what
    if name not in layer.state:
        return
    expected = layer.state[name].reshape(found.shape)
    size = float(np.abs(expected).max()) + 1.0
    if run.scope(name) == "element":  # made of gradients, entry by entry
        bound = 16.0 * EPS[run.storage] * run.t * size
    elif run.case.rule == "normuon" and run.storage != "f64":  # squares of directions that come from bf16 products
        bound = 2.0 * BF16_DIRECTION * size
    else:
        bound = tolerance(run, layer, size)
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound, err_msg=what)


def compare_steps(run: Run, absences: Sequence[Sequence[str]]) -> None:
    """A step for each list of tensors, those of the run that are absent in it."""
    sizes = [0.0] * len(run.tensors)
    names = [tensor.name for tensor in run.tensors]
    for listed in absences:
        absent = [name for name in names if name in listed]
        kept = {name: run.bits(names.index(name)) for name in absent}
        before = [[layer.w.copy() for layer in layers] for layers in run.oracle]
        run.step(absent)
        for name in absent:
            assert run.bits(names.index(name)) == kept[name], name
        sizes = [max(sizes[i], largest_update(run, before[i], i)) for i in range(len(sizes))]
        check_weights(run, sizes)
    check_states(run)
    run.check_surroundings()


def compare_directions(run: Run, count: int) -> None:
    """Updates as wholes, as their directions come from products of numbers in bf16."""
    for _ in range(count):
        found_before = [run.found(index) for index in range(len(run.tensors))]
        expected_before = [[layer.w.copy() for layer in layers] for layers in run.oracle]
        run.step()
        for index, tensor in enumerate(run.tensors):
            for i, found in enumerate(run.found(index)):
                expected = run.oracle[index][i].w - expected_before[index][i]
                error = np.linalg.norm(found - found_before[index][i] - expected)
                # The weights differ by what was off before, and decay in proportion.
                drift = np.linalg.norm(found_before[index][i] - expected_before[index][i])
                assert error < BF16_DIRECTION * np.linalg.norm(expected) + 0.1 * drift, tensor.name
    check_states(run)
    run.check_surroundings()


def test_every_rule_of_the_library_has_an_oracle_and_a_case() -> None:
    library = {
        path.stem for path in (ROOT / "lib" / "Optimizers").glob("*.mlir") if "descent.recipe" not in path.read_text()
    }
    assert library <= set(RULES)
    assert {case.rule for case in CASES} == set(RULES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_hyperparameters_and_defaults_are_those_of_the_oracle(name: str, compiled: Compile) -> None:
    artifact = compiled(next(case for case in CASES if case.rule == name), "f32")
    assert list(artifact.hyper_defaults.values()) == [RULES[name].hypers]


@every_case
def test_steps_equal_the_oracle_in_f64(case: Case, compiled: Compile) -> None:
    compare_steps(Run(compiled(case, "f64"), case, "f64", threads=2), [()] * 5)


@every_case
def test_fifty_steps_equal_the_oracle_in_f64(case: Case, compiled: Compile) -> None:
    compare_steps(Run(compiled(case, "f64"), case, "f64", SMALL_TABLE, seed=1), [()] * 50)


@pytest.mark.parametrize("case", [case for case in CASES if not case.iterates], ids=str)
def test_steps_equal_the_oracle_in_f32(case: Case, compiled: Compile) -> None:
    compare_steps(Run(compiled(case, "f32"), case, "f32", threads=2), [()] * 5)


@pytest.mark.parametrize("case", SEPARATE, ids=str)
def test_steps_without_fusion_equal_the_oracle_in_f64(case: Case, compiled: Compile) -> None:
    compare_steps(Run(compiled(case, "f64"), case, "f64", threads=2), [()] * 3)


@pytest.mark.parametrize("case", [case for case in SEPARATE if not case.iterates], ids=str)
def test_steps_without_fusion_equal_the_oracle_in_f32(case: Case, compiled: Compile) -> None:
    compare_steps(Run(compiled(case, "f32"), case, "f32", threads=2), [()] * 3)


@pytest.mark.parametrize("case", [case for case in CASES if case.iterates], ids=str)
def test_updates_by_bf16_products_are_near_the_oracle(case: Case, compiled: Compile) -> None:
    compare_directions(Run(compiled(case, "f32"), case, "f32", threads=2), 5)


@pytest.mark.parametrize("case", [c for c in CASES if str(c) in ("sgd", "adamw", "scion-row", "scion-rms")], ids=str)
def test_bf16_weights_are_those_of_the_oracle_rounded_once_a_step(case: Case, compiled: Compile) -> None:
    """The oracle rounds its weight after every step. An f32 result that falls on the other side of the middle between
    two bf16 numbers is one unit off, which happens to few entries: f32 errors are 2^-16 of that unit."""
    run = Run(compiled(case, "bf16"), case, "bf16")
    for _ in range(3):
        run.step()
    for index, tensor in enumerate(run.tensors):
        for found, layer in zip(run.found(index), run.oracle[index], strict=True):
            error = np.abs(found - layer.w)
            assert (error <= EPS["bf16"] * np.maximum(np.abs(layer.w), np.abs(found))).all(), tensor.name
            assert np.count_nonzero(error) <= 1 + 0.002 * error.size, tensor.name


@representatives
def test_large_layers_equal_the_oracle_in_f64(case: Case, compiled: Compile) -> None:
    compare_steps(Run(compiled(case, "f64"), case, "f64", LARGE_TABLE, threads=2), [()] * 2)


@representatives
@pytest.mark.parametrize("tensors", [TABLE, LARGE_TABLE], ids=["small", "large"])
def test_bits_do_not_depend_on_the_number_of_threads(
    case: Case, tensors: tuple[Tensor, ...], compiled: Compile
) -> None:
    artifact = compiled(case, "f32")
    runs = [Run(artifact, case, "f32", tensors, threads=threads) for threads in (1, 2, 3)]
    for run in runs:
        for _ in range(2):
            run.step(follow=False)
    for index, tensor in enumerate(tensors):
        assert runs[0].bits(index) == runs[1].bits(index) == runs[2].bits(index), tensor.name


@representatives
def test_bits_do_not_depend_on_where_rows_lie(case: Case, compiled: Compile) -> None:
    artifact = compiled(case, "f32")
    packed = tuple(Tensor(tensor.name, tensor.shape) for tensor in TABLE)
    runs = [Run(artifact, case, "f32", tensors) for tensors in (TABLE, packed)]
    for run in runs:
        for _ in range(3):
            run.step(follow=False)
    for index, tensor in enumerate(TABLE):
        assert runs[0].bits(index) == runs[1].bits(index), tensor.name


# LANTON takes the quietest layer of the group as its measure.
@pytest.mark.parametrize("case", [case for case in REPRESENTATIVES if case.rule != "lanton"], ids=str)
def test_bits_do_not_depend_on_other_layers(case: Case, compiled: Compile) -> None:
    artifact = compiled(case, "f32")
    together = Run(artifact, case, "f32")
    alone = [Run(artifact, case, "f32", (tensor,)) for tensor in TABLE]
    for run in (together, *alone):
        for _ in range(3):
            run.step(follow=False)
    for index, tensor in enumerate(TABLE):
        assert together.bits(index) == alone[index].bits(0), tensor.name


@representatives
def test_an_absent_layer_keeps_its_weight_states_and_count(case: Case, compiled: Compile) -> None:
    others = tuple(tensor.name for tensor in SMALL_TABLE[1:])
    absences = [(), ("odd", "experts"), ("experts",), (), others, (*others, SMALL_TABLE[0].name), ()]
    compare_steps(Run(compiled(case, "f64"), case, "f64", SMALL_TABLE), absences)


@representatives
def test_a_layer_may_be_absent_from_its_first_step(case: Case, compiled: Compile) -> None:
    absences = [("odd", "vector"), ("odd",), (), ()]
    compare_steps(Run(compiled(case, "f64"), case, "f64", SMALL_TABLE), absences)


@representatives
def test_gradients_are_multiplied_by_their_scale(case: Case, compiled: Compile) -> None:
    run = Run(compiled(case, "f64"), case, "f64", SMALL_TABLE)
    sizes = [0.0] * len(SMALL_TABLE)
    for scale in (0.3, 2.0**-16, 7.0):
        before = [[layer.w.copy() for layer in layers] for layers in run.oracle]
        run.step(scale=scale)
        sizes = [max(sizes[i], largest_update(run, before[i], i)) for i in range(len(sizes))]
        check_weights(run, sizes)


@every_case
def test_zero_gradients_move_nothing_but_decay(case: Case, compiled: Compile) -> None:
    for storage in ("f64", "f32"):
        run = Run(compiled(case, storage), case, storage, SMALL_TABLE)
        for _ in range(3):
            run.step(zero=True)
        check_weights(run, [0.0] * len(SMALL_TABLE))


@representatives
def test_found_inf_skips_the_whole_step(case: Case, compiled: Compile) -> None:
    run = Run(compiled(case, "f64"), case, "f64", SMALL_TABLE)
    run.step()
    kept = [run.bits(index) for index in range(len(SMALL_TABLE))]
    result = run.optimizer.step(2, found_inf=1.0)
    assert result.skipped
    assert kept == [run.bits(index) for index in range(len(SMALL_TABLE))]
    assert not run.optimizer.step(2, found_inf=0.0).skipped
    assert kept != [run.bits(index) for index in range(len(SMALL_TABLE))]


@representatives
def test_a_saved_optimizer_goes_on_where_it_was(case: Case, compiled: Compile) -> None:
    artifact = compiled(case, "f32")
    first, second = Run(artifact, case, "f32"), Run(artifact, case, "f32")
    first.step()
    first.step()
    second.optimizer.load(first.optimizer.save())
    for source, target in zip(first.weights, second.weights, strict=True):
        target[...] = source
    second.t = first.t
    for run in (first, second):
        run.step()
    for index in range(len(TABLE)):
        assert first.bits(index) == second.bits(index), TABLE[index].name


def test_lanton_reports_its_noise_and_rate(compiled: Compile) -> None:
    case = next(case for case in CASES if str(case) == "lanton-max")
    run = Run(compiled(case, "f64"), case, "f64", SMALL_TABLE)
    for _ in range(3):
        reports = run.step(reports=True).reports
    noises = [float(layer.state["h"]) for layers in run.oracle for layer in layers]
    quietest = max(1.0 / np.sqrt(1.0 + noise) for noise in noises)
    rates = [run.hyper()["lr"] * np.sqrt(1.0 / np.sqrt(1.0 + noise) / quietest) for noise in noises]
    for name, expected in (("noise", noises), ("rate", rates)):
        found = np.concatenate([np.ravel(reports[tensor.name][name]) for tensor in SMALL_TABLE])
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_scalars_are_computed_in_f64(compiled: Compile) -> None:
    """1 - 0.999 in f32 is off by 1e-5, which would show in the first step from a weight of zero."""
    case = next(case for case in CASES if case.rule == "adamw")
    w = np.zeros((20, 30), np.float32)
    g = np.random.default_rng(1).standard_normal(w.shape).astype(np.float32)
    with compiled(case, "f32").optimizer([descent.Layer("w", w, g)]) as optimizer:
        optimizer.step(1, hyper={"lr": 0.5, "weight_decay": 0.0})
    wide = g.astype(np.float64)
    np.testing.assert_allclose(w, -0.5 * wide / (np.abs(wide) + 1e-8), rtol=8 * EPS["f32"], atol=0)


@pytest.mark.parametrize("storage", ["f64", "f32"])
def test_l1_spreads_its_step_evenly_over_ties(storage: str, compiled: Compile) -> None:
    case = next(case for case in CASES if str(case) == "scion-l1")
    w = np.zeros((40, 50), np.float64 if storage == "f64" else np.float32)
    g = np.full_like(w, 0.25)
    g[0, 0], g[17, 31], g[39, 49], g[20, 0] = 3.0, -3.0, 3.0, -3.0
    with compiled(case, storage).optimizer([descent.Layer("w", w, g)]) as optimizer:
        optimizer.step(1, hyper={"lr": 0.5, "radius": 1.0, "momentum": 0.25})
    expected = np.zeros_like(w)
    expected[0, 0], expected[17, 31], expected[39, 49], expected[20, 0] = -0.125, 0.125, -0.125, 0.125
    np.testing.assert_array_equal(w, expected)
