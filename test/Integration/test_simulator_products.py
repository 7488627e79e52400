"""Products on the simulated device: every type of factors, both forms of an iteration, epilogues that reduce; and
random rules, which have all of it, beside the processor."""

from __future__ import annotations

from pathlib import Path

import descent
import numpy as np
import pytest
from assembled import assemble
from descent.compiler import find_program
from harness import Case, Run, Tensor
from oracles import newton_schulz
from test_norms import method_rule
from test_random_rules import make_rule, run, write
from test_rules import compare_directions
from test_storage import UNUSUAL, encode

pytestmark = pytest.mark.skipif(find_program() is None, reason="descent-compile is not built")

SHAPES = ((24, 56), (56, 24), (19, 19), (1, 37), (33, 150))


def orthogonalize(artifact: descent.Artifact, dtype: type) -> list[np.ndarray]:
    """What a rule makes of the same matrices."""
    layers = [descent.Layer(f"x{i}", np.zeros(shape, dtype), matrix(shape, dtype)) for i, shape in enumerate(SHAPES)]
    with artifact.optimizer(layers, products="own") as optimizer:
        optimizer.step(1)
    return [layer.weight for layer in layers]


def matrix(shape: tuple[int, int], dtype: type) -> np.ndarray:
    return np.random.default_rng(shape).standard_normal(shape).astype(dtype)


# Of the result's norm, a few times what docs/reproducibility-and-numerics.md has of well-conditioned matrices.
ROUNDED = [("bf16", "f32", 0.06), ("f32", "f32", 1e-4), ("f64", "f64", 1e-10)]


@pytest.mark.parametrize(("compute", "storage", "bound"), ROUNDED)
def test_a_layer_runs_one_of_both_forms(tmp_path: Path, compute: str, storage: str, bound: float) -> None:
    source = tmp_path / "query.mlir"
    source.write_text(method_rule(f"<you{'' if compute == 'f64' else f', compute = {compute}'}>"))
    results = {}
    for form in ("auto", "plain", "gram"):
        options = ("--class=matrix", "--stored=out_in", f"--storage={storage}", f"--form={form}", "--target=simulator")
        artifact = descent.compile(source, tmp_path / f"{form}.so", *options)
        results[form] = orthogonalize(artifact, np.float64 if storage == "f64" else np.float32)
    chosen = set()
    for auto, plain, gram, shape in zip(*results.values(), SHAPES, strict=True):
        exact = newton_schulz.YOU_5(matrix(shape, auto.dtype).astype(np.float64))
        for found in (plain, gram):
            assert np.linalg.norm(found - exact) <= bound * np.linalg.norm(exact), shape
        chosen |= {form for form in ("plain", "gram") if (auto == results[form][SHAPES.index(shape)]).all()}
        assert (auto == plain).all() or (auto == gram).all(), shape
    assert chosen == {"plain", "gram"}


def test_products_of_f16_are_near_the_oracle(tmp_path: Path) -> None:
    """Muon's plan with f16 in place of bf16: no rule of the library asks for it."""
    options = ("--class=matrix", "--stored=out_in")
    artifact = assemble(tmp_path, "muon", *options, plan=lambda text: text.replace("bf16", "f16"))
    assert "nvvm.mma.sync" in (tmp_path / "kernels.mlir").read_text()
    tensors = tuple(Tensor(f"x{i}", shape, "padded") for i, shape in enumerate(SHAPES))
    compare_directions(Run(artifact, Case("muon"), "f32", tensors, products="own"), 2)


EPILOGUE = """
  %a = descent.product %g, %g transposed symmetric : tensor<?x?xf64>, tensor<?x?xf64>
      to tensor<?x?xf64, #descent.dims<rows, rows>>
  %y = descent.product %a, %g : tensor<?x?xf64, #descent.dims<rows, rows>>, tensor<?x?xf64> to tensor<?x?xf64>
  %r = descent.reduce sum %y : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
  %c = descent.reduce max %y : tensor<?x?xf64> to tensor<?xf64, #descent.dims<cols>>
  %rs = descent.broadcast %r : tensor<?xf64, #descent.dims<rows>> to tensor<?x?xf64>
  %cs = descent.broadcast %c : tensor<?xf64, #descent.dims<cols>> to tensor<?x?xf64>
  %sum = arith.addf %rs, %cs : tensor<?x?xf64>
  %m1 = arith.addf %m, %y : tensor<?x?xf64>
  %u = arith.addf %m1, %sum : tensor<?x?xf64>"""


@pytest.mark.parametrize("storage", ["f64", "f32", "param = bf16, master = remainder, states = q8<64>"])
@pytest.mark.parametrize("body", {**UNUSUAL, "reductions": EPILOGUE}.items(), ids=lambda item: item[0])
def test_epilogues_and_oriented_factors(body: tuple[str, str], storage: str, tmp_path: Path) -> None:
    source = tmp_path / "unusual.mlir"
    source.write_text(
        f"""descent.optimizer @unusual(%w: param, %g: grad, %m: state, %lr: hyper = 0.01) {{{body[1]}
  %rate = descent.broadcast %lr : f64 to tensor<?x?xf64>
  %step = arith.mulf %u, %rate : tensor<?x?xf64>
  %w1 = arith.subf %w, %step : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}}"""
    )
    options = ("--class", "matrix", "--stored", "out_in", "--storage", storage)
    results = []
    for target in ("cpu:native", "simulator"):
        artifact = descent.compile(source, tmp_path / f"{target[:3]}.so", *options, "--target", target)
        (group,) = artifact.groups
        layers = [
            descent.Layer(
                f"x{i}",
                encode_as(matrix(shape, np.float64), group.weight),
                encode_as(matrix(shape[::-1], np.float64).T, group.gradient),
            )
            for i, shape in enumerate(SHAPES)
        ]
        with artifact.optimizer(layers, products="own") as optimizer:
            optimizer.step(1)
        results.append([decode_as(layer.weight, group.weight) for layer in layers])
    bound = {"f64": 1e-12, "f32": 1e-5}.get(storage, 2.0**-8)
    for here, there in zip(*results, strict=True):
        np.testing.assert_allclose(there, here, rtol=bound, atol=bound * np.abs(here).max())


def encode_as(values: np.ndarray, kind: str) -> np.ndarray:
    packed = np.ascontiguousarray(values)
    return packed if kind == "f64" else encode(packed.astype(np.float32), kind)


def decode_as(array: np.ndarray, kind: str) -> np.ndarray:
    return descent.bfloat16.from_bfloat16(array).astype(np.float64) if kind == "bf16" else array.astype(np.float64)


@pytest.mark.parametrize("seed", range(80, 92))
def test_random_rules_do_what_the_processor_does(tmp_path: Path, seed: int) -> None:
    source = tmp_path / "random.mlir"
    source.write_text(write(*make_rule(seed)))
    here, there = run(source, "f64"), run(source, "f64", "--target=simulator")
    for name, values in here.items():
        for expected, found in zip(values, there[name], strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9, err_msg=name)
