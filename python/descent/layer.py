"""One entry of the layer table, and where arrays lie in the sense of the C interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import abi, arrays
from .arrays import Array, check_type, held
from .errors import invalid_layer


class Layer:
    """A parameter, which a step changes in place, and what belongs to it.

    Arrays are NumPy's or PyTorch's, and lie where the kernels run. A 2-D array is one matrix, a 1-D array one row, a
    3-D array a batch of matrices along its first axis. With `batch`, a 2-D array is a batch of vectors. Every member of
    a batch is a logical layer, with states of its own. Rows and batch members may be any distance apart; the last axis
    is contiguous. `gradient` may be left out, and given to each step.
    """

    def __init__(
        self,
        name: str,
        weight: Array,
        gradient: Array | None = None,
        group: str | None = None,
        id: int | None = None,
        inputs: Mapping[str, Array] | None = None,
        factors: Mapping[str, float] | None = None,
        batch: bool = False,
    ) -> None:
        if not isinstance(name, str) or not name or "\0" in name:
            raise invalid_layer(f"a layer's name is a string that is not empty, found {name!r}")
        self.name = name
        self.group = group
        self.id = fnv1a(name) if id is None else _checked_id(name, id)
        self.batched = batch
        self.weight = held(weight, f"weight of layer '{name}'")
        self.gradient = None if gradient is None else held(gradient, f"gradient of layer '{name}'")
        self.inputs = {key: held(value, f"input '{key}' of layer '{name}'") for key, value in (inputs or {}).items()}
        self.factors = dict(factors or {})

    def __repr__(self) -> str:
        return f"Layer({self.name!r}, shape={tuple(self.weight.shape)}, group={self.group!r})"


def fnv1a(text: str) -> int:
    """64-bit FNV-1a: the id of a layer whose caller gives none, equal in every run."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def _checked_id(name: str, id: int) -> int:
    if not isinstance(id, (int, np.integer)) or not 0 <= id < 2**64:
        raise invalid_layer(f"the id of layer '{name}' is a whole number from 0 to 2^64 - 1, found {id!r}")
    return int(id)


@dataclass(frozen=True)
class Placement:
    """Where an array lies, as (batch, rows, cols) with strides in elements."""

    data: int
    shape: tuple[int, int, int]
    row_stride: int
    batch_stride: int

    def view(self) -> abi.View:
        return abi.View(self.data, self.row_stride, self.batch_stride)


def place_tensor(array: Array, what: str, type_name: str, batched: bool, writable: bool = False) -> Placement:
    """The placement of something shaped like a parameter."""
    if not 1 + batched <= array.ndim <= 3:
        raise invalid_layer(f"{what} has {array.ndim} axes, wanted {1 + batched} to 3")
    if array.ndim == 1:
        cube = array[np.newaxis, np.newaxis, :]
    elif array.ndim == 2:
        cube = array[:, np.newaxis, :] if batched else array[np.newaxis, :, :]
    else:
        cube = array
    return place_cube(cube, what, type_name, writable)


def place_cube(cube: Array, what: str, type_name: str, writable: bool = False) -> Placement:
    check_type(cube, what, type_name)
    if writable and not arrays.is_writable(cube):
        raise invalid_layer(f"{what} is read-only")
    if not arrays.is_aligned(cube):
        raise invalid_layer(f"{what} is not aligned to its elements")
    if 0 in cube.shape:
        raise invalid_layer(f"{what} has no elements: its shape is {tuple(cube.shape)}")
    batch, rows, cols = cube.shape
    # The stride of an axis of one element means nothing, and NumPy may put anything there.
    packed = (rows * cols, cols, 1)
    batch_stride, row_stride, col_stride = (
        _elements(stride, cube.itemsize, what) if size > 1 else default
        for stride, size, default in zip(arrays.byte_strides(cube), cube.shape, packed)
    )
    if col_stride != 1:
        raise invalid_layer(
            f"the last axis of {what} is not contiguous: its stride is {col_stride} elements, wanted 1; "
            "copy it (numpy.ascontiguousarray, torch.Tensor.contiguous), or describe the transposed matrix"
        )
    if row_stride < cols:
        raise invalid_layer(f"the rows of {what} are {row_stride} elements apart, wanted at least {cols}")
    if batch_stride < 1:
        raise invalid_layer(f"the batch members of {what} are {batch_stride} elements apart, wanted at least 1")
    return Placement(arrays.address_of(cube), (batch, rows, cols), row_stride, batch_stride)


def _elements(stride: int, itemsize: int, what: str) -> int:
    if stride % itemsize:
        raise invalid_layer(f"a stride of {what} is {stride} bytes, not a multiple of its element of {itemsize} bytes")
    return stride // itemsize
