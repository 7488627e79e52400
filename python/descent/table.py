"""The layer table of the C interface, built from layers and checked against the manifest."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from . import abi
from .errors import invalid_layer
from .layer import Layer, Placement, place_tensor
from .manifest import Group, Manifest, quoted


class LayerTable:
    """Holds the C structs and, through `layers`, the arrays that they point to."""

    def __init__(self, manifest: Manifest, layers: Sequence[Layer]) -> None:
        self.layers = list(layers)
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise invalid_layer(f"an entry of the layer table is of type '{type(layer).__name__}', wanted 'Layer'")
        names = [layer.name for layer in self.layers]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise invalid_layer(f"names occur more than once in the layer table: {quoted(repeated)}")
        self.groups = [manifest.group(layer.group, layer.name) for layer in self.layers]
        self.weights: list[Placement] = []
        self.gradients: list[Placement] = []
        self.entries = (abi.LayerStruct * max(1, len(self.layers)))()
        self._kept: list[Any] = []
        for entry, layer, group in zip(self.entries, self.layers, self.groups):
            self._fill(entry, layer, group)

    def __len__(self) -> int:
        return len(self.layers)

    @property
    def batches(self) -> list[int]:
        return [placement.shape[0] for placement in self.weights]

    def _fill(self, entry: abi.LayerStruct, layer: Layer, group: Group) -> None:
        abi.sized(entry)
        weight = place_tensor(
            layer.weight, f"weight of layer '{layer.name}'", group.weight, layer.batched, writable=True
        )
        if group.wants == "matrix" and layer.weight.ndim - layer.batched == 1:
            raise invalid_layer(
                f"layer '{layer.name}' is a vector, group '{group.name}' wants matrices; a matrix of one row has two "
                "axes"
            )
        gradient = place_gradient(layer, layer.gradient, group, weight)
        self.weights.append(weight)
        self.gradients.append(gradient)
        name = layer.name.encode()
        self._kept.append(name)
        entry.name, entry.id, entry.group = name, layer.id, group.index
        entry.batch, entry.rows, entry.cols = weight.shape
        entry.weight, entry.gradient = weight.view(), gradient.view()
        self._fill_inputs(entry, layer, group, weight)
        self._fill_factors(entry, layer, group)

    def _fill_inputs(self, entry: abi.LayerStruct, layer: Layer, group: Group, weight: Placement) -> None:
        wanted = [wanted_input.name for wanted_input in group.inputs]
        if set(layer.inputs) != set(wanted):
            raise invalid_layer(
                f"layer '{layer.name}' has the inputs [{quoted(layer.inputs)}], "
                f"group '{group.name}' wants [{quoted(wanted)}]"
            )
        if not wanted:
            return
        views = (abi.View * len(wanted))()
        for index, wanted_input in enumerate(group.inputs):
            what = f"input '{wanted_input.name}' of layer '{layer.name}'"
            placement = place_tensor(layer.inputs[wanted_input.name], what, wanted_input.type, layer.batched)
            _same_shape(placement, weight, what)
            views[index] = placement.view()
        self._kept.append(views)
        entry.inputs = views

    def _fill_factors(self, entry: abi.LayerStruct, layer: Layer, group: Group) -> None:
        unknown = [name for name in layer.factors if name not in group.factors]
        if unknown:
            raise invalid_layer(
                f"layer '{layer.name}' has the factors [{quoted(unknown)}], "
                f"group '{group.name}' knows [{quoted(group.factors)}]"
            )
        if not group.factors:
            return
        factors = (ctypes.c_double * len(group.factors))(*[layer.factors.get(name, 1.0) for name in group.factors])
        self._kept.append(factors)
        entry.factors = factors


def place_gradient(layer: Layer, array: Any, group: Group, weight: Placement) -> Placement:
    """An absent gradient is described as one that would be packed."""
    if array is None:
        _, rows, cols = weight.shape
        return Placement(0, weight.shape, cols, rows * cols)
    what = f"gradient of layer '{layer.name}'"
    placement = place_tensor(array, what, group.gradient, layer.batched)
    _same_shape(placement, weight, what)
    return placement


def _same_shape(placement: Placement, weight: Placement, what: str) -> None:
    if placement.shape != weight.shape:
        raise invalid_layer(f"{what} is {_dimensions(placement)}, its weight is {_dimensions(weight)}")


def _dimensions(placement: Placement) -> str:
    batch, rows, cols = placement.shape
    return f"{rows} by {cols}" + (f", {batch} times" if batch > 1 else "")
