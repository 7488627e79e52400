"""Runs a compiled rule and its oracle on the same layers and gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import descent
import numpy as np
import numpy.typing as npt
from descent.manifest import Group
from oracles import RULES, advance, make_layer, norms
from oracles.rule import Array
from oracles.rule import Layer as OracleLayer

Stored = npt.NDArray[Any]

DTYPES = {"f64": np.float64, "f32": np.float32, "bf16": np.uint16, "f16": np.float16}
# Distance from 1 to the next number.
EPS = {"f64": 2.0**-52, "f32": 2.0**-23, "bf16": 2.0**-7, "f16": 2.0**-10}
SENTINEL = 77.0


@dataclass(frozen=True)
class Case:
    """A rule with the norm, class and orientation it is compiled for."""

    rule: str
    norm: str | None = None
    group_class: str = "any"
    stored: str | None = None
    hyper: Mapping[str, float] = field(default_factory=dict)
    fused: bool = True

    def __str__(self) -> str:
        norm = "" if self.norm is None else "-" + self.norm.removeprefix("#descent.")
        return f"{self.rule}{norm}" + ("" if self.stored is None else f"-{self.stored}")

    @property
    def options(self) -> tuple[str, ...]:
        norm = () if self.norm is None else ("--norm", self.norm)
        stored = () if self.stored is None else ("--stored", self.stored)
        return (*norm, "--class", self.group_class, *stored)

    @property
    def oracle_norm(self) -> norms.Norm | None:
        return None if self.norm is None else norms.library(self.norm, self.stored or "out_in")

    @property
    def iterates(self) -> bool:
        """Its directions come from Newton-Schulz, in bf16 unless the storage is f64."""
        return self.rule in ("muon", "muon_torch", "muon_match_rms", "normuon") or (
            self.norm in ("#descent.spectral", "#descent.rms_to_rms")
        )

    @property
    def reduces(self) -> bool:
        """An update needs a sum over entries."""
        return self.iterates or self.rule == "lanton" or self.norm not in (None, "#descent.max", "#descent.l1")

    @property
    def signs(self) -> bool:
        """Its directions jump where an average passes through zero."""
        return self.rule == "lion" or self.norm == "#descent.max"


@dataclass(frozen=True)
class Tensor:
    """packed; padded: rows further apart than their length; interleaved: batch members side by side, as heads are."""

    name: str
    shape: tuple[int, ...]
    layout: str = "packed"


TABLE = (
    Tensor("wide", (24, 56)),
    Tensor("tall", (56, 24), "padded"),
    Tensor("square", (32, 32)),
    Tensor("one_row", (1, 37), "padded"),
    Tensor("one_column", (37, 1)),
    Tensor("one_element", (1, 1)),
    Tensor("odd", (13, 7), "padded"),
    Tensor("odd_wide", (33, 65)),
    Tensor("odd_tall", (130, 70), "padded"),
    Tensor("experts", (3, 9, 14)),
    Tensor("heads", (2, 11, 6), "interleaved"),
    Tensor("vector", (53,)),
)
# Large enough that several threads share one layer.
LARGE_TABLE = (Tensor("large", (310, 450), "padded"), Tensor("odd", (13, 7)), Tensor("long", (2, 160000)))


def allocate(tensor: Tensor, storage: str, padding: int = 5) -> tuple[Stored, Stored]:
    """The tensor, and the whole memory that it lies in. What does not belong to the tensor holds the sentinel."""
    *batch, rows, cols = (1, *tensor.shape) if len(tensor.shape) == 1 else tensor.shape
    if tensor.layout == "interleaved":
        base = np.full((rows, batch[0] * cols + padding), SENTINEL)
        base = encode(base, storage)
        view = base[:, : batch[0] * cols].reshape(rows, batch[0], cols).transpose(1, 0, 2)
        assert np.shares_memory(view, base)
        return view, base
    extra = padding if tensor.layout == "padded" else 0
    base = encode(np.full((*batch, rows, cols + extra), SENTINEL), storage)
    view = base[..., :cols]
    return (view[0] if len(tensor.shape) == 1 else view), base


def encode(values: npt.ArrayLike, storage: str) -> Stored:
    array = np.asarray(values)
    return descent.bfloat16.to_bfloat16(array) if storage == "bf16" else array.astype(DTYPES[storage])


def decode(array: Stored, storage: str) -> Array:
    """The stored numbers, exactly."""
    values = descent.bfloat16.from_bfloat16(array) if storage == "bf16" else array
    return values.astype(np.float64)


def members(array: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """The logical layers of an entry, as matrices."""
    if array.ndim == 1:
        return [array[np.newaxis, :]]
    return list(array) if array.ndim == 3 else [array]


def make_layer_entry(group: Group, name: str, *arrays: Stored) -> descent.Layer:
    """A vector is a matrix of one row where the group takes matrices."""
    rows = [array[np.newaxis] if array.ndim == 1 and group.wants == "matrix" else array for array in arrays]
    return descent.Layer(name, *rows, group=group.name)


class Run:
    """One optimizer and the layers it works on, beside the oracle of the same."""

    def __init__(
        self,
        artifact: descent.Artifact,
        case: Case,
        storage: str,
        tensors: Sequence[Tensor] = TABLE,
        threads: int = 1,
        seed: int = 0,
        target: str | None = None,
        simulator_seed: int = 0,
        products: str = "auto",
        group: str | None = None,
    ) -> None:
        """`group`: of the artifact, if there are several."""
        self.group = artifact.typed_manifest.group(group, "all")
        self.case, self.storage, self.seed, self.tensors = case, storage, seed, tensors
        self.weights: list[Stored] = []
        self.gradients: list[Stored] = []
        self.memory: list[tuple[Stored, Stored]] = []
        layers = []
        for tensor in tensors:
            weight, weight_memory = allocate(tensor, storage)
            gradient, gradient_memory = allocate(tensor, storage, padding=3)
            weight[...] = encode(self._random(tensor, 0), storage)
            self.weights.append(weight)
            self.gradients.append(gradient)
            self.memory.append((weight_memory, gradient_memory))
            layers.append(make_layer_entry(self.group, tensor.name, weight, gradient))
        self.optimizer = artifact.optimizer(
            layers, threads=threads, target=target, simulator_seed=simulator_seed, products=products
        )
        self.oracle: list[list[OracleLayer]] = [self._oracle_layers(weight) for weight in self.weights]
        self.t = 0

    def _random(self, tensor: Tensor, t: int) -> Array:
        """The same for a tensor of this name in every run, whatever else is in the table."""
        generator = np.random.default_rng([self.seed, t, *tensor.name.encode()])
        return generator.standard_normal(tensor.shape)

    def _oracle_layers(self, weight: Stored) -> list[OracleLayer]:
        rule, norm = RULES[self.case.rule], self.case.oracle_norm
        values = decode(weight, self.storage)
        return [make_layer(rule, member, norm, self.case.stored or "out_in") for member in members(values)]

    def hyper(self) -> dict[str, float]:
        """The learning rate changes in every step, as under a schedule."""
        chosen = {**RULES[self.case.rule].hypers, "lr": 0.05, **self.case.hyper}
        return {**chosen, "lr": chosen["lr"] * (1.0 + 0.1 * self.t)}

    def step(
        self,
        absent: Sequence[str] = (),
        scale: float = 1.0,
        zero: bool = False,
        follow: bool = True,
        reports: bool = False,
    ) -> Any:
        """New gradients, one step; the oracle follows."""
        self.t += 1
        expected: list[Array | None] = []
        for tensor, gradient, weight in zip(self.tensors, self.gradients, self.weights, strict=True):
            gradient[...] = encode(
                0.0 * self._random(tensor, 0) if zero else self._random(tensor, self.t), self.storage
            )
            seen = decode(gradient, self.storage) * scale
            expected += [None if tensor.name in absent else member for member in members(seen)]
            assert gradient.shape == weight.shape
        given = [None if t.name in absent else g for t, g in zip(self.tensors, self.gradients, strict=True)]
        hyper = {self.group.name: self.hyper()}
        result = self.optimizer.step(
            self.t, hyper=hyper, gradients=given if absent else None, gradient_scale=scale, reports=reports
        )
        if not follow:
            return result
        flat = [layer for layers in self.oracle for layer in layers]
        advance(RULES[self.case.rule], flat, expected, self.hyper())
        if self.storage == "bf16":
            for layer in flat:
                layer.w = decode(encode(layer.w, "bf16"), "bf16")
        return result

    def found(self, index: int) -> list[Array]:
        return members(decode(self.weights[index], self.storage))

    def states(self, index: int) -> dict[str, Stored]:
        return dict(self.optimizer.states[self.tensors[index].name])

    def scope(self, state: str) -> str:
        (scope,) = [s.scope for s in self.group.states if s.name == state]
        return scope

    def bits(self, index: int) -> list[bytes]:
        """Weights and states, to the bit."""
        return [self.weights[index].tobytes(), *(s.tobytes() for s in self.states(index).values())]

    def check_surroundings(self) -> None:
        """What lies between the rows of weights and gradients was left alone."""
        sentinel = encode(np.array(SENTINEL), self.storage)
        for (weight_memory, gradient_memory), weight, gradient in zip(
            self.memory, self.weights, self.gradients, strict=True
        ):
            for memory, view in ((weight_memory, weight), (gradient_memory, gradient)):
                others = memory.size - view.size
                kept = np.count_nonzero(memory == sentinel) - np.count_nonzero(view == sentinel)
                assert kept == others
