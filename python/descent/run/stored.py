"""What a workload's memory holds, as numbers in f64, and how far apart neighbours are (docs/storage.md)."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from ..manifest import Group, State
from .workload import Workload, decode

Numbers = npt.NDArray[np.float64]

# From 1 to the next number.
EPS = {"f64": 2.0**-52, "f32": 2.0**-23, "f16": 2.0**-10, "bf16": 2.0**-7}
# The smallest positive number, where a number that a training has may come near it.
SMALLEST = {"f16": 2.0**-24}
# An entry of a block and the nearest code, in units of the block's largest entry.
EPS_OF_CODES = 2.0**-7


def read_weight(work: Workload, index: int) -> Numbers:
    """As its users read it."""
    return np.asarray(work.weight(index), np.float64)


def read_master(work: Workload, index: int) -> Numbers:
    """As the rule reads it: with all that the policy keeps of it."""
    states = _states(work, index)
    if "master" in states:
        return states["master"].astype(np.float64)
    if "remainder" in states:
        high = work.weights[index].astype(np.uint32) << 16
        joined = (high + states["remainder"].astype(np.int32).astype(np.uint32)).astype(np.uint32)
        return joined.view(np.float32).astype(np.float64)
    return read_weight(work, index)


def has_master(group: Group) -> bool:
    return any(state.name in ("master", "remainder") for state in group.states)


def read_state(work: Workload, index: int, state: State) -> Numbers:
    """A state of the rule, in whatever type."""
    array = _states(work, index)[state.name]
    if not state.type.startswith("q8"):
        return np.asarray(decode(array, state.type), np.float64)
    block = _block(work, index, state)
    scales = np.repeat(_states(work, index)[f"{state.name}_scale"], block, axis=-1)[..., : array.shape[-1]]
    return np.asarray(code_map(state.type == "q8_signed")[array] * scales, np.float64)


def write_state(work: Workload, index: int, name: str, values: Numbers) -> None:
    """Of a workload in f64."""
    _states(work, index)[name][...] = values


def spacing(values: Numbers, type_name: str) -> Numbers:
    """Between neighbours of this type, at these numbers."""
    if type_name == "i64":
        return np.zeros_like(values)
    return np.abs(values) * EPS[type_name] + SMALLEST.get(type_name, 0.0)


def state_spacing(work: Workload, index: int, state: State, values: Numbers) -> Numbers:
    if not state.type.startswith("q8"):
        return spacing(values, state.type)
    block, cols = _block(work, index, state), values.shape[-1]
    padded = np.pad(np.abs(values), [(0, 0)] * (values.ndim - 1) + [(0, -cols % block)])
    largest = padded.reshape(*values.shape[:-1], -1, block).max(axis=-1)
    return np.repeat(largest, block, axis=-1)[..., :cols] * EPS_OF_CODES


@functools.cache
def code_map(signed: bool) -> npt.NDArray[np.float32]:
    """The numbers of the codes, in ascending order."""
    decades = [(e, 2 ** (e if signed else e + 1)) for e in range(7)]
    positive = [10.0 ** (e - 6) * (0.1 + 0.9 * (bin + 0.5) / bins) for e, bins in decades for bin in range(bins)]
    negative = [-number for number in positive] if signed else []
    return np.sort(np.array([0.0, 1.0, *positive, *negative])).astype(np.float32)


def _block(work: Workload, index: int, state: State) -> int:
    group = work.job.group(work.job.tensors[index])
    return next(other.block for other in group.states if other.name == f"{state.name}_scale")


def _states(work: Workload, index: int) -> dict[str, npt.NDArray[Any]]:
    return work.optimizer.states[work.job.tensors[index].name]
