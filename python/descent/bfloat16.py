"""bfloat16 as `uint16`, since NumPy has no such type."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def to_bfloat16(values: npt.ArrayLike) -> npt.NDArray[np.uint16]:
    """Rounds to nearest, ties to even; a NaN stays a NaN and what is too large becomes an infinity."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"wanted numbers, found an array of type '{array.dtype}'")
    bits = _float32_rounded_to_odd(array).view(np.uint32)
    rounded = (bits.astype(np.uint64) + 0x7FFF + ((bits >> 16) & 1)) >> 16
    nan = (bits & 0x7FFFFFFF) > 0x7F800000
    quiet = (bits >> 16) | 0x0040
    return np.where(nan, quiet, rounded).astype(np.uint16)


def from_bfloat16(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """Exact."""
    array = np.asarray(bits)
    if array.dtype != np.uint16:
        raise TypeError(f"bfloat16 numbers are kept as 'uint16', found '{array.dtype}'")
    return np.ascontiguousarray(array.astype(np.uint32) << 16).view(np.float32).reshape(array.shape)


def _float32_rounded_to_odd(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Wider types are cut off, and the last bit set if anything was lost: rounding the result once more, to fewer bits,
    then rounds the original, where rounding to nearest twice would not."""
    if array.dtype in (np.dtype(np.float16), np.dtype(np.float32)):
        return np.array(array, dtype=np.float32, order="C", ndmin=1).reshape(array.shape)
    wide = np.array(array, dtype=np.float64, order="C")
    with np.errstate(over="ignore", invalid="ignore"):  # infinities and signalling NaNs come out right
        nearest = wide.astype(np.float32)
    bits = nearest.view(np.uint32)
    too_far = np.abs(nearest.astype(np.float64)) > np.abs(wide)
    inexact = (nearest.astype(np.float64) != wide) & ~np.isnan(wide)
    odd: npt.NDArray[np.uint32] = (bits - too_far.astype(np.uint32)) | inexact.astype(np.uint32)
    return np.asarray(odd, dtype=np.uint32).view(np.float32)
