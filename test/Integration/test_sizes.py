"""Structs of callers who know fewer fields than this version has: those of an older header work as they did, and others
are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import descent
import numpy as np
import pytest
from descent import abi

# Structs that have grown, and their first field that is new.
GROWN = ((abi.PlanOptions, "device"), (abi.StepStruct, "device"), (abi.DeviceOptions, "products"),
         (abi.DeviceOptions, "allocator"))
Compile = Callable[..., descent.Artifact]


def step(artifact: descent.Artifact) -> np.ndarray:
    w, g = np.ones((5, 7), np.float32), np.linspace(-1, 1, 35, dtype=np.float32).reshape(5, 7)
    with artifact.optimizer([descent.Layer("w", w, g)]) as optimizer:
        optimizer.step(1, hyper={"lr": 0.1})
    return w


def give(monkeypatch: pytest.MonkeyPatch, kind: type, size: int) -> None:
    """Structs of a kind say that they have this size."""
    sized: Callable[[Any], Any] = abi.sized

    def shortened(struct: Any) -> Any:
        full = sized(struct)
        full.size = size if isinstance(struct, kind) else full.size
        return full

    monkeypatch.setattr(abi, "sized", shortened)


@pytest.mark.parametrize("target", ["cpu:native", "simulator"])
@pytest.mark.parametrize(("kind", "field"), GROWN)
def test_structs_of_an_older_header_work(
    kind: type, field: str, target: str, compile_rule: Compile, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = compile_rule("lion", "--target", target)
    expected = step(artifact)
    give(monkeypatch, kind, getattr(kind, field).offset)
    assert (step(artifact) == expected).all()


@pytest.mark.parametrize("target", ["cpu:native", "simulator"])
@pytest.mark.parametrize("kind", [abi.PlanOptions, abi.StepStruct, abi.ResultStruct])
@pytest.mark.parametrize("size", [0, 8, 1 << 20])
def test_structs_of_no_header_are_refused(
    kind: type, target: str, size: int, compile_rule: Compile, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = compile_rule("lion", "--target", target)
    give(monkeypatch, kind, size)
    with pytest.raises(descent.Error, match=rf"size {size}\b"):
        step(artifact)


def test_device_options_of_no_header_are_refused(compile_rule: Compile, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = compile_rule("lion", "--target", "simulator")
    give(monkeypatch, abi.DeviceOptions, 8)
    with pytest.raises(descent.Error, match="device options have size 8"):
        step(artifact)
