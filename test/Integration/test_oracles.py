"""The oracles against numbers that were computed by other programs from the same formulas, and against identities.

The golden numbers are data. Those of `shared problem` come from the named optimizers of PyTorch, run in float64; those
of the 2 x 3 problem from a separate float64 transcription of the formulas, and catch misreadings of them.
"""

from __future__ import annotations

import numpy as np
import pytest
from oracles import RULES, advance, make_layer, newton_schulz, norms
from oracles.rule import Array

# Printed with eight or ten digits: half a unit of the last one, and as much again for the other program's own rounding.
EIGHT_DIGITS = 1e-8
TEN_DIGITS = 1e-10


def matrix(text: str) -> Array:
    return np.array([[float(x) for x in row.split()] for row in text.split(";")])


# The 2 x 3 problem: with k = 3 i + j, W = sin(1 + k), G1 = cos(1 + 2k) / 2, G2 = sin(3 + k^2) / 2; two steps, by G1
# and then by G2.
K = np.arange(6.0).reshape(2, 3)
W = np.sin(1 + K)
G1 = 0.5 * np.cos(1 + 2 * K)
G2 = 0.5 * np.sin(3 + K * K)

NEWTON_SCHULZ = {
    "exact": (
        newton_schulz.exact_polar,
        "-0.00907821 -0.76410006 0.64503386 ; 0.79280823 -0.39861823 -0.46104080",
    ),
    "jordan": (
        newton_schulz.JORDAN_5,
        "-0.11411633 -0.59420786 0.60867178 ; 0.66952863 -0.23345414 -0.47522622",
    ),
    "polar express, 5 rows": (
        newton_schulz.POLAR_EXPRESS_5,
        "-0.08520854 -0.71620455 0.68130105 ; 0.78108130 -0.31879999 -0.51574609",
    ),
}


@pytest.mark.parametrize("name", NEWTON_SCHULZ)
def test_polar_factors_of_the_small_problem(name: str) -> None:
    method, golden = NEWTON_SCHULZ[name]
    np.testing.assert_allclose(method(G1), matrix(golden), rtol=0, atol=EIGHT_DIGITS)


def test_singular_values_of_the_small_problem() -> None:
    for x, golden in (
        (G1, (0.81949929, 0.12718705)),
        (G2, (0.50608569, 0.30966473)),
        (G2 - G1, (0.88454856, 0.14617221)),
    ):
        np.testing.assert_allclose(np.linalg.svd(x, compute_uv=False), golden, rtol=0, atol=EIGHT_DIGITS)


# f(s) after all steps of a list, at singular values that already are normalised.
SPECTRUM = (0.001, 0.01, 0.05, 0.1, 0.3, 0.5, 0.9, 1.0)
SCALAR_MAPS = {
    "jordan": (
        newton_schulz.JORDAN_5,
        (0.470544, 0.698917, 0.758120, 0.712120, 1.079592, 0.765439, 0.682011, 0.696436),
        484.9,
    ),
    "you": (
        newton_schulz.YOU_5,
        (0.474982, 1.018025, 1.010644, 1.019050, 0.996224, 0.985869, 0.979914, 0.978346),
        492.8,
    ),
    "polar express 5": (
        newton_schulz.POLAR_EXPRESS_5,
        (0.846177, 1.066000, 0.970530, 0.874932, 0.910505, 0.934331, 0.985155, 1.028751),
        976.3,
    ),
    "polar express 8": (newton_schulz.POLAR_EXPRESS_8, (1.0,) * 8, 6363.0),
    "gram": (
        newton_schulz.GRAM_5,
        (0.729003, 0.906027, 0.971167, 0.878715, 1.093326, 0.884924, 1.049388, 1.019028),
        804.0,
    ),
    "cans": (
        newton_schulz.CANS_5,
        (0.886528, 1.113169, 1.057586, 0.916309, 1.010618, 1.096414, 0.921745, 1.005069),
        1048.9,
    ),
    "turbo": (
        newton_schulz.TURBO_4,
        (0.146595, 1.014157, 0.961272, 1.031002, 1.002846, 1.027036, 1.016462, 0.943827),
        147.17,
    ),
}


@pytest.mark.parametrize("name", SCALAR_MAPS)
def test_scalar_map_of_a_coefficient_list(name: str) -> None:
    method, golden, slope = SCALAR_MAPS[name]
    result = newton_schulz.iterate(np.diag(SPECTRUM), method.coefficients)
    np.testing.assert_allclose(np.diag(result), golden, rtol=0, atol=1e-6)
    assert method.slope_at_zero == pytest.approx(slope, rel=2e-4)


@pytest.mark.parametrize("shape", [(5, 12), (12, 5), (8, 8), (1, 7), (7, 1), (1, 1)])
@pytest.mark.parametrize("name", SCALAR_MAPS)
def test_iteration_equals_the_polynomial_of_the_singular_values(name: str, shape: tuple[int, int]) -> None:
    method = SCALAR_MAPS[name][0]
    x = np.random.default_rng(1).standard_normal(shape)
    y = x / method.normalise(x)
    # Rounding of one step, amplified by at most the slope at zero through the rest.
    tolerance = 20 * method.slope_at_zero * np.finfo(float).eps
    np.testing.assert_allclose(
        method(x), newton_schulz.apply_to_spectrum(y, method.coefficients), rtol=0, atol=tolerance
    )
    assert not method(np.zeros(shape)).any()


TWO_STEPS = {
    "adamw": (
        {"lr": 0.1, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
        None,
        "0.64208297 1.08863311 -0.05556086 ; -0.85216016 -0.78680960 -0.44835240",
    ),
    "muon": (
        {"lr": 0.1, "weight_decay": 0.1, "momentum": 0.95},
        None,
        "0.80091374 1.00645397 0.04739373 ; -0.72204212 -0.90188154 -0.26830661",
    ),
    "scion_constrained": (
        {"lr": 0.1, "momentum": 0.1, "radius": 2.0},
        norms.library("#descent.rms_to_rms"),
        "0.63172172 0.88892873 -0.04672038 ; -0.62979953 -0.64168641 -0.11039476",
    ),
    "normuon": (
        {"lr": 0.1, "weight_decay": 0.1, "momentum": 0.95, "beta2": 0.95},
        None,
        "0.79785337 1.01116364 0.04491136 ; -0.72678522 -0.90260614 -0.26597626",
    ),
    "lion": (
        {"lr": 0.1, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.99},
        None,
        "0.62572571 1.09020241 -0.06068828 ; -0.74074213 -0.94084168 -0.47285513",
    ),
}


@pytest.mark.parametrize("name", TWO_STEPS)
def test_two_steps_of_the_small_problem(name: str) -> None:
    hyper, norm, golden = TWO_STEPS[name]
    layer = make_layer(RULES[name], W, norm)
    for gradient in (G1, G2):
        advance(RULES[name], [layer], [gradient], hyper)
    np.testing.assert_allclose(layer.w, matrix(golden), rtol=0, atol=EIGHT_DIGITS)


def lanton_layers() -> tuple[list, list[list[Array]]]:
    """Layer a: W, G1, G2. Layer b: W, .3 G2, .3 G1, all with the columns reversed. Exact polar factors."""
    norm = norms.rms_to_rms("out_in")
    layers = [make_layer(RULES["lanton"], w, norm) for w in (W, W[:, ::-1])]
    return layers, [[G1, 0.3 * G2[:, ::-1]], [G2, 0.3 * G1[:, ::-1]]]


LANTON_HYPER = {"lr": 0.1, "beta1": 0.95, "beta2": 0.9, "alpha": 1.0}


def test_lanton_of_two_layers() -> None:
    layers, gradients = lanton_layers()
    advance(RULES["lanton"], layers, gradients[0], LANTON_HYPER)
    assert [float(layer.state["h"]) for layer in layers] == [0.0, 0.0]
    advance(RULES["lanton"], layers, gradients[1], LANTON_HYPER)
    noise = [float(layer.state["h"]) for layer in layers]
    np.testing.assert_allclose(noise, (0.0708256863, 0.0063743118), rtol=0, atol=TEN_DIGITS)
    golden_a = "0.80286632 1.01958090 0.03725851 ; -0.78818889 -0.86195141 -0.20712670"
    golden_b = "0.03021009 1.01839583 0.79860211 ; -0.26639254 -0.91346625 -0.67790114"
    np.testing.assert_allclose(layers[0].w, matrix(golden_a), rtol=0, atol=EIGHT_DIGITS)
    np.testing.assert_allclose(layers[1].w, matrix(golden_b), rtol=0, atol=EIGHT_DIGITS)


def test_lanton_does_not_depend_on_the_order_of_layers() -> None:
    layers, gradients = lanton_layers()
    reversed_layers, _ = lanton_layers()
    reversed_layers.reverse()
    for pair in gradients:
        advance(RULES["lanton"], layers, pair, LANTON_HYPER)
        advance(RULES["lanton"], reversed_layers, pair[::-1], LANTON_HYPER)
    for layer, other in zip(layers, reversed_layers[::-1], strict=True):
        np.testing.assert_array_equal(layer.w, other.w)


def test_lanton_of_one_layer_is_scion() -> None:
    norm = norms.library("#descent.max")
    lanton, scion = make_layer(RULES["lanton"], W, norm), make_layer(RULES["scion"], W, norm)
    for gradient in (G1, G2):
        advance(RULES["lanton"], [lanton], [gradient], {"lr": 0.1, "beta1": 0.9})
        advance(RULES["scion"], [scion], [gradient], {"lr": 0.1, "momentum": 0.1})
    np.testing.assert_allclose(lanton.w, scion.w, rtol=0, atol=1e-15)


# The shared problem: two tensors, five steps. `W[0, 0..2]`, `W[3, 2]` and `b` after the last of them.
SHARED_PROBLEM = {
    "SGD": (
        "sgd",
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
        (-0.3427857626, -0.3010736282, -0.0384889934, 0.1264073540, -0.1855998328, -0.0021369271, 0.2303063720),
    ),
    "SGD with Nesterov momentum": (
        "sgd_nesterov",
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        (-0.1952117167, -0.2768250608, -0.1633709207, 0.2653572331, -0.1258849042, 0.0772088411, 0.3095453952),
    ),
    "AdamW": (
        "adamw",
        {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-3, "weight_decay": 0.05},
        (-0.3761203784, -0.3703225995, -0.2061107535, 0.0773812353, -0.1018525539, 0.0579186427, 0.2393360929),
    ),
}


@pytest.mark.parametrize("name", SHARED_PROBLEM)
def test_five_steps_of_the_shared_problem(name: str) -> None:
    rule_name, hyper, golden = SHARED_PROBLEM[name]
    rule = RULES[rule_name]
    i, j = np.arange(4.0)[:, None], np.arange(3.0)[None, :]
    layers = [make_layer(rule, np.mod(7 * i + 3 * j + 1, 11) / 10 - 0.5), make_layer(rule, [[0.1, 0.2, 0.3]])]
    for t in range(1, 6):
        advance(rule, layers, [0.5 * np.cos(0.9 * t + 0.7 * i - 1.1 * j), np.sin(1.3 * t + 0.5 * j)], hyper)
    found = [*layers[0].w[0], layers[0].w[3, 2], *layers[1].w[0]]
    np.testing.assert_allclose(found, golden, rtol=0, atol=TEN_DIGITS)


def test_decoupled_decay_is_gradient_descent_on_a_shrunk_weight() -> None:
    for name, other in (("sgdw", "sgd"), ("sgdw_nesterov", "sgd_nesterov")):
        decayed, plain = make_layer(RULES[name], W), make_layer(RULES[other], W)
        for gradient in (G1, G2):
            advance(RULES[name], [decayed], [gradient], {"lr": 0.1, "weight_decay": 0.5})
            plain.w = plain.w * (1 - 0.1 * 0.5)
            advance(RULES[other], [plain], [gradient], {"lr": 0.1, "weight_decay": 0.0})
        np.testing.assert_allclose(decayed.w, plain.w, rtol=0, atol=1e-15)


def test_an_absent_layer_keeps_its_weight_state_and_count() -> None:
    rule = RULES["adamw"]
    layer = make_layer(rule, W)
    advance(rule, [layer], [G1], {})
    w, m = layer.w.copy(), layer.state["m"].copy()
    advance(rule, [layer], [None], {})
    np.testing.assert_array_equal(layer.w, w)
    np.testing.assert_array_equal(layer.state["m"], m)
    assert layer.t == 1


ALL_NORMS = {
    "max": norms.max_entry(),
    "l1": norms.l1(),
    "l2": norms.l2(),
    "rms": norms.rms(),
    "row": norms.row(2),
    "row, p = 1": norms.row(1),
    "column": norms.column(2),
    "column, p = 1": norms.column(1),
    "spectral": norms.spectral(),
    "rms_to_rms": norms.rms_to_rms("out_in"),
    "rms_to_rms, transposed": norms.rms_to_rms("in_out"),
    "scaled": norms.scaled_by_shape(norms.row(2), 0.5, -1.0, 3.0),
}
SHAPES = [(3, 7), (7, 3), (5, 5), (1, 6), (6, 1), (1, 1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ALL_NORMS)
def test_lmo_is_a_point_of_the_unit_ball_that_attains_the_dual_norm(name: str, shape: tuple[int, int]) -> None:
    norm = ALL_NORMS[name]
    rng = np.random.default_rng(2)
    x = rng.standard_normal(shape)
    d = norm.lmo(x)
    assert norm.norm(d) == pytest.approx(1.0, rel=1e-13)
    assert np.sum(x * d) == pytest.approx(-norm.dual(x), rel=1e-13)
    np.testing.assert_allclose(norm.lmo(2.5 * x), d, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(norm.lmo(-x), -d, rtol=1e-12, atol=1e-13)
    for _ in range(200):
        z = rng.standard_normal(shape)
        z /= norm.norm(z)
        assert np.sum(x * z) >= -norm.dual(x) * (1 + 1e-13)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ALL_NORMS)
def test_lmo_and_dual_norm_of_zero_are_zero(name: str, shape: tuple[int, int]) -> None:
    zero = np.zeros(shape)
    assert not ALL_NORMS[name].lmo(zero).any()
    assert ALL_NORMS[name].dual(zero) == 0.0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ALL_NORMS)
def test_projection_is_the_nearest_point_of_the_ball(name: str, shape: tuple[int, int]) -> None:
    norm = ALL_NORMS[name]
    assert norm.project is not None
    rng = np.random.default_rng(3)
    x = rng.standard_normal(shape)
    radius = 0.4 * norm.norm(x)
    nearest = norm.project(x, radius)
    assert norm.norm(nearest) <= radius * (1 + 1e-12)
    np.testing.assert_allclose(norm.project(nearest * 0.5, radius), nearest * 0.5, rtol=0, atol=1e-13)
    # No point of the ball lies beyond the plane through the nearest point: <x - nearest, z - nearest> <= 0, and the lmo
    # of nearest - x is the point that tries hardest.
    extreme = radius * norm.lmo(nearest - x)
    assert np.sum((x - nearest) * (extreme - nearest)) <= 1e-12 * radius * max(1.0, norm.dual(x))


def test_ties_of_the_largest_entry_share_the_mass() -> None:
    x = np.array([[2.0, -2.0, 1.0], [0.5, 2.0, 2.0]])
    np.testing.assert_array_equal(norms.l1().lmo(x), [[-0.25, 0.25, 0.0], [0.0, -0.25, -0.25]])
    np.testing.assert_array_equal(norms.row(1).lmo(x), [[-0.5, 0.5, 0.0], [0.0, -0.5, -0.5]])
    np.testing.assert_array_equal(norms.column(1).lmo(x), [[-1.0, 0.5, 0.0], [0.0, -0.5, -1.0]])


def test_rows_and_columns_of_zeros_stay_zero() -> None:
    x = np.array([[0.0, 3.0], [0.0, -4.0], [0.0, 0.0]])
    np.testing.assert_allclose(norms.row(2).lmo(x), [[0.0, -1.0], [0.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(norms.column(2).lmo(x), [[0.0, -0.6], [0.0, 0.8], [0.0, 0.0]])


def test_default_methods_of_the_library_are_in_their_bands() -> None:
    """Jordan's list leaves singular values in 0.68..1.13; eight steps of Polar Express make an exact dual norm."""
    x = np.random.default_rng(4).standard_normal((24, 60))
    singular = np.linalg.svd(norms.library("#descent.spectral").lmo(x), compute_uv=False)
    assert 0.67 < singular.min() and singular.max() < 1.21
    assert norms.library("#descent.rms_to_rms").dual(x) == pytest.approx(norms.rms_to_rms("out_in").dual(x), rel=1e-6)
