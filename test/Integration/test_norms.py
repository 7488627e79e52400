"""Properties of every norm, through small rules that store what they ask: lmo, norm, dual norm and projection.

    |lmo(x)| <= 1 ,   <x, lmo(x)> = -dual(x) ,   lmo(c x) = lmo(x) for c > 0 ,   lmo(0) = 0

In f64, where nothing is rounded on purpose. The norms of NumPy that results are compared with are those of `oracles`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import descent
import numpy as np
import pytest
from oracles import newton_schulz, norms
from oracles.rule import Array
from test_oracles import SCALAR_MAPS, SPECTRUM

Ask = Callable[..., "Answer"]
EPS = 2.0**-52

# Nothing is added to the norm that a matrix is divided by, so that only the direction of the input counts.
EXACT = "<polar_express, steps = 16, scale = 1.01, epsilon = 0.0>"


@dataclass(frozen=True)
class Subject:
    """`reads` is how much of the input one entry of the lmo depends on."""

    spelling: str
    oracle: norms.Norm
    reads: str = "tensor"
    has_norm: bool = True
    has_projection: bool = True

    def __str__(self) -> str:
        return self.spelling.replace("#descent.", "").replace(f"<lmo = {EXACT}, dual = {EXACT}>", "")


SPECTRAL = {"has_norm": False, "has_projection": False}
SUBJECTS = [
    Subject("#descent.max", norms.max_entry(), "entry"),
    Subject("#descent.l1", norms.l1(), has_projection=False),
    Subject("#descent.l2", norms.l2()),
    Subject("#descent.rms", norms.rms()),
    Subject("#descent.row", norms.row(), "row"),
    Subject("#descent.row<p = 1>", norms.row(1), "row", has_projection=False),
    Subject("#descent.column", norms.column(), "column"),
    Subject("#descent.column<p = 1>", norms.column(1), "column", has_projection=False),
    Subject(f"#descent.spectral<lmo = {EXACT}, dual = {EXACT}>", norms.spectral(), **SPECTRAL),
    Subject(f"#descent.rms_to_rms<lmo = {EXACT}, dual = {EXACT}>", norms.rms_to_rms("out_in"), **SPECTRAL),
    Subject("#descent.scaled<#descent.max, factor = 3.0>", norms.scaled(norms.max_entry(), lambda _: 3.0), "entry"),
    # RMS to l-infinity, l1 to RMS, and a scaled norm within a scaled norm.
    Subject("#descent.scaled<#descent.row, cols = 0.5>", norms.scaled_by_shape(norms.row(), 0.0, 0.5), "row"),
    Subject(
        "#descent.scaled<#descent.column, rows = -0.5>", norms.scaled_by_shape(norms.column(), -0.5, 0.0), "column"
    ),
    Subject(
        "#descent.scaled<#descent.scaled<#descent.l2, factor = 0.25>, rows = 1.0, cols = -0.5>",
        norms.scaled_by_shape(norms.l2(), 1.0, -0.5, 0.25),
    ),
    Subject(
        f"#descent.scaled<#descent.spectral<lmo = {EXACT}, dual = {EXACT}>, factor = 2.0, rows = 0.5>",
        norms.scaled_by_shape(norms.spectral(), 0.5, 0.0, 2.0),
        **SPECTRAL,
    ),
]
SHAPES = [(24, 56), (56, 24), (19, 19), (1, 37), (37, 1), (1, 1), (33, 65), (130, 70)]

every_norm = pytest.mark.parametrize("subject", SUBJECTS, ids=str)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


@dataclass(frozen=True)
class Answer:
    stored: Array
    reports: dict[str, float]


def lmo_rule(subject: Subject) -> str:
    size = f'  %size = descent.norm {subject.spelling}, %u : tensor<?x?xf64>\n  descent.report "size" = %size\n'
    return f"""descent.optimizer @query(%w: param, %g: grad) {{
  %u = descent.lmo {subject.spelling}, %g : tensor<?x?xf64>
  %slope = descent.inner %g, %u : tensor<?x?xf64>
  %dual = descent.dual_norm {subject.spelling}, %g : tensor<?x?xf64>
  descent.report "slope" = %slope
  descent.report "dual" = %dual
{size if subject.has_norm else ""}  descent.update %w = %u : tensor<?x?xf64>
}}
"""


def projection_rule(subject: Subject) -> str:
    return f"""descent.optimizer @query(%w: param, %g: grad, %radius: hyper = 1.0) {{
  %p = descent.project {subject.spelling}, %g, %radius : tensor<?x?xf64>
  %size = descent.norm {subject.spelling}, %p : tensor<?x?xf64>
  descent.report "size" = %size
  descent.update %w = %p : tensor<?x?xf64>
}}
"""


def method_rule(method: str) -> str:
    return f"""descent.optimizer @query(%w: param, %g: grad) {{
  %o = descent.orthogonalize #descent.newton_schulz{method}, %g : tensor<?x?xf64>
  descent.update %w = %o : tensor<?x?xf64>
}}
"""


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Compiles a rule once, and runs one step of it."""
    from descent.compiler import find_program

    if find_program() is None:
        pytest.skip("descent-compile is not built: DESCENT_BUILD is not set, and it is not in PATH")
    folder = tmp_path_factory.mktemp("queries")
    artifacts: dict[tuple[str, str], descent.Artifact] = {}

    def compiled(rule: str, storage: str) -> descent.Artifact:
        if (rule, storage) not in artifacts:
            source = folder / f"query{len(artifacts)}.mlir"
            source.write_text(rule)
            options = ("--storage", storage, "--stored", "out_in")
            artifacts[rule, storage] = descent.compile(source, source.with_suffix(".so"), *options)
        return artifacts[rule, storage]

    def run(rule: str, x: Array, storage: str = "f64", **hyper: float) -> Answer:
        kind = np.float64 if storage == "f64" else np.float32
        w, g = np.full(x.shape, 7.0, kind), x.astype(kind)
        with compiled(rule, storage).optimizer([descent.Layer("w", w, g)], threads=2) as optimizer:
            result = optimizer.step(1, hyper=hyper, reports=True)
        assert (g.view(np.uint8) == x.astype(kind).view(np.uint8)).all()
        return Answer(w.astype(np.float64), result.reports["w"])

    return run


def random(shape: tuple[int, int], seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def tolerance(x: Array, subject: Subject) -> float:
    """Relative: sums of n numbers carry sqrt(n) roundings if they are random, and 32 bounds the operations around them.
    An iteration amplifies a rounding of its input by at most its slope at zero, divided by its size there."""
    smallest = np.linalg.svd(x, compute_uv=False).min() / np.linalg.norm(x)
    amplification = 1.0 if subject.has_norm else 1.0 / smallest
    return 32 * EPS * float(np.sqrt(x.size)) * amplification


@every_shape
@every_norm
def test_lmo_is_in_the_unit_ball_and_attains_the_dual_norm(subject: Subject, shape: tuple[int, int], ask: Ask) -> None:
    x = random(shape)
    answer, bound = ask(lmo_rule(subject), x), tolerance(x, subject)
    assert subject.oracle.norm(answer.stored) == pytest.approx(1.0, rel=bound)
    if subject.has_norm:
        assert answer.reports["size"] == pytest.approx(1.0, rel=bound)
    dual = subject.oracle.dual(x)
    assert answer.reports["dual"] == pytest.approx(dual, rel=bound)
    assert answer.reports["slope"] == pytest.approx(-dual, rel=bound)
    scale = np.abs(answer.stored).max()
    np.testing.assert_allclose(answer.stored, subject.oracle.lmo(x), rtol=0, atol=bound * scale)


@every_norm
def test_lmo_ignores_a_positive_factor_to_the_bit(subject: Subject, ask: Ask) -> None:
    """A power of two changes no rounding; what overflows or underflows on the way would show."""
    x = random((19, 34))
    plain = ask(lmo_rule(subject), x)
    for exponent in (-400, -30, 30, 400):
        scaled = ask(lmo_rule(subject), np.ldexp(x, exponent))
        np.testing.assert_array_equal(scaled.stored, plain.stored, err_msg=f"times 2^{exponent}")
        assert scaled.reports["dual"] == np.ldexp(plain.reports["dual"], exponent)
    assert (ask(lmo_rule(subject), -x).stored == -plain.stored).all()


@pytest.mark.parametrize("subject", [s for s in SUBJECTS if s.has_norm], ids=str)
def test_lmo_in_f32_ignores_a_positive_factor(subject: Subject, ask: Ask) -> None:
    """The squares of these numbers are no f32; sums are kept in f64."""
    x = random((19, 34)).astype(np.float32).astype(np.float64)
    plain = ask(lmo_rule(subject), x, "f32")
    for exponent in (-90, 90):
        scaled = ask(lmo_rule(subject), np.ldexp(x, exponent), "f32")
        np.testing.assert_array_equal(scaled.stored, plain.stored, err_msg=f"times 2^{exponent}")
    np.testing.assert_allclose(plain.stored, subject.oracle.lmo(x), rtol=4 * 2.0**-23, atol=0)


@every_shape
@every_norm
def test_zero_gives_zero(subject: Subject, shape: tuple[int, int], ask: Ask) -> None:
    answer = ask(lmo_rule(subject), np.zeros(shape))
    assert not answer.stored.any()
    assert answer.reports["dual"] == 0.0 and answer.reports["slope"] == 0.0
    assert answer.reports.get("size", 0.0) == 0.0


@pytest.mark.parametrize("subject", [s for s in SUBJECTS if s.reads in ("row", "column")], ids=str)
def test_a_slice_of_zeros_stays_zero_beside_others(subject: Subject, ask: Ask) -> None:
    x = random((21, 37))
    zero = np.s_[4, :] if subject.reads == "row" else np.s_[:, 4]
    x[zero] = 0.0
    answer = ask(lmo_rule(subject), x)
    assert not answer.stored[zero].any()
    np.testing.assert_allclose(answer.stored, subject.oracle.lmo(x), rtol=1e-13)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
@every_norm
def test_what_is_not_finite_stays_visible(subject: Subject, value: float, ask: Ask) -> None:
    """A NaN reaches every entry of the lmo that depends on it, and the dual norm. Infinity never turns into a number
    that looks right: the dual norm is infinite or NaN."""
    x = random((33, 65))
    x[20, 40] = value
    answer = ask(lmo_rule(subject), x)
    assert not np.isfinite(answer.reports["dual"])
    if not np.isnan(value):
        return
    places = {"entry": np.s_[20, 40], "row": np.s_[20, :], "column": np.s_[:, 40], "tensor": np.s_[:, :]}
    reached = places[subject.reads]
    assert np.isnan(answer.stored[reached]).all()
    others = np.ones(x.shape, bool)
    others[reached] = False
    assert np.isfinite(answer.stored[others]).all()
    assert np.isnan(answer.reports["dual"]) and np.isnan(answer.reports["slope"])


@every_shape
@pytest.mark.parametrize("subject", [s for s in SUBJECTS if s.has_projection], ids=str)
def test_projection_is_the_nearest_point_of_the_ball(subject: Subject, shape: tuple[int, int], ask: Ask) -> None:
    x, rule = random(shape), projection_rule(subject)
    size, bound = subject.oracle.norm(x), tolerance(x, subject)
    for part in (0.4, 0.9):
        radius = part * size
        nearest = ask(rule, x, radius=radius)
        assert nearest.reports["size"] == pytest.approx(radius, rel=bound)
        assert subject.oracle.norm(nearest.stored) <= radius * (1 + bound)
        # No point z of the ball lies beyond the plane through it: <x - p, z - p> <= 0. The lmo of p - x tries hardest.
        extreme = radius * subject.oracle.lmo(nearest.stored - x)
        excess = np.sum((x - nearest.stored) * (extreme - nearest.stored))
        assert excess <= bound * radius * subject.oracle.dual(x)
        again = ask(rule, nearest.stored, radius=radius)
        np.testing.assert_allclose(again.stored, nearest.stored, rtol=bound)
    inside = ask(rule, x, radius=1.001 * size)
    np.testing.assert_array_equal(inside.stored, x)
    assert not ask(rule, x, radius=0.0).stored.any()
    assert not ask(rule, np.zeros(shape), radius=1.0).stored.any()


@pytest.mark.parametrize("subject", [s for s in SUBJECTS if s.has_projection], ids=str)
def test_projection_keeps_a_nan(subject: Subject, ask: Ask) -> None:
    x = random((9, 34))
    x[5, 20] = np.nan
    assert np.isnan(ask(projection_rule(subject), x, radius=0.5).stored[5, 20])


def test_rms_to_rms_is_the_spectral_norm_scaled(ask: Ask) -> None:
    methods = f"<lmo = {EXACT}, dual = {EXACT}>"
    scaled = Subject(
        f"#descent.scaled<#descent.spectral{methods}, rows = -0.5, cols = 0.5>", norms.spectral(), **SPECTRAL
    )
    named = Subject(f"#descent.rms_to_rms{methods}", norms.spectral(), **SPECTRAL)
    x = random((24, 56))
    left, right = ask(lmo_rule(scaled), x), ask(lmo_rule(named), x)
    np.testing.assert_array_equal(left.stored, right.stored)
    assert left.reports == right.reports


# The lists of the language, as methods. `scale` and `epsilon` leave a matrix whose Frobenius norm is 1 as it is.
AS_GIVEN = "scale = 1.0, epsilon = 0.0"
METHODS = {
    "jordan": f"<jordan, steps = 5, {AS_GIVEN}>",
    "you": f"<you, steps = 5, {AS_GIVEN}>",
    "polar express 5": f"<polar_express, steps = 5, {AS_GIVEN}>",
    "polar express 8": f"<polar_express, steps = 8, {AS_GIVEN}>",
    "gram": f"<polar_express, safety = 1.05, {AS_GIVEN}>",
    "cans": f"<cans, {AS_GIVEN}>",
    "turbo": f"<turbo, {AS_GIVEN}>",
}
# On singular values of 0.001 to 1: the least and the largest result.
BANDS = {
    "jordan": (0.4705, 1.2024),
    "you": (0.4750, 1.1450),
    "polar express 5": (0.8462, 1.1236),
    "polar express 8": (1.0 - 1e-6, 1.0 + 1e-6),
    "gram": (0.7290, 1.1236),
    "cans": (0.8844, 1.1198),
    "turbo": (0.1466, 1.0500),
}


def rotated(singular: Array, rows: int, cols: int) -> Array:
    """A matrix with these singular values, and singular vectors that are no axes."""
    rng = np.random.default_rng(5)
    u, _ = np.linalg.qr(rng.standard_normal((rows, singular.size)))
    v, _ = np.linalg.qr(rng.standard_normal((cols, singular.size)))
    return np.asarray((u * singular) @ v.T)


@pytest.mark.parametrize("name", METHODS)
def test_newton_schulz_maps_singular_values_as_its_list_says(name: str, ask: Ask) -> None:
    """s and the value that makes the Frobenius norm 1; the result must be diagonal, with f(s) to the printed digits."""
    _, golden, slope = SCALAR_MAPS[name]
    rule = method_rule(METHODS[name])
    for s, image in zip(SPECTRUM, golden, strict=True):
        found = ask(rule, np.array([[s, 0.0, 0.0], [0.0, np.sqrt(1.0 - s * s), 0.0]])).stored
        assert found[0, 0] == pytest.approx(image, abs=1e-6), s
        assert not found[0, 1:].any() and found[1, 0] == 0.0 and found[1, 2] == 0.0
    found = ask(rule, np.array([[1e-7, 0.0], [0.0, 1.0]])).stored
    assert found[0, 0] / 1e-7 == pytest.approx(slope, rel=2e-4)


def spread(count: int) -> Array:
    """From 0.001 up by equal factors, the sum of squares being 1."""
    low, high = 0.1, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if np.linalg.norm(np.geomspace(1e-3, middle, count)) > 1.0 else (middle, high)
    return np.geomspace(1e-3, low, count)


@pytest.mark.parametrize("shape", [(40, 90), (90, 40), (40, 40)], ids=str)
@pytest.mark.parametrize("name", METHODS)
def test_newton_schulz_stays_in_its_band(name: str, shape: tuple[int, int], ask: Ask) -> None:
    x = rotated(spread(40), *shape)
    found = np.linalg.svd(ask(method_rule(METHODS[name]), x).stored, compute_uv=False)
    least, largest = BANDS[name]
    # The band is printed with four digits.
    assert least - 1e-4 <= found.min() and found.max() <= largest + 1e-4


@pytest.mark.parametrize("name", ["#descent.spectral", "#descent.rms_to_rms"])
def test_default_methods_are_as_accurate_as_they_say(name: str, ask: Ask) -> None:
    """Jordan's list for a direction, in bf16 unless the storage is f64; eight steps of Polar Express for a dual."""
    x = random((40, 64))
    oracle = norms.library(name)
    exact = norms.spectral() if name == "#descent.spectral" else norms.rms_to_rms("out_in")
    rule = lmo_rule(Subject(name, oracle, **SPECTRAL))
    for storage, direction, dual in (("f64", 0.0, 1e-9), ("f32", 0.06, 1e-4)):
        answer = ask(rule, x, storage)
        assert 0.68 < exact.norm(answer.stored) < BANDS["jordan"][1] + direction
        assert answer.reports["dual"] == pytest.approx(exact.dual(x), rel=dual)
        assert 0.68 < -answer.reports["slope"] / exact.dual(x) < 1.13
        error = np.linalg.norm(answer.stored - oracle.lmo(x)) / np.linalg.norm(oracle.lmo(x))
        assert error <= direction + 1e-9


def test_newton_schulz_of_the_oracle_is_the_compiled_one(ask: Ask) -> None:
    """Every rule of normalisation, on a matrix that is far from normalised."""
    x = 3.7 * random((33, 65))
    for method, spelling in (
        (newton_schulz.JORDAN_5, "<jordan, steps = 5>"),
        (newton_schulz.TORCH_5, "<jordan, steps = 5, normalize = max>"),
        (newton_schulz.YOU_5, "<you, steps = 5>"),
        (newton_schulz.POLAR_EXPRESS_5, "<polar_express, steps = 5, scale = 1.01>"),
        (newton_schulz.POLAR_EXPRESS_8, "<polar_express, steps = 8, scale = 1.01>"),
    ):
        found = ask(method_rule(spelling), x).stored
        np.testing.assert_allclose(found, method(x), rtol=0, atol=20 * method.slope_at_zero * EPS, err_msg=spelling)
