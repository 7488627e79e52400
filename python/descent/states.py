"""The memory of the states: allocated here or by the caller, and seen as arrays of the weights' kind."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import abi, arrays
from .arrays import Array, check_type, held
from .errors import invalid_argument, invalid_layer
from .layer import Layer, place_cube, place_tensor
from .manifest import DTYPES, Group, State, quoted
from .table import LayerTable

ALIGNMENT = 64

States = dict[str, dict[str, Array]]


def allocate(entry_points: abi.EntryPoints, table: LayerTable) -> tuple[States, Any]:
    """One block for all states, where the first weight lies. Returns the arrays, and the C views that `attach` gives to
    a table."""
    count = entry_points.count("states_count", table.entries, len(table))
    size = entry_points.count("states_bytes", table.entries, len(table))
    block = arrays.allocate(table.layers[0].weight if table.layers else None, size + ALIGNMENT, "q8_unsigned")
    begin = arrays.address_of(block)
    views = (abi.View * max(1, count))()
    entry_points.call("states_place", table.entries, len(table), begin + -begin % ALIGNMENT, views)
    states: States = {}
    position = 0
    for layer, group in zip(table.layers, table.groups):
        states[layer.name] = {}
        for state in group.states:
            states[layer.name][state.name] = _array_at(block, views[position], layer, state)
            position += 1
    return states, views


def _array_at(block: Array, view: abi.View, layer: Layer, state: State) -> Array:
    size = DTYPES[state.type].itemsize
    shape = state_shape(layer, state)
    strides = tuple(size * math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    if state.scope in ("element", "block") and layer.weight.ndim - layer.batched >= 2:
        strides = (*strides[:-2], view.row_stride * size, strides[-1])
    if _has_batch_axis(layer):
        strides = (view.batch_stride * size, *strides[1:])
    return arrays.cut(block, int(view.data) - arrays.address_of(block), state.type, shape, strides)


def _has_batch_axis(layer: Layer) -> bool:
    return layer.batched or layer.weight.ndim == 3


def state_shape(layer: Layer, state: State) -> tuple[int, ...]:
    """As the caller sees it: with a batch axis exactly where the weight has one."""
    shape = tuple(layer.weight.shape)
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
        own = _of_layer(given, layer, group)
        states[layer.name] = {}
        for state in group.states:
            array = held(own[state.name], f"state '{state.name}' of layer '{layer.name}'")
            views[position] = _place(array, layer, state)
            states[layer.name][state.name] = array
            position += 1
    return states, views


def _of_layer(given: Mapping[str, Mapping[str, Any]], layer: Layer, group: Group) -> Mapping[str, Any]:
    names = [state.name for state in group.states]
    own = given.get(layer.name, {})
    if set(own) != set(names):
        raise invalid_argument(
            f"layer '{layer.name}' is given the states [{quoted(own)}], group '{group.name}' has [{quoted(names)}]"
        )
    return own


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
        raise invalid_layer(f"{what} has the shape {tuple(array.shape)}, wanted {wanted}")
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
        numbers = _of_layer(saved, layer, group)
        for state in group.states:
            what = f"saved state '{state.name}' of layer '{layer.name}'"
            array = numbers[state.name] if arrays.is_array(numbers[state.name]) else np.asarray(numbers[state.name])
            check_shape(array, what, layer, state)
            array = arrays.to_numpy(array)
            copies.append((states[layer.name][state.name], array))
    for target, source in copies:
        arrays.assign(target, source)
