"""Every role of an argument, every reach of a total, and recipes of several groups, against formulas written here."""

from __future__ import annotations

from pathlib import Path

import descent
import numpy as np
import pytest
from descent.compiler import find_program

pytestmark = pytest.mark.skipif(find_program() is None, reason="descent-compile is not built")

# Storage is f64, so that what remains are orders of summation.
TOLERANCE = 1e-12

ROLES = """
descent.optimizer @roles(%w: param, %g: grad, %hvp: input, %a: state init = 0.5, %p: state init = param,
    %first: state init = grad, %r: row_state init = 2.0, %c: column_state, %h: layer_state init = 3.0, %k: factor,
    %step: step, %t: updates, %loss: loss, %lr: hyper = 0.1) {
  %a1 = arith.addf %a, %hvp : tensor<?x?xf64>
  %pairs = arith.mulf %p, %first : tensor<?x?xf64>
  %rows = descent.reduce sum %g : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  %r1 = arith.addf %r, %rows : tensor<?xf64, #descent.dims<rows>>
  %cols = descent.reduce max %g : tensor<?x?xf64> to tensor<?xf64, #descent.dims<cols>>
  %c1 = arith.addf %c, %cols : tensor<?xf64, #descent.dims<cols>>
  %rs = descent.broadcast %r1 : tensor<?xf64, #descent.dims<rows>> to tensor<?x?xf64>
  %cs = descent.broadcast %c1 : tensor<?xf64, #descent.dims<cols>> to tensor<?x?xf64>
  %s1 = arith.addf %rs, %cs : tensor<?x?xf64>
  %s2 = arith.addf %s1, %pairs : tensor<?x?xf64>
  %s3 = arith.addf %s2, %a1 : tensor<?x?xf64>
  %smallest = descent.reduce min %g : tensor<?x?xf64> to f64
  %h1 = arith.addf %h, %smallest : f64
  %e1 = arith.mulf %k, %lr : f64
  %e2 = arith.mulf %e1, %h1 : f64
  %e3 = arith.addf %e2, %step : f64
  %e4 = arith.addf %e3, %t : f64
  %eta = arith.addf %e4, %loss : f64
  %w1 = descent.apply %w, %s3, %eta : tensor<?x?xf64>
  descent.report "eta" = %eta
  descent.update %w = %w1, %a = %a1, %p = %p, %first = %g, %r = %r1, %c = %c1, %h = %h1
    : tensor<?x?xf64>, tensor<?x?xf64>, tensor<?x?xf64>, tensor<?x?xf64>, tensor<?xf64, #descent.dims<rows>>,
      tensor<?xf64, #descent.dims<cols>>, f64
}
"""


def compile_text(folder: Path, text: str, name: str, *options: str) -> descent.Artifact:
    source = folder / f"{name}.mlir"
    source.write_text(text)
    return descent.compile(source, folder / f"{name}.so", "--storage", "f64", "--name", name, *options)


def test_every_role_means_what_the_page_says(tmp_path: Path) -> None:
    artifact = compile_text(tmp_path, ROLES, "roles", "--stored", "out_in")
    random = np.random.default_rng(0)
    w, g, hvp = (random.standard_normal((5, 7)) for _ in range(3))
    expected, a, p, first = w.copy(), np.full((5, 7), 0.5), w.copy(), None
    r, c, h = np.full(5, 2.0), np.zeros(7), 3.0
    layer = descent.Layer("w", w, g, inputs={"hvp": hvp}, factors={"k": 2.0})
    with artifact.optimizer([layer]) as optimizer:
        for t in (1, 2, 3):
            g[...] = random.standard_normal((5, 7))
            hvp[...] = random.standard_normal((5, 7))
            result = optimizer.step(step=10 * t, loss=0.25 * t, reports=True)
            first = g.copy() if first is None else first
            a, r, c, h = a + hvp, r + g.sum(1), c + g.max(0), h + g.min()
            eta = 2.0 * 0.1 * h + 10 * t + t + 0.25 * t
            expected += eta * (r[:, None] + c[None, :] + p * first + a)
            first = g.copy()
            np.testing.assert_allclose(w, expected, rtol=TOLERANCE)
            np.testing.assert_allclose(result.reports["w"]["eta"], eta, rtol=TOLERANCE)
        states = optimizer.states["w"]
        for name, value in (("a", a), ("p", p), ("first", first), ("r", r), ("c", c), ("h", h)):
            np.testing.assert_allclose(np.asarray(states[name]).reshape(np.shape(value)), value, rtol=TOLERANCE)


REACHES = """
descent.optimizer @reach(%w: param, %g: grad) {
  %n = descent.reduce sum %g : tensor<?x?xf64> to f64
  %parameter = descent.over_layers sum %n in parameter
  %group = descent.over_layers max %n in group
  %model = descent.over_layers min %n in model
  %a = arith.addf %parameter, %group : f64
  %s = arith.addf %a, %model : f64
  %ss = descent.broadcast %s : f64 to tensor<?x?xf64>
  %w1 = arith.addf %w, %ss : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @reaches {
  descent.group "left" uses @reach class any
  descent.group "right" uses @reach class any
}
"""


@pytest.mark.parametrize("threads", [1, 3])
def test_totals_reach_over_a_parameter_a_group_and_the_model(tmp_path: Path, threads: int) -> None:
    artifact = compile_text(tmp_path, REACHES, "reaches")
    random = np.random.default_rng(1)
    shapes = {"a": ("left", (3, 4, 5)), "b": ("left", (2, 2)), "c": ("right", (6, 3)), "d": ("right", (1, 9))}
    weights = {name: np.zeros(shape) for name, (_, shape) in shapes.items()}
    gradients = {name: random.standard_normal(shape) for name, (_, shape) in shapes.items()}
    layers = [
        descent.Layer(name, weights[name], gradients[name], group=group, batch=len(shape) == 3)
        for name, (group, shape) in shapes.items()
    ]
    sums = {name: g.reshape(-1, *g.shape[-2:]).sum((1, 2)) for name, g in gradients.items()}
    everything = np.concatenate(list(sums.values()))
    with artifact.optimizer(layers, threads=threads) as optimizer:
        optimizer.step()
    for name, (group, _) in shapes.items():
        own = np.concatenate([sums[other] for other, (g, _) in shapes.items() if g == group])
        expected = sums[name].sum() + own.max() + everything.min()
        np.testing.assert_allclose(weights[name], np.full_like(weights[name], expected), rtol=TOLERANCE)


GUARDED = """
descent.optimizer @plain(%w: param, %g: grad, %m: state, %lr: hyper) {
  %m1 = arith.addf %m, %g : tensor<?x?xf64>
  %eta = arith.negf %lr : f64
  %w1 = descent.apply %w, %m1, %eta : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}
descent.recipe @guarded {
  descent.group "a" uses @plain class matrix {lr = 1.0}
  descent.group "b" uses @plain class any {lr = 2.0}
  descent.clip_global_norm 1.5
  SKIP
}
"""


@pytest.mark.parametrize("skips", [True, False])
def test_clipping_sees_all_groups_after_the_gradient_scale(tmp_path: Path, skips: bool) -> None:
    text = GUARDED.replace("SKIP", "descent.skip_nonfinite" if skips else "")
    artifact = compile_text(tmp_path, text, "guarded")
    random = np.random.default_rng(2)
    a, b = np.zeros((4, 6)), np.zeros((3, 3))
    ga, gb = random.standard_normal((4, 6)), random.standard_normal((3, 3))
    layers = [descent.Layer("a", a, ga, group="a"), descent.Layer("b", b, gb, group="b")]
    with artifact.optimizer(layers) as optimizer:
        result = optimizer.step(gradient_scale=0.5)
        norm = 0.5 * np.sqrt((ga**2).sum() + (gb**2).sum())
        scale = 0.5 * min(1.0, 1.5 / (norm + 1e-6))
        np.testing.assert_allclose(result.gradient_norm, norm, rtol=TOLERANCE)
        np.testing.assert_allclose(a, -1.0 * scale * ga, rtol=TOLERANCE)
        np.testing.assert_allclose(b, -2.0 * scale * gb, rtol=TOLERANCE)
        # Below the limit nothing is scaled.
        a[...], b[...] = 0.0, 0.0
        ga *= 1e-3
        gb *= 1e-3
        optimizer.step(hyper={"b": {"lr": 0.0}})
        np.testing.assert_allclose(a, -(scale * 1e3 * ga + ga), rtol=TOLERANCE)
        assert not b.any()


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_a_nonfinite_gradient_skips_the_step_of_every_group(tmp_path: Path, poison: float) -> None:
    artifact = compile_text(tmp_path, GUARDED.replace("SKIP", "descent.skip_nonfinite"), "guarded")
    a, b, ga, gb = np.ones((4, 6)), np.ones((3, 3)), np.ones((4, 6)), np.ones((3, 3))
    gb[1, 2] = poison
    layers = [descent.Layer("a", a, ga, group="a"), descent.Layer("b", b, gb, group="b")]
    with artifact.optimizer(layers) as optimizer:
        result = optimizer.step()
        assert result.skipped and result.first_nonfinite == "b"
        assert (a == 1).all() and (b == 1).all()
        assert not optimizer.states["a"]["m"].any() and not optimizer.states["b"]["m"].any()
        gb[1, 2] = 1.0
        result = optimizer.step()
        assert not result.skipped and result.first_nonfinite is None
        assert (a != 1).all() and (b != 1).all()


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_without_skipping_a_nonfinite_gradient_reaches_the_clipped_weights(tmp_path: Path, poison: float) -> None:
    artifact = compile_text(tmp_path, GUARDED.replace("SKIP", ""), "guarded")
    a, b, ga, gb = np.ones((4, 6)), np.ones((3, 3)), np.ones((4, 6)), np.ones((3, 3))
    gb[1, 2] = poison
    layers = [descent.Layer("a", a, ga, group="a"), descent.Layer("b", b, gb, group="b")]
    with artifact.optimizer(layers) as optimizer:
        result = optimizer.step()
    assert not result.skipped and not np.isfinite(result.gradient_norm)
    assert not np.isfinite(b[1, 2])


ORIENTED = """
descent.optimizer @fans(%w: param, %g: grad) {
  %rows = descent.size rows
  %cols = descent.size cols
  %ratio = arith.divf %rows, %cols : f64
  %outputs = descent.reduce sum %g : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  %os = descent.broadcast %outputs : tensor<?xf64, #descent.dims<rows>> to tensor<?x?xf64>
  %w1 = descent.apply %w, %os, %ratio : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @oriented {
  descent.group "torch" uses @fans class matrix stored out_in
  descent.group "flax" uses @fans class matrix stored in_out
}
"""


def test_rows_are_outputs_whichever_way_a_matrix_is_stored(tmp_path: Path) -> None:
    artifact = compile_text(tmp_path, ORIENTED, "oriented")
    g = np.random.default_rng(3).standard_normal((4, 10))
    torch, flax, gt = np.zeros((4, 10)), np.zeros((10, 4)), np.ascontiguousarray(g.T)
    layers = [descent.Layer("torch", torch, g, group="torch"), descent.Layer("flax", flax, gt, group="flax")]
    with artifact.optimizer(layers) as optimizer:
        optimizer.step()
    np.testing.assert_allclose(torch, np.broadcast_to(0.4 * g.sum(1)[:, None], (4, 10)), rtol=TOLERANCE)
    np.testing.assert_allclose(flax, torch.T, rtol=TOLERANCE)


EARLY_GUARD = """
descent.shared @decision(%loss: loss) {
  descent.skip_when %loss
}
descent.optimizer @plain(%w: param, %g: grad) {
  %w1 = arith.subf %w, %g : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
descent.recipe @early {
  descent.group "all" uses @plain class any
  descent.clip_global_norm 100.0
}
"""


def test_the_norm_is_that_of_this_step_when_skipping_is_decided_before_it(tmp_path: Path) -> None:
    artifact = compile_text(tmp_path, EARLY_GUARD, "early")
    w, g = np.zeros((2, 2)), np.ones((2, 2))
    with artifact.optimizer([descent.Layer("w", w, g)]) as optimizer:
        for size in (1.0, 2.0, 3.0):
            g[...] = size
            np.testing.assert_allclose(optimizer.step(loss=-1.0).gradient_norm, 2.0 * size, rtol=TOLERANCE)
        before = w.copy()
        result = optimizer.step(loss=1.0)
        assert result.skipped and np.isnan(result.gradient_norm)
        np.testing.assert_array_equal(w, before)


NAMES = """
descent.shared @model(%s: hyper = 5.0) {
  %t = descent.total sum @s : f64
  %u = arith.addf %t, %s : f64
  descent.publish "s" = %u
}
descent.optimizer @a(%w: param, %g: grad) {
  %n = descent.reduce sum %g : tensor<?x?xf64> to f64
  descent.contribute sum %n to @s
  descent.contribute max %n to @a_0
  %m = descent.over_layers sum %n in model
  %p = descent.published @model "s"
  %x = arith.addf %m, %p : f64
  %xs = descent.broadcast %x : f64 to tensor<?x?xf64>
  %w1 = arith.addf %w, %xs : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
"""


def test_totals_of_different_kinds_do_not_meet_by_their_names(tmp_path: Path) -> None:
    artifact = compile_text(tmp_path, NAMES, "names")
    weights = [np.zeros((2, 2)), np.zeros((2, 2))]
    layers = [descent.Layer(f"l{i}", w, np.full((2, 2), 1.0 + i)) for i, w in enumerate(weights)]
    with artifact.optimizer(layers) as optimizer:
        optimizer.step()
    for w in weights:
        np.testing.assert_allclose(w, 12.0 + 12.0 + 5.0, rtol=TOLERANCE)
