"""The oracles against the optimizers of PyTorch, where it is installed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from oracles import RULES, advance, make_layer
from oracles.rule import Array

torch = pytest.importorskip("torch")

SHAPES = [(5, 9), (9, 5), (6, 6), (1, 8), (8, 1), (1, 1)]
STEPS = 12


def gradients_of(shape: tuple[int, int]) -> list[Array]:
    rng = np.random.default_rng(5)
    return [rng.standard_normal(shape) for _ in range(STEPS)]


def run_torch(make: Callable[[list], torch.optim.Optimizer], w: Array, gradients: list[Array]) -> Array:
    parameter = torch.nn.Parameter(torch.tensor(w, dtype=torch.float64))
    optimizer = make([parameter])
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
    return parameter.detach().numpy()


def run_oracle(name: str, w: Array, gradients: list[Array], hyper: dict[str, float]) -> Array:
    layer = make_layer(RULES[name], w)
    for gradient in gradients:
        advance(RULES[name], [layer], [gradient], hyper)
    return layer.w


ELEMENTWISE = {
    "sgd": (
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.02),
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.02},
    ),
    "sgd_nesterov": (
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.02, nesterov=True),
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.02},
    ),
    "sgdw": (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), {"lr": 0.1, "momentum": 0.9}),
    "adamw": (
        lambda p: torch.optim.AdamW(p, lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
        {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-6, "weight_decay": 0.1},
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_rules_equal_torch(name: str, shape: tuple[int, int]) -> None:
    make, hyper = ELEMENTWISE[name]
    w = np.random.default_rng(6).standard_normal(shape)
    # Both are float64; they order a handful of operations a step differently.
    tolerance = 20 * STEPS * np.finfo(float).eps
    gradients = gradients_of(shape)
    np.testing.assert_allclose(
        run_oracle(name, w, gradients, hyper), run_torch(make, w, gradients), rtol=0, atol=tolerance
    )


# A polar factor computed in bf16, as torch does, against the same polynomial in float64: measured at 0.02 to 0.04 in
# relative Frobenius norm on Gaussian matrices.
BF16_NEWTON_SCHULZ = 0.06


@pytest.mark.parametrize("shape", [(16, 40), (40, 16), (32, 32), (1, 8), (8, 1)])
@pytest.mark.parametrize("name, adjust", [("muon_torch", "original"), ("muon_match_rms", "match_rms_adamw")])
def test_muon_equals_torch_up_to_its_bf16_products(name: str, adjust: str, shape: tuple[int, int]) -> None:
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    w = np.random.default_rng(7).standard_normal(shape)
    hyper = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1}
    gradients = gradients_of(shape)
    expected = run_torch(
        lambda p: torch.optim.Muon(p, lr=0.02, momentum=0.9, weight_decay=0.1, adjust_lr_fn=adjust), w, gradients
    )
    # How far the updates have moved the weight, besides its decay.
    walk = np.linalg.norm(expected - w * (1 - 0.02 * 0.1) ** STEPS)
    assert np.linalg.norm(run_oracle(name, w, gradients, hyper) - expected) < BF16_NEWTON_SCHULZ * walk


@pytest.mark.parametrize("shape", [(4, 10), (10, 4)])
@pytest.mark.parametrize("name, adjust", [("muon_torch", "original"), ("muon_match_rms", "match_rms_adamw")])
def test_muon_equals_torch_tightly_when_its_iteration_runs_in_float64(
    name: str, adjust: str, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch.optim.Muon casts to bfloat16 by name; with that name replaced, both compute the same in float64."""
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor.clone())
    w = np.random.default_rng(8).standard_normal(shape)
    gradients = gradients_of(shape)
    expected = run_torch(lambda p: torch.optim.Muon(p, lr=0.02, adjust_lr_fn=adjust), w, gradients)
    found = run_oracle(name, w, gradients, {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.1})
    # One rounding, amplified by the slope at zero of the list (485), over all steps.
    tolerance = 10 * 485 * np.finfo(float).eps * 0.02 * STEPS
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
