"""What is reduced from a symmetric product counts the triangle that is not computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import descent
import numpy as np
import pytest

RULE = Path(__file__).resolve().parent / "Inputs" / "gram.mlir"


def step(artifact: descent.Artifact, w: np.ndarray, g: np.ndarray, workers: int) -> list[float]:
    """Updates `w`; returns what was reported."""
    with artifact.optimizer([descent.Layer("layer", w, g)], threads=workers) as optimizer:
        reports = optimizer.step(1, reports=True).reports["layer"]
    return [reports[name] for name in ("squares", "top", "least")]


@pytest.mark.parametrize("shape", [(1, 1), (40, 90), (96, 97), (300, 200), (250, 1100)], ids=str)
@pytest.mark.parametrize("storage", ["f32", "f64"])
def test_reductions_count_both_triangles(tmp_path_factory: pytest.TempPathFactory, storage: str,
                                         shape: tuple[int, int]) -> None:
    path = tmp_path_factory.mktemp("gram") / "gram.so"
    artifact = descent.compile(RULE, path, "--storage", storage, "--class", "matrix", "--stored", "out_in")
    kind = np.float32 if storage == "f32" else np.float64
    rng = np.random.default_rng(3)
    w, g = (rng.standard_normal(shape).astype(kind) for _ in range(2))
    y = g.astype(np.float64) if shape[0] <= shape[1] else g.astype(np.float64).T
    gram = y @ y.T
    expected = gram @ y if shape[0] <= shape[1] else (gram @ y).T
    expected = w - 0.5 * expected
    results = []
    for workers in (1, 2):
        parameter = w.copy()
        reports = step(artifact, parameter, g, workers)
        results.append(parameter)
        eps = np.finfo(kind).eps * max(shape)
        wanted = [np.sum(gram**2), gram.max(), gram.min()]
        assert np.allclose(reports, wanted, rtol=eps, atol=eps * np.abs(gram).max())
        magnitude = np.abs(y) @ np.abs(y).T @ np.abs(y)
        assert np.all(np.abs(parameter - expected) <= eps * (magnitude if shape[0] <= shape[1] else magnitude.T))
    assert np.array_equal(*results)
