"""The part of a step that a device has: numbers that are read there when the step runs, and room for its result."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import abi, arrays
from .arrays import Array
from .errors import invalid_argument
from .manifest import quoted

if TYPE_CHECKING:
    from .table import LayerTable

# Numbers of a step that may lie on the device, and the type that kernels read.
TYPES = {"step": "i64", "loss": "f64", "gradient_scale": "f64", "found_inf": "f32"}


class DeviceHyper:
    """All hyperparameters of an artifact, in the memory that its kernels read. Made by `Optimizer.device_hyper`.

    `hyper["lr"]`, or `hyper["hidden"]["lr"]` where several groups have it, is one number without axes, to be changed in
    place: a step reads it when it runs, also a step that a CUDA graph has captured.
    """

    def __init__(self, numbers: Array, owners: Mapping[str, Mapping[str, float]]) -> None:
        self.numbers = numbers
        views = iter(numbers[place : place + 1].reshape(()) for place in range(len(numbers)))
        self.groups: dict[str, dict[str, Array]] = {
            owner: {name: next(views) for name in values} for owner, values in owners.items()
        }

    def __getitem__(self, name: str) -> Any:
        if name in self.groups:
            return self.groups[name]
        having = [owner for owner, numbers in self.groups.items() if name in numbers]
        if len(having) == 1:
            return self.groups[having[0]][name]
        if having:
            raise invalid_argument(f"the groups {quoted(having)} have a '{name}': say whose, as in hyper[group][name]")
        known = sorted({known for numbers in self.groups.values() for known in numbers})
        raise invalid_argument(f"no group has a hyperparameter '{name}'; known are {quoted(known)}")


class DeviceSide:
    """Of one optimizer whose kernels run on a device, be it a simulated one."""

    def __init__(self, table: LayerTable, kind: str, num_reports: int) -> None:
        self._is_cuda = kind == "cuda"
        self._like = table.layers[0].weight if table.layers else None
        self.number = None if self._like is None else arrays.device_of(self._like)
        self.result = arrays.allocate(self._like, ctypes.sizeof(abi.ResultStruct), "q8_unsigned")
        self.reports = arrays.allocate(self._like, sum(table.batches) * num_reports, "f64")
        self.has_reports = False  # of the last step that was launched
        self._kept: dict[str, Array] = {}  # what a step that is under way may read

    def hyper(self, numbers: ctypes.Array[ctypes.c_double], owners: Mapping[str, Mapping[str, float]]) -> DeviceHyper:
        count = sum(len(values) for values in owners.values())
        memory = arrays.allocate(self._like, count, "f64")
        arrays.assign(memory, np.array(numbers[:count]))
        return DeviceHyper(memory, owners)

    def has(self, value: Any) -> bool:
        return arrays.is_array(value) and (arrays.device_of(value) is not None) == self._is_cuda

    def stream(self, given: int | None) -> int | None:
        """PyTorch's current one, unless another is given."""
        torch = arrays.torch_of(self._like)
        if given is not None or torch is None or self.number is None:
            return given
        return int(torch.cuda.current_stream(self.number).cuda_stream)

    def point_to(self, struct: abi.DeviceStepStruct, name: str, value: Array) -> None:
        if math.prod(value.shape) != 1:
            raise invalid_argument(f"'{name}' is one number, found an array of shape {tuple(value.shape)}")
        self._kept[name] = arrays.converted(value, TYPES[name])
        setattr(struct, name, arrays.address_of(self._kept[name]))

    def point_to_hyper(self, struct: abi.DeviceStepStruct, hyper: DeviceHyper) -> None:
        self._kept["hyper"] = hyper.numbers
        struct.hyper = arrays.address_of(hyper.numbers)

    def point_to_result(self, struct: abi.DeviceStepStruct, reports: bool) -> None:
        self.has_reports = reports
        if self._like is None:
            return
        struct.result = arrays.address_of(self.result)
        if reports and self.reports.shape[0]:
            arrays.fill(self.reports, math.nan)
            struct.reports = arrays.address_of(self.reports)

    def read_result(self) -> abi.ResultStruct:
        return abi.ResultStruct.from_buffer_copy(arrays.to_numpy(self.result).tobytes())
