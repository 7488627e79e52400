"""Every list of coefficients, in every form: against the iteration in float64, and the forms against each other.

In f64 both forms follow s <- a s + b s^3 + c s^5 to rounding. Where a method rounds, the Gram form is as far from that
as the plain form is, within a factor; which of them a layer runs follows from its shape, never from threads.
"""

from __future__ import annotations

from dataclasses import dataclass

import descent
import numpy as np
import pytest
from oracles import newton_schulz
from oracles.newton_schulz import Method
from oracles.rule import Array
from test_norms import EPS, Ask, ask, method_rule, random, rotated

__all__ = ["ask"]


@dataclass(frozen=True)
class Subject:
    """A method without its form and type."""

    fields: str
    oracle: Method

    def __str__(self) -> str:
        return self.fields.split(",")[0] + ("-aol" if "aol" in self.fields else "")

    def rule(self, form: str, more: str = "") -> str:
        return method_rule(f"<{self.fields}, form = {form}{more}>")

    def apply(self, x: Array) -> Array:
        if "aol" in self.fields:
            return newton_schulz.iterate(newton_schulz.scale_rows(x), self.oracle.coefficients)
        return self.oracle(x)


OWN = "[[3.4445, -4.7750, 2.0315], [1.875, -1.25, 0.375], [1.875, -1.25, 0.375]]"
OWN_LIST = Method(newton_schulz.JORDAN[:1] + ((1.875, -1.25, 0.375),) * 2, newton_schulz.n1)
SUBJECTS = [
    Subject("jordan", newton_schulz.JORDAN_5),
    Subject("you", newton_schulz.YOU_5),
    Subject("polar_express, steps = 5", newton_schulz.POLAR_EXPRESS_5),
    Subject("polar_express, steps = 8", newton_schulz.POLAR_EXPRESS_8),
    Subject("polar_express, safety = 1.05, scale = 1.0", newton_schulz.GRAM_5),
    Subject("cans", newton_schulz.CANS_5),
    Subject("turbo", newton_schulz.TURBO_4),
    Subject("turbo, precondition = aol", newton_schulz.TURBO_4),
    Subject(OWN, OWN_LIST),
]
SHAPES = [(24, 56), (56, 24), (19, 19), (1, 37), (37, 1), (1, 1), (33, 65), (70, 130)]
# Lists whose Gram form in bf16 has blocks of more than one step.
ROUNDED = [s for s in SUBJECTS if not s.fields.startswith(("cans", "["))]

every_subject = pytest.mark.parametrize("subject", SUBJECTS, ids=str)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


@pytest.mark.parametrize("restarts", ["", ", restarts = [2]"], ids=["usual", "restart 2"])
@every_shape
@every_subject
def test_gram_form_is_the_iteration(subject: Subject, shape: tuple[int, int], restarts: str, ask: Ask) -> None:
    x = random(shape)
    found = ask(subject.rule("gram", restarts), x).stored
    # A rounding of the Gram matrix is amplified by the squares of the slopes at zero of its block, and the block's
    # result by the slopes after it; both are below the square of all slopes.
    smallest = max(np.linalg.svd(x, compute_uv=False).min() / np.linalg.norm(x), EPS)
    bound = 64 * EPS * subject.oracle.slope_at_zero * min(subject.oracle.slope_at_zero, 1.0 / smallest)
    np.testing.assert_allclose(found, subject.apply(x), rtol=0, atol=bound)


@every_shape
@every_subject
def test_plain_form_is_the_iteration(subject: Subject, shape: tuple[int, int], ask: Ask) -> None:
    x = random(shape)
    found = ask(subject.rule("plain"), x).stored
    np.testing.assert_allclose(found, subject.apply(x), rtol=0, atol=64 * EPS * subject.oracle.slope_at_zero)


@pytest.mark.parametrize("form", ["plain", "gram"])
@every_subject
def test_zero_stays_zero(subject: Subject, form: str, ask: Ask) -> None:
    for shape in ((24, 56), (1, 3)):
        for storage in ("f64", "f32"):
            assert not ask(subject.rule(form), np.zeros(shape), storage).stored.any()


def error(found: Array, exact: Array) -> float:
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def bad_inputs(rows: int, cols: int) -> dict[str, Array]:
    scales = np.exp(2 * random((rows, 1)))
    return {
        "random": random((rows, cols)),
        "flat": rotated(np.ones(rows), rows, cols),
        "condition 1e2": rotated(np.geomspace(1e-2, 1.0, rows), rows, cols),
        "condition 1e4": rotated(np.geomspace(1e-4, 1.0, rows), rows, cols),
        "low rank": random((rows, rows // 4)) @ random((rows // 4, cols), 1),
        "rank one": random((rows, 1)) @ random((1, cols), 1),
        "scaled rows": scales * random((rows, cols)),
    }


@pytest.mark.parametrize("compute", ["bf16", "f32"])
@pytest.mark.parametrize("subject", ROUNDED, ids=str)
def test_gram_form_rounds_about_as_the_plain_form(subject: Subject, compute: str, ask: Ask) -> None:
    """Of well-conditioned and of hard matrices; `-s` prints what docs/reproducibility-and-numerics.md quotes. The floor
    is what rounding the result alone may do. In f32 blocks are longer, and the Gram matrix's rounding shows."""
    floor, ratio = (2.0**-8, 3.5) if compute == "bf16" else (2.0**-20, 14.0)
    more = f", compute = {compute}"
    for name, x in bad_inputs(64, 256).items():
        exact = subject.apply(x.astype(np.float32).astype(np.float64))
        plain = error(ask(subject.rule("plain", more), x, "f32").stored, exact)
        gram = error(ask(subject.rule("gram", more), x, "f32").stored, exact)
        print(f"{subject} {compute} {name}: plain {plain:.1e}, gram {gram:.1e}")
        assert gram <= ratio * max(plain, floor), (name, plain, gram)


@pytest.mark.parametrize("compute", ["bf16", "f32"])
@pytest.mark.parametrize("subject", ROUNDED, ids=str)
def test_gram_form_keeps_singular_values_bounded(subject: Subject, compute: str, ask: Ask) -> None:
    """The lists' own go to 1.2; rounding adds to that, and without restarts would take them to 1e2 and beyond."""
    for name, x in bad_inputs(64, 256).items():
        found = ask(subject.rule("gram", f", compute = {compute}"), x, "f32").stored
        assert np.linalg.norm(found, 2) <= (1.5 if compute == "bf16" else 1.21), name


def test_shape_decides_between_the_forms(ask: Ask) -> None:
    """What `auto` computes is to the bit what one of the forms does: the plain form for square matrices, where the Gram
    form saves nothing, and the Gram form for wide ones."""
    fields = "<jordan, compute = bf16, form = "
    rules = {form: method_rule(f"{fields}{form}>") for form in ("auto", "plain", "gram")}
    for shape, chosen in (((96, 96), "plain"), ((96, 768), "gram"), ((768, 96), "gram")):
        x = random(shape)
        found = {form: ask(rule, x, "f32").stored for form, rule in rules.items()}
        other = "gram" if chosen == "plain" else "plain"
        assert (found["auto"] == found[chosen]).all() and (found["auto"] != found[other]).any(), shape


def nuclear_rule(form: str, steps: int = 8) -> str:
    return f"""descent.optimizer @query(%w: param, %g: grad) {{
  %o = descent.orthogonalize #descent.newton_schulz<polar_express, steps = {steps}, compute = f32, form = {form}>, %g
      : tensor<?x?xf64>
  %norm = descent.inner %g, %o : tensor<?x?xf64>
  descent.report "norm" = %norm
  %w1 = arith.subf %w, %g : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}}
"""


@pytest.mark.parametrize("form", ["auto", "plain", "gram"])
@every_shape
def test_nuclear_norm_in_every_form(shape: tuple[int, int], form: str, ask: Ask) -> None:
    x = random(shape)
    exact = np.sum(x * newton_schulz.POLAR_EXPRESS_8(x))
    for storage, bound in (("f64", 1e-9), ("f32", 1e-5)):
        assert ask(nuclear_rule(form), x, storage).reports["norm"] == pytest.approx(exact, rel=bound)


SINGULAR = {
    "rank two": lambda rows, cols: random((rows, 2)) @ random((2, cols), 1),
    "equal entries": lambda rows, cols: np.ones((rows, cols)),
    "one large": lambda rows, cols: rotated(np.append(1.0, np.full(rows - 1, 1e-3)), rows, cols),
    "half large": lambda rows, cols: rotated(np.repeat([1.0, 1e-6], rows // 2), rows, cols),
}


@pytest.mark.parametrize("form", ["auto", "plain", "gram"])
@pytest.mark.parametrize("shape", [(64, 256), (256, 64), (96, 96)], ids=str)
def test_nuclear_norm_of_hard_matrices(shape: tuple[int, int], form: str, ask: Ask) -> None:
    """Of singular and ill-conditioned matrices, beside the SVD in float64. The list itself falls short for singular
    values below 1e-3 of the norm: where there are any, by what it does to the exact ones."""
    inputs = bad_inputs(min(shape), max(shape)) | {n: make(min(shape), max(shape)) for n, make in SINGULAR.items()}
    for name, x in inputs.items():
        given = np.ascontiguousarray(x if shape[0] < shape[1] else x.T, np.float32)
        singular = np.linalg.svd(given.astype(np.float64), compute_uv=False)
        found = ask(nuclear_rule(form), given, "f32").reports["norm"]
        mapped = newton_schulz.apply_to_spectrum(
            np.diag(singular / (1.01 * np.linalg.norm(singular))), newton_schulz.POLAR_EXPRESS_8.coefficients
        )
        print(f"{shape} {form} {name}: {found / singular.sum() - 1:.1e}")
        assert found == pytest.approx(np.sum(singular * np.abs(np.diag(mapped))), rel=1e-5), name
        hard = name in ("condition 1e4", "scaled rows", "half large", "random")
        assert found == pytest.approx(singular.sum(), rel=1e-3 if hard else 1e-5), name
    assert ask(nuclear_rule(form), np.zeros((8, 9)), "f32").reports["norm"] == 0.0


@pytest.mark.parametrize("form", ["plain", "gram"])
@pytest.mark.parametrize("fields", ["turbo, precondition = aol", "turbo, precondition = aol, compute = bf16"])
def test_preconditioned_rows_ignore_scale(fields: str, form: str, ask: Ask) -> None:
    """Squares of these numbers are no f32. Without an epsilon a power of two changes no bit; with one, what is as small
    as 1e-20 stays a matrix of that direction."""
    x = random((24, 56)).astype(np.float32).astype(np.float64)
    free = method_rule(f"<{fields}, form = {form}, epsilon = 0.0>")
    plain = ask(free, x, "f32").stored
    exact = newton_schulz.iterate(newton_schulz.scale_rows(x), newton_schulz.TURBO_4.coefficients)
    assert error(plain, exact) <= (2.0**-6 if "bf16" in fields else 1e-5)
    for exponent in (-90, 90):
        assert (ask(free, np.ldexp(x, exponent), "f32").stored == plain).all(), exponent
    for factor in (1e20, 1e-20):
        found = ask(method_rule(f"<{fields}, form = {form}>"), factor * x, "f32").stored
        assert error(found, exact) <= (2.0**-5 if "bf16" in fields else 1e-5), factor
    assert not ask(free, np.zeros((24, 56)), "f32").stored.any()


CHOICE_OF_NUMBERS = """descent.optimizer @query(%w: param, %g: grad) {
  %y = descent.orient %g : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  %a = descent.product %y, %y transposed symmetric : tensor<?x?xf64, #descent.dims<short, long>>,
      tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, short>>
  %i = descent.identity : tensor<?x?xf64, #descent.dims<short, short>>
  %trace = descent.inner %a, %i : tensor<?x?xf64, #descent.dims<short, short>>
  %squares = descent.reduce sum_squares %g : tensor<?x?xf64> to f64
  %one = arith.constant 1.0 : f64
  %more = arith.addf %squares, %one : f64
  %norm = descent.choose ["trace", "sum"](%trace, %more) : f64
  descent.report "norm" = %norm
  descent.update %w = %g : tensor<?x?xf64>
}
"""


def test_number_that_is_chosen_is_that_of_the_cheapest_alternative(ask: Ask) -> None:
    """The alternatives differ here, by one, so that the choice shows."""
    for shape in ((40, 60), (3, 2), (1, 1)):
        x = random(shape)
        assert ask(CHOICE_OF_NUMBERS, x).reports["norm"] == pytest.approx(np.sum(x**2) + 1.0, rel=1e-12)


@pytest.mark.parametrize("form", ["auto", "plain", "gram"])
def test_forms_do_not_depend_on_threads(form: str, tmp_path: object) -> None:
    from descent.compiler import find_program

    if find_program() is None:
        pytest.skip("descent-compile is not built: DESCENT_BUILD is not set, and it is not in PATH")
    artifact = descent.compile("muon", f"{tmp_path}/muon.so", "--stored=out_in", f"--form={form}")
    results = []
    for threads in (1, 2, 3):
        layers = [
            descent.Layer(f"layer{i}", np.zeros(shape, np.float32), random(shape).astype(np.float32))
            for i, shape in enumerate([(300, 1200), (310, 310), (700, 130), (8, 8), (1, 20)])
        ]
        with artifact.optimizer(layers, threads=threads) as optimizer:
            for t in (1, 2):
                optimizer.step(t)
        results.append([layer.weight.tobytes() for layer in layers])
    assert results[0] == results[1] == results[2]
