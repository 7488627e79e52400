"""What is asked of an array, whoever's it is: NumPy's, or a tensor of PyTorch's, on the host or on a device.

PyTorch is not imported here: whoever has a tensor of it has done so.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import invalid_layer
from .manifest import DTYPES

Array = Any  # numpy.ndarray or torch.Tensor

# PyTorch has a type for bfloat16.
_TORCH_NAMES = {name: str(dtype) for name, dtype in DTYPES.items()} | {"bf16": "bfloat16"}


def torch_of(array: Any) -> Any:
    """PyTorch, if this is a tensor of it; otherwise None."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and isinstance(array, torch.Tensor) else None


def is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or torch_of(value) is not None


def held(array: Array, what: str) -> Array:
    """A view of our own: it keeps the memory alive, and its shape and strides cannot be changed under us."""
    if isinstance(array, np.ndarray):
        return array.view(np.ndarray)
    torch = torch_of(array)
    if torch is None:
        raise invalid_layer(f"{what} is of type '{type(array).__name__}', wanted a NumPy array or a PyTorch tensor")
    if array.layout != torch.strided or array.device.type not in ("cpu", "cuda"):
        raise invalid_layer(
            f"{what} is a tensor of layout '{array.layout}' on the device '{array.device}', wanted one with strides "
            "on the host or on a CUDA device"
        )
    return array.detach()


def device_of(array: Array) -> int | None:
    """The number of the CUDA device that it lies on; None: on the host."""
    if torch_of(array) is None or array.device.type == "cpu":
        return None
    return int(array.device.index)


def place_name(array: Array) -> str:
    number = device_of(array)
    return "the host's memory" if number is None else f"memory of the device 'cuda:{number}'"


def address_of(array: Array) -> int:
    return int(array.ctypes.data if torch_of(array) is None else array.data_ptr())


def likeness(array: Any) -> Any:
    """All but the address: what is refused of an array is refused of those like it. None for what is no array."""
    if isinstance(array, np.ndarray):
        return (array.dtype, array.shape, array.strides, array.flags.aligned)
    if torch_of(array) is None:
        return None
    return (array.dtype, array.layout, array.device, array.shape, array.stride())


def byte_strides(array: Array) -> tuple[int, ...]:
    if torch_of(array) is None:
        return tuple(array.strides)
    size = array.element_size()
    return tuple(stride * size for stride in array.stride())


def is_writable(array: Array) -> bool:
    return torch_of(array) is not None or bool(array.flags.writeable)


def is_aligned(array: Array) -> bool:
    return torch_of(array) is not None or bool(array.flags.aligned)


def check_type(array: Array, what: str, type_name: str) -> None:
    if torch_of(array) is not None:
        found, wanted = str(array.dtype), f"torch.{_TORCH_NAMES[type_name]}"
        if found != wanted:
            raise invalid_layer(f"{what} has type '{found}', wanted '{wanted}'")
        return
    expected = DTYPES[type_name]
    if array.dtype != expected or not array.dtype.isnative:
        note = " (bits; see descent.bfloat16)" if type_name == "bf16" else ""
        raise invalid_layer(f"{what} has type '{array.dtype}', wanted '{expected}'{note}")


def allocate(like: Array | None, count: int, type_name: str) -> Array:
    """Zeros, of the kind of array and on the device that `like` is."""
    torch = torch_of(like)
    if torch is None:
        return np.zeros(count, DTYPES[type_name])
    assert like is not None
    return torch.zeros(count, dtype=getattr(torch, _TORCH_NAMES[type_name]), device=like.device)


def converted(array: Array, type_name: str) -> Array:
    """The array itself if it has the type."""
    torch = torch_of(array)
    if torch is None:
        return np.ascontiguousarray(array, DTYPES[type_name])
    return array.detach().to(getattr(torch, _TORCH_NAMES[type_name]))


def fill(array: Array, value: float) -> None:
    if torch_of(array) is None:
        array[...] = value
    else:
        array.fill_(value)


def cut(memory: Array, start: int, type_name: str, shape: Sequence[int], strides: Sequence[int]) -> Array:
    """An array within a block of bytes, from byte `start` on; strides are in bytes."""
    dtype = DTYPES[type_name]
    torch = torch_of(memory)
    if torch is None:
        return np.ndarray(tuple(shape), dtype, buffer=memory, offset=start, strides=tuple(strides))
    typed = torch.empty(0, dtype=getattr(torch, _TORCH_NAMES[type_name]), device=memory.device)
    offset = memory.storage_offset() + start
    elements = [stride // dtype.itemsize for stride in strides]
    return typed.set_(memory.untyped_storage(), offset // dtype.itemsize, tuple(shape), elements)


def to_numpy(array: Array) -> npt.NDArray[Any]:
    """A copy in the host's memory; bfloat16 as bits. Waits for all that its device was given to do."""
    torch = torch_of(array)
    if torch is None:
        return np.array(array)
    if device_of(array) is not None:
        torch.cuda.synchronize(array.device)
    bits = array.detach().view(torch.int16) if array.dtype == torch.bfloat16 else array.detach()
    copied: npt.NDArray[Any] = bits.cpu().numpy().copy()
    return copied.view(np.uint16) if array.dtype == torch.bfloat16 else copied


def assign(target: Array, source: npt.NDArray[Any]) -> None:
    """The inverse of `to_numpy`."""
    torch = torch_of(target)
    if torch is None:
        target[...] = source
        return
    is_bits = target.dtype == torch.bfloat16
    numbers = torch.from_numpy(np.ascontiguousarray(source).view(np.int16 if is_bits else source.dtype))
    target.copy_((numbers.view(torch.bfloat16) if is_bits else numbers).reshape(target.shape))
