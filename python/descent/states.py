"""The memory of the states: allocated here or by the caller, and seen as NumPy arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import abi
from .errors import invalid_argument, invalid_layer
from .layer import Array, Layer, check_type, held, place_cube, place_tensor
from .manifest import DTYPES, Group, State, quoted
from .table import LayerTable

ALIGNMENT = 64

States = dict[str, dict[str, Array]]


def allocate(entry_points: abi.EntryPoints, table: LayerTable) -> tuple[States, Any]:
    """One block for all states. Returns the arrays and the C views that `attach` gives to a table."""
    count = entry_points.count("states_count", table.entries, len(table))
    size = entry_points.count("states_bytes", table.entries, len(table))
    block = np.zeros(size + ALIGNMENT, dtype=np.uint8)
    start = -block.ctypes.data % ALIGNMENT
    memory = block[start : start + size]
    views = (abi.View * max(1, count))()
    entry_points.call("states_place", table.entries, len(table), memory.ctypes.data, views)
    states: States = {}
    position = 0
    for layer, group in zip(table.layers, table.groups):
        states[layer.name] = {}
        for state in group.states:
            states[layer.name][state.name] = _array_at(memory, views[position], layer, state)
            position += 1
    return states, views


def _array_at(memory: Array, view: abi.View, layer: Layer, state: State) -> Array:
    dtype = DTYPES[state.type]
    shape = state_shape(layer, state)
    strides: tuple[int, ...] = tuple(np.zeros(shape, dtype).strides)
    if state.scope in ("element", "block") and layer.weight.ndim - layer.batched >= 2:
        strides = (*strides[:-2], view.row_stride * dtype.itemsize, strides[-1])
    if _has_batch_axis(layer):
        strides = (view.batch_stride * dtype.itemsize, *strides[1:])
    offset = int(view.data) - memory.ctypes.data
    return np.ndarray(shape, dtype, buffer=memory, offset=offset, strides=strides)


def _has_batch_axis(layer: Layer) -> bool:
    return layer.batched or layer.weight.ndim == 3


def state_shape(layer: Layer, state: State) -> tuple[int, ...]:
    """As the caller sees it: with a batch axis exactly where the weight has one."""
    shape = layer.weight.shape
    batch = shape[:1] if _has_batch_axis(layer) else ()
    matrix = shape[len(batch) :]
    rows = matrix[0] if len(matrix) == 2 else 1
    if state.scope == "block":
        return (*shape[:-1], -(-shape[-1] // state.block))
    return {"element": shape, "row": (*batch, rows), "column": (*batch, matrix[-1]), "layer": batch}[state.scope]


def adopt(table: LayerTable, given: Mapping[str, Mapping[str, Array]]) -> tuple[States, Any]:
    """The caller's arrays, checked."""
    total = sum(len(group.states) for group in table.groups)
    views = (abi.View * max(1, total))()
    states: States = {}
    position = 0
    for layer, group in zip(table.layers, table.groups):
        arrays = _of_layer(given, layer, group)
        states[layer.name] = {}
        for state in group.states:
            array = held(arrays[state.name], f"state '{state.name}' of layer '{layer.name}'")
            views[position] = _place(array, layer, state)
            states[layer.name][state.name] = array
            position += 1
    return states, views


def _of_layer(given: Mapping[str, Mapping[str, Any]], layer: Layer, group: Group) -> Mapping[str, Any]:
    names = [state.name for state in group.states]
    arrays = given.get(layer.name, {})
    if set(arrays) != set(names):
        raise invalid_argument(
            f"layer '{layer.name}' is given the states [{quoted(arrays)}], group '{group.name}' has [{quoted(names)}]"
        )
    return arrays


def _place(array: Array, layer: Layer, state: State) -> abi.View:
    what = f"state '{state.name}' of layer '{layer.name}'"
    check_shape(array, what, layer, state)
    if state.scope in ("element", "block"):
        return place_tensor(array, what, state.type, layer.batched, writable=True).view()
    batch = array.shape[0] if _has_batch_axis(layer) else 1
    length = 1 if state.scope == "layer" else array.shape[-1]
    if state.scope == "layer":
        array = array[..., np.newaxis]
    cube = array[:, np.newaxis, :] if _has_batch_axis(layer) else array[np.newaxis, np.newaxis, :]
    assert cube.shape == (batch, 1, length)
    return place_cube(cube, what, state.type, writable=True).view()


def check_shape(array: Array, what: str, layer: Layer, state: State) -> None:
    wanted = state_shape(layer, state)
    if array.shape != wanted:
        raise invalid_layer(f"{what} has the shape {array.shape}, wanted {wanted}")
    check_type(array, what, state.type)


def attach(table: LayerTable, views: Any) -> None:
    """Points the entries of a table at the views of their states."""
    position = 0
    for entry, group in zip(table.entries, table.groups):
        if group.states:
            address = ctypes.addressof(views) + position * ctypes.sizeof(abi.View)
            entry.states = ctypes.cast(address, type(entry.states))
        position += len(group.states)


def restore(table: LayerTable, states: States, saved: Mapping[str, Mapping[str, Any]]) -> None:
    """Copies saved numbers into the states; nothing is written unless everything fits."""
    if set(saved) != set(states):
        raise invalid_argument(f"the checkpoint has the layers [{quoted(saved)}], wanted [{quoted(states)}]")
    copies: list[tuple[Array, Array]] = []
    for layer, group in zip(table.layers, table.groups):
        arrays = _of_layer(saved, layer, group)
        for state in group.states:
            what = f"saved state '{state.name}' of layer '{layer.name}'"
            array = np.asarray(arrays[state.name])
            check_shape(array, what, layer, state)
            copies.append((states[layer.name][state.name], array))
    for target, source in copies:
        target[...] = source
