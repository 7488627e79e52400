"""An artifact whose tensors lie on a device, for tests that were written for arrays of NumPy.

Before a step all memory that the caller's arrays are views of goes to the device, afterwards it comes back, so that
what is written outside of a tensor is seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import descent
import numpy as np
import torch
from descent import arrays

Array = Any


class MirroredArtifact:
    """`options` are those of every optimizer, besides those that it is made with."""

    def __init__(self, artifact: descent.Artifact, place: torch.device, options: Mapping[str, Any] = {}) -> None:
        self._artifact, self._place, self._options = artifact, place, dict(options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._artifact, name)

    def optimizer(self, layers: Sequence[descent.Layer], **options: Any) -> MirroredOptimizer:
        return MirroredOptimizer(self._artifact, layers, self._place, {**options, **self._options})


class Block:
    """Memory of the host, and as much of the device's."""

    def __init__(self, root: Array, place: torch.device) -> None:
        if not root.flags.c_contiguous:
            raise ValueError("the memory that an array is a view of has gaps")
        self._bytes = root.reshape(-1).view(np.uint8)
        self.begin = root.ctypes.data
        self.memory = torch.zeros(max(1, self._bytes.size), dtype=torch.uint8, device=place)

    def upload(self) -> None:
        arrays.assign(self.memory[: self._bytes.size], self._bytes)

    def download(self) -> None:
        self._bytes[...] = arrays.to_numpy(self.memory[: self._bytes.size])


class MirroredOptimizer:
    """Looks like an Optimizer on arrays of NumPy."""

    def __init__(
        self,
        artifact: descent.Artifact,
        layers: Sequence[descent.Layer],
        place: torch.device,
        options: Mapping[str, Any],
    ) -> None:
        self.artifact, self.layers, self._place = artifact, list(layers), place
        self._blocks: dict[int, Block] = {}
        groups = [artifact.typed_manifest.group(layer.group, layer.name) for layer in layers]
        pairs = zip(layers, groups, strict=True)
        self.mirrored = [self._layer(layer, group) for layer, group in pairs]
        self._upload()
        self.optimizer = artifact.optimizer(self.mirrored, **options)
        self.states = {
            name: {state: arrays.to_numpy(array) for state, array in own.items()}
            for name, own in self.optimizer.states.items()
        }

    def _layer(self, layer: descent.Layer, group: Any) -> descent.Layer:
        types = {given.name: given.type for given in group.inputs}
        return descent.Layer(
            layer.name,
            self._twin(layer.weight, group.weight),
            None if layer.gradient is None else self._twin(layer.gradient, group.gradient),
            group=layer.group,
            id=layer.id,
            inputs={name: self._twin(array, types[name]) for name, array in layer.inputs.items()},
            factors=layer.factors,
            batch=layer.batched,
        )

    def _twin(self, array: Array, type_name: str) -> Array:
        root = array
        while isinstance(root.base, np.ndarray):
            root = root.base
        block = self._blocks.setdefault(root.ctypes.data, Block(root, self._place))
        return arrays.cut(block.memory, array.ctypes.data - block.begin, type_name, array.shape, array.strides)

    def _pairs(self) -> list[tuple[Array, Array]]:
        """Of states: on the host, on the device."""
        return [
            (array, self.optimizer.states[layer][name])
            for layer, own in self.states.items()
            for name, array in own.items()
        ]

    def _upload(self) -> None:
        for block in self._blocks.values():
            block.upload()

    def step(self, step: int = 1, gradients: Any = None, **options: Any) -> descent.StepResult:
        self._upload()
        for here, there in self._pairs():
            arrays.assign(there, here)
        result = self.optimizer.step(step, gradients=self._own(gradients), **options)
        for block in self._blocks.values():
            block.download()
        for here, there in self._pairs():
            here[...] = arrays.to_numpy(there)
        return result

    def _own(self, gradients: Sequence[Array | None] | None) -> list[Array | None] | None:
        """Those of the table that are given."""
        if gradients is None:
            return None
        own: list[Array | None] = []
        for given, layer, mirrored in zip(gradients, self.layers, self.mirrored, strict=True):
            if given is not None and given.ctypes.data != layer.gradient.ctypes.data:
                raise ValueError(f"the gradient of '{layer.name}' is not that of the table")
            own.append(None if given is None else mirrored.gradient)
        return own

    @property
    def target(self) -> str:
        return self.optimizer.target

    def close(self) -> None:
        self.optimizer.close()

    def __enter__(self) -> MirroredOptimizer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
