"""Which arrays are taken, and what is said about the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import descent
import numpy as np
import pytest
from descent import Code, Layer
from test_artifact import refused


def ones(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.ones(shape, dtype)


def unaligned() -> np.ndarray:
    return np.zeros(6 * 4 + 1, np.uint8)[1:].view(np.float32).reshape(2, 3)


def read_only() -> np.ndarray:
    array = ones(2, 3)
    array.flags.writeable = False
    return array


BAD_WEIGHTS: dict[str, tuple[Callable[[], Any], str]] = {
    "another type": (lambda: ones(2, 3, dtype=np.float64), "has type 'float64', wanted 'float32'"),
    "another byte order": (lambda: ones(2, 3).astype(">f4"), "has type '>f4'"),
    "a list": (lambda: [[1.0]], "of type 'list'"),
    "no axis": (lambda: ones(), "0 axes"),
    "four axes": (lambda: ones(1, 1, 2, 3), "4 axes"),
    "no rows": (lambda: ones(0, 3), "no elements"),
    "no columns": (lambda: ones(3, 0), "no elements"),
    "a transposed matrix": (lambda: ones(3, 4).T, "last axis .* not contiguous"),
    "every second column": (lambda: ones(3, 4)[:, ::2], "last axis .* not contiguous"),
    "columns backwards": (lambda: ones(3, 4)[:, ::-1], "last axis .* not contiguous"),
    "rows backwards": (lambda: ones(3, 4)[::-1], "rows .* -4 elements apart"),
    "one row again and again": (lambda: np.lib.stride_tricks.as_strided(ones(4), (3, 4), (0, 4)), "rows .* 0 elements"),
    "one matrix again and again": (
        lambda: np.lib.stride_tricks.as_strided(ones(12), (2, 3, 4), (0, 16, 4)),
        "members .* 0 elements",
    ),
    "broken stride": (lambda: np.ndarray((2, 2), np.float32, bytearray(32), 0, (10, 4)), "not aligned"),
    "unaligned": (unaligned, "not aligned"),
    "read-only": (read_only, "read-only"),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_weight_is_refused(name: str, adamw: descent.Artifact) -> None:
    make, message = BAD_WEIGHTS[name]
    with refused(Code.INVALID_LAYER, message):
        adamw.optimizer([Layer("w", make())])


def test_a_vector_is_no_matrix(compile_rule: Callable[..., descent.Artifact]) -> None:
    muon = compile_rule("muon", "--stored", "out_in")
    for vector in (Layer("b", ones(5)), Layer("b", ones(2, 5), batch=True)):
        with refused(Code.INVALID_LAYER, "'b' is a vector, group 'matrices' wants matrices"):
            muon.optimizer([vector])
    muon.optimizer([Layer("b", ones(1, 5))]).close()


def test_rows_and_batches_may_lie_anywhere(adamw: descent.Artifact) -> None:
    views = {
        "matrix": ones(4, 9)[:, 2:7],
        "every second row": ones(8, 5)[::2],
        "batch": ones(3, 4, 9)[:, 1:3, :5],
        "heads": ones(4, 3, 5).transpose(1, 0, 2),
        "column": ones(5, 6)[:, 3:4],
        "vector": ones(2, 7)[1],
        "one row": np.lib.stride_tricks.as_strided(ones(5), (1, 1, 5), (3, -1, 4)),
    }
    layers = [Layer(name, view, np.ones(view.shape, np.float32)) for name, view in views.items()]
    batch_of_vectors = Layer("biases", ones(3, 8)[:, :6], ones(3, 6), batch=True)
    with adamw.optimizer([*layers, batch_of_vectors]) as optimizer:
        optimizer.step(1)
        for layer in [*layers, batch_of_vectors]:
            assert (layer.weight < 1).all(), layer.name
            owner = layer.weight.base
            while isinstance(owner.base, np.ndarray):
                owner = owner.base
            assert np.count_nonzero(owner < 1) == layer.weight.size


def test_gradient_must_fit_its_weight(adamw: descent.Artifact) -> None:
    for gradient, message in ((ones(3, 2), "3 by 2, its weight is 2 by 3"), (ones(2, 3, dtype=np.float16), "float16")):
        with refused(Code.INVALID_LAYER, message):
            adamw.optimizer([Layer("w", ones(2, 3), gradient)])
    with refused(Code.INVALID_LAYER, "4 times"):
        adamw.optimizer([Layer("w", ones(4, 2, 3), ones(2, 3))])


def test_names_and_ids_must_be_distinct(adamw: descent.Artifact) -> None:
    with refused(Code.INVALID_LAYER, "more than once .* 'w'"):
        adamw.optimizer([Layer("w", ones(2, 3)), Layer("w", ones(2, 3))])
    with refused(Code.INVALID_LAYER, "id"):
        adamw.optimizer([Layer("a", ones(2, 3), id=7), Layer("b", ones(2, 3), id=7)])
    for name in ("", "a\0b", 3):
        with refused(Code.INVALID_LAYER, "name"):
            Layer(name, ones(2, 3))  # type: ignore[arg-type]
    for wrong_id in (-1, 2**64, 1.5):
        with refused(Code.INVALID_LAYER, "id of layer"):
            Layer("w", ones(2, 3), id=wrong_id)  # type: ignore[arg-type]


def test_ids_are_equal_in_every_run_and_differ_between_names() -> None:
    assert Layer("w", ones(1)).id == Layer("w", ones(2)).id == 0xAF63EA4C86020456
    assert Layer("w", ones(1)).id != Layer("v", ones(1)).id


def test_tensors_must_not_overlap(adamw: descent.Artifact) -> None:
    memory = ones(6, 4)
    with refused(Code.OVERLAP, "b"):
        adamw.optimizer([Layer("a", memory[:4]), Layer("b", memory[3:])])
    with refused(Code.OVERLAP, "w"):
        adamw.optimizer([Layer("w", memory, memory)])


def test_unknown_groups_inputs_and_factors_are_refused(adamw: descent.Artifact) -> None:
    with refused(Code.INVALID_LAYER, f"'{adamw.groups[0].name}'"):
        adamw.optimizer([Layer("w", ones(2, 3), group="no_such_group")])
    with refused(Code.INVALID_LAYER, "hvp"):
        adamw.optimizer([Layer("w", ones(2, 3), inputs={"hvp": ones(2, 3)})])
    with refused(Code.INVALID_LAYER, "no_such_factor"):
        adamw.optimizer([Layer("w", ones(2, 3), factors={"no_such_factor": 2.0})])
    with refused(Code.INVALID_LAYER, "of type 'ndarray', wanted 'Layer'"):
        adamw.optimizer([ones(2, 3)])  # type: ignore[list-item]


def test_an_empty_table_is_allowed(adamw: descent.Artifact) -> None:
    with adamw.optimizer([]) as optimizer:
        assert not optimizer.step(1, reports=True).skipped
        assert optimizer.states == {}


def test_bfloat16_weights_are_bits(compiled: Callable[..., descent.Artifact]) -> None:
    sgd = compiled("sgd", "--class", "any", "--storage", "bf16")
    with refused(Code.INVALID_LAYER, "wanted 'uint16' \\(bits"):
        sgd.optimizer([Layer("w", ones(2, 3))])
    w, g = (descent.bfloat16.to_bfloat16(ones(2, 3)) for _ in range(2))
    with sgd.optimizer([Layer("w", w, g)]) as optimizer:
        optimizer.step(1, hyper={"lr": 0.5})
    assert (descent.bfloat16.from_bfloat16(w) == 0.5).all()
