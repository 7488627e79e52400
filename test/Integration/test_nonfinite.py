"""Recipes: NaN and infinity in gradients, clipping, skipping, reports, and what layers do to one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import descent
import numpy as np
import numpy.typing as npt
import pytest

Array = npt.NDArray[np.float64]
Compile = Callable[[str], descent.Artifact]
BAD = [np.nan, np.inf, -np.inf]

SHAPES = {"wide": (24, 56), "tall": (70, 33), "bias": (53,), "large": (300, 700)}
GROUPS = {"wide": "hidden", "tall": "hidden", "bias": "rest", "large": "rest"}


def recipe(*lines: str, hidden: str = "@lanton norm = #descent.rms_to_rms class matrix stored out_in") -> str:
    groups = (f'descent.group "hidden" uses {hidden}', 'descent.group "rest" uses @adamw class any')
    return "descent.recipe @model {\n" + "\n".join((*groups, *lines)) + "\n}\n"


PLAIN = recipe()
CLIPPED = recipe("descent.clip_global_norm 0.5")
SKIPPED = recipe("descent.skip_nonfinite")
GUARDED = recipe("descent.clip_global_norm 0.5", "descent.skip_nonfinite")


@pytest.fixture(scope="session")
def compile_recipe(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    from descent.compiler import find_program

    if find_program() is None:
        pytest.skip("descent-compile is not built: DESCENT_BUILD is not set, and it is not in PATH")
    folder = tmp_path_factory.mktemp("recipes")
    artifacts: dict[str, descent.Artifact] = {}

    def build(text: str) -> descent.Artifact:
        if text not in artifacts:
            source = folder / f"recipe{len(artifacts)}.mlir"
            source.write_text(text)
            artifacts[text] = descent.compile(source, source.with_suffix(".so"), "--storage", "f64")
        return artifacts[text]

    return build


class Model:
    """The same weights and gradients in every model, whatever else it has."""

    def __init__(self, artifact: descent.Artifact, names: tuple[str, ...] = tuple(SHAPES), threads: int = 2) -> None:
        self.names = names
        self.weights = {name: self.draw(name, 0) for name in names}
        self.gradients = {name: np.zeros(SHAPES[name]) for name in names}
        layers = [descent.Layer(n, self.weights[n], self.gradients[n], GROUPS[n]) for n in names]
        self.optimizer = artifact.optimizer(layers, threads=threads)

    @staticmethod
    def draw(name: str, t: int) -> Array:
        return np.random.default_rng([t, *name.encode()]).standard_normal(SHAPES[name])

    def step(self, t: int, bad: Mapping[str, float] | None = None, reports: bool = False) -> descent.StepResult:
        """`bad` puts a value in the middle of a layer's gradient."""
        for name in self.names:
            self.gradients[name][...] = self.draw(name, t)
        for name, value in (bad or {}).items():
            self.gradients[name].flat[self.gradients[name].size // 2] = value
        return self.optimizer.step(t, reports=reports)

    def bits(self, name: str) -> list[bytes]:
        return [self.weights[name].tobytes(), *(a.tobytes() for a in self.optimizer.states[name].values())]

    def all_bits(self) -> dict[str, list[bytes]]:
        return {name: self.bits(name) for name in self.names}


@pytest.mark.parametrize("value", BAD, ids=str)
@pytest.mark.parametrize("text", [SKIPPED, GUARDED], ids=["skipping", "clipping too"])
def test_a_guarded_step_with_a_nonfinite_gradient_never_happened(
    text: str, value: float, compile_recipe: Compile
) -> None:
    artifact = compile_recipe(text)
    tried, other = Model(artifact), Model(artifact)
    for model in (tried, other):
        model.step(1)
    before = tried.all_bits()
    for bad, first in (({"bias": value}, "bias"), ({"large": value, "tall": value}, "tall"), ({"wide": value}, "wide")):
        result = tried.step(7, bad, reports=True)
        assert result.skipped and result.first_nonfinite == first
        assert tried.all_bits() == before
        assert all(np.isnan(number) for reports in result.reports.values() for number in reports.values())
    result = tried.step(2)
    other.step(2)
    assert not result.skipped and result.first_nonfinite is None
    assert tried.all_bits() == other.all_bits()


@pytest.mark.parametrize("value", BAD, ids=str)
def test_without_a_guard_a_nonfinite_gradient_stays_in_its_layer(value: float, compile_recipe: Compile) -> None:
    artifact = compile_recipe(PLAIN)
    tried, clean = Model(artifact), Model(artifact)
    for model in (tried, clean):
        model.step(1)
    result = tried.step(2, {"bias": value})
    clean.step(2)
    assert not result.skipped and result.first_nonfinite is None
    assert all(tried.bits(name) == clean.bits(name) for name in ("wide", "tall", "large"))
    # AdamW works entry by entry.
    middle = SHAPES["bias"][0] // 2
    changed = np.flatnonzero(tried.weights["bias"] != clean.weights["bias"])
    assert changed.tolist() == [middle] and not np.isfinite(tried.optimizer.states["bias"]["v"][middle])
    if np.isnan(value):
        assert np.isnan(tried.weights["bias"][middle])


def test_without_a_guard_a_nan_reaches_a_group_through_its_maximum(compile_recipe: Compile) -> None:
    artifact = compile_recipe(PLAIN)
    tried, clean = Model(artifact), Model(artifact)
    for model in (tried, clean):
        model.step(1)
    tried.step(2, {"tall": np.nan})
    clean.step(2)
    assert np.isnan(tried.weights["tall"]).all() and np.isnan(tried.weights["wide"]).all()
    assert all(tried.bits(name) == clean.bits(name) for name in ("bias", "large"))
    # What is kept of the other layer has nothing to do with the maximum.
    for state in ("m", "g0", "h"):
        ours, theirs = (model.optimizer.states["wide"][state] for model in (tried, clean))
        assert ours.tobytes() == theirs.tobytes(), state


@pytest.mark.parametrize("value", BAD, ids=str)
def test_clipping_without_skipping_does_not_hide_what_is_not_finite(value: float, compile_recipe: Compile) -> None:
    tried = Model(compile_recipe(CLIPPED))
    tried.step(1)
    result = tried.step(2, {"large": value})
    assert not result.skipped and not np.isfinite(result.gradient_norm)
    middle = tried.gradients["large"].size // 2
    assert np.isnan(tried.weights["large"].flat[middle])
    if np.isnan(value):
        assert all(np.isnan(weight).all() for weight in tried.weights.values())


def test_clipping_scales_all_gradients_by_their_common_norm(compile_recipe: Compile) -> None:
    limits = recipe("descent.clip_global_norm 0.5", hidden="@sgd class any")
    tried, plain = Model(compile_recipe(limits)), Model(compile_recipe(recipe(hidden="@sgd class any")))
    result, unclipped = tried.step(1), plain.step(1)
    norm = np.sqrt(sum(np.sum(tried.gradients[name] ** 2) for name in tried.names))
    assert result.gradient_norm == pytest.approx(norm, rel=1e-14) and np.isnan(unclipped.gradient_norm)
    scale = 0.5 / (norm + 1e-6)
    for name in ("wide", "tall"):
        steps = [model.weights[name] - Model.draw(name, 0) for model in (tried, plain)]
        np.testing.assert_allclose(steps[0], scale * steps[1], rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(tried.optimizer.states[name]["m"], scale * tried.gradients[name], rtol=1e-14)


def test_a_limit_that_is_not_reached_changes_no_bit(compile_recipe: Compile) -> None:
    loose = recipe("descent.clip_global_norm 1.0e+6", "descent.skip_nonfinite")
    tried, plain = Model(compile_recipe(loose)), Model(compile_recipe(PLAIN))
    for t in (1, 2, 3):
        tried.step(t)
        plain.step(t)
    assert tried.all_bits() == plain.all_bits()


def test_clipping_leaves_absent_layers_out_of_the_norm(compile_recipe: Compile) -> None:
    tried = Model(compile_recipe(GUARDED))
    tried.step(1)
    before = tried.bits("large")
    tried.gradients["large"][...] = np.nan
    gradients = {name: None if name == "large" else tried.gradients[name] for name in tried.names}
    result = tried.optimizer.step(2, gradients=gradients)
    norm = np.sqrt(sum(np.sum(tried.gradients[name] ** 2) for name in ("wide", "tall", "bias")))
    assert not result.skipped and result.gradient_norm == pytest.approx(norm, rel=1e-14)
    assert tried.bits("large") == before


def test_the_gradient_scale_comes_before_clipping_and_skipping(compile_recipe: Compile) -> None:
    artifact = compile_recipe(GUARDED)
    tried, plain = Model(artifact), Model(artifact)
    tried.step(1)
    plain.step(1)
    for name in tried.names:
        tried.gradients[name][...] = 2.0**20 * Model.draw(name, 2)
    scaled, unscaled = tried.optimizer.step(2, gradient_scale=2.0**-20), plain.step(2)
    assert scaled.gradient_norm == unscaled.gradient_norm
    assert tried.all_bits() == plain.all_bits()


@pytest.mark.parametrize("text", [PLAIN, GUARDED], ids=["plain", "guarded"])
def test_reports_change_no_bit(text: str, compile_recipe: Compile) -> None:
    artifact = compile_recipe(text)
    asked, silent = Model(artifact, threads=1), Model(artifact, threads=2)
    for t in (1, 2, 3):
        reports = asked.step(t, reports=True).reports
        silent.step(t)
        assert reports["wide"]["rate"] > 0.0 and reports["bias"] == {}
    assert asked.all_bits() == silent.all_bits()


def test_another_layer_matters_through_over_layers_only(compile_recipe: Compile) -> None:
    artifact = compile_recipe(PLAIN)
    whole, without_rest = Model(artifact), Model(artifact, ("wide", "tall"))
    without_tall = Model(artifact, ("wide", "bias", "large"))
    for t in (1, 2, 3):
        with_both = whole.step(t, reports=True).reports
        without_rest.step(t)
        alone = without_tall.step(t, reports=True).reports
    assert all(whole.bits(name) == without_rest.bits(name) for name in ("wide", "tall"))
    assert all(whole.bits(name) == without_tall.bits(name) for name in ("bias", "large"))
    # Steps are measured against the quietest layer of the group, which alone each one is.
    assert with_both["wide"]["noise"] == alone["wide"]["noise"]
    rates = [with_both[name]["rate"] for name in ("wide", "tall")]
    assert max(rates) == alone["wide"]["rate"] == 2.8e-3 and min(rates) < 2.8e-3
    for state in ("m", "g0", "h"):
        ours, theirs = (model.optimizer.states["wide"][state] for model in (whole, without_tall))
        assert ours.tobytes() == theirs.tobytes(), state
