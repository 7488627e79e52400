"""What storage policies do to a number on its way to memory and back, bit by bit. See docs/storage.md."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]


def bits_of(x: npt.ArrayLike) -> U32:
    return np.ascontiguousarray(x, np.float32).view(np.uint32)


# bf16 -----------------------------------------------------------------------------------------------------------------


def bf16_widen(bits: U16) -> F32:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def bf16_nearest(x: npt.ArrayLike) -> U16:
    """Ties to even."""
    b = bits_of(x)
    rounded = (b.astype(np.uint64) + 0x7FFF + ((b >> 16) & 1)) >> 16
    return np.where(np.isnan(np.float32(x)), b >> 16 | 0x40, rounded).astype(np.uint16)


def bf16_stochastic(x: npt.ArrayLike, r: npt.ArrayLike) -> U16:
    """Up, in magnitude, with probability (lower half of the bits) / 65536; `r` is uniform in 0 .. 65535."""
    b = bits_of(x)
    moved = (b + np.asarray(r, np.uint32)) >> 16
    kept = np.where(np.isnan(np.float32(x)), b >> 16 | 0x40, b >> 16)
    return np.where(np.isfinite(np.float32(x)), moved, kept).astype(np.uint16)


# The remainder: an f32 as a bf16 and 16 bits more ---------------------------------------------------------------------


def split(x: F32) -> tuple[U16, npt.NDArray[np.int16]]:
    """To nearest, ties away from zero; a NaN keeps nothing below its first half."""
    b = bits_of(x)
    b = np.where(np.isnan(x), (b | 0x400000) & 0xFFFF0000, b).astype(np.uint32)
    high = (b + np.uint32(0x8000)) >> 16
    return high.astype(np.uint16), (b - (high << 16)).astype(np.int32).astype(np.int16)


def join(high: U16, low: npt.NDArray[np.int16]) -> F32:
    return ((high.astype(np.uint32) << 16) + low.astype(np.int32).astype(np.uint32)).view(np.float32)


# Random numbers -------------------------------------------------------------------------------------------------------

MASK64 = 2**64 - 1


def mix64(z: int) -> int:
    """splitmix64's step."""
    z = (z + 0x9E3779B97F4A7C15) & MASK64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK64
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK64
    return z ^ z >> 31


def random_key(seed: int, step: int, layer: int, member: int) -> int:
    """52 bits."""
    key = 0
    for number in (seed, step, layer, member):
        key = mix64(key ^ number)
    return key >> 12


def mix32(x: U32) -> U32:
    x = (x ^ x >> 16) * np.uint32(0x7FEB352D)
    x = (x ^ x >> 15) * np.uint32(0x846CA68B)
    return x ^ x >> 16


def random_bits(key: int, stream: int, shape: tuple[int, int]) -> U32:
    """32 bits for each element; `stream` is 0 for the weight, 1 for the rule's first state, ..."""
    rows, cols = shape
    index = np.arange(rows * cols, dtype=np.uint64).reshape(shape)
    return hash_index(key, stream, index)


def hash_index(key: int, stream: int, index: npt.NDArray[np.uint64]) -> U32:
    low, high = np.uint32(key & 0xFFFFFFFF), np.uint32((key >> 32) ^ (stream << 20))
    lower, upper = index.astype(np.uint32), (index >> np.uint64(32)).astype(np.uint32)
    with np.errstate(over="ignore"):
        return mix32(mix32(lower ^ low) + high + upper * np.uint32(0x9E3779B9))


# 8-bit blockwise ------------------------------------------------------------------------------------------------------


def code_map(signed: bool) -> F32:
    """bitsandbytes' dynamic map: decades of [0.1, 1] in equal bins, of which each has twice as many as the last."""
    values = [0.0, 1.0]
    for e in range(7):
        n = 2 ** (e if signed else e + 1)
        middles = [10.0 ** (e - 6) * (0.1 + 0.9 * (j + 0.5) / n) for j in range(n)]
        values += middles + ([-m for m in middles] if signed else [])
    return np.sort(np.array(values)).astype(np.float32)


def zero_code(signed: bool) -> int:
    return 127 if signed else 0


def q8_encode(x: F32, signed: bool, block: int) -> tuple[U8, F32]:
    """Codes and scales, in blocks along the last axis."""
    starts = range(0, x.shape[-1], block)
    parts = [_encode_blocks(x[..., start : start + block], signed) for start in starts]
    return np.concatenate([codes for codes, _ in parts], -1), np.stack([scales for _, scales in parts], -1)


def _encode_blocks(x: F32, signed: bool) -> tuple[U8, F32]:
    """To the nearest code, between two to the lower one; without an overflow or rounding of x / scale."""
    scales = np.max(np.abs(x), axis=-1)
    usable = np.isfinite(scales) & (scales >= np.finfo(np.float32).tiny)
    numbers = code_map(signed)
    middles = ((numbers[1:].astype(np.float64) + numbers[:-1]) / 2).astype(np.float32).astype(np.float64)
    with np.errstate(under="ignore", over="ignore", invalid="ignore"):
        products = middles * scales.astype(np.float64)[..., None, None]
        distance = (x.astype(np.float64)[..., None] - products).astype(np.float32)
    codes = np.where(usable[..., None], np.count_nonzero(distance > 0, axis=-1), zero_code(signed))
    kept = np.where(np.isfinite(scales), np.where(usable, scales, 0.0), np.nan)
    return codes.astype(np.uint8), kept.astype(np.float32)


def q8_decode(codes: U8, scales: F32, signed: bool, block: int) -> F32:
    per_entry = np.repeat(scales, block, axis=-1)[..., : codes.shape[-1]]
    product: Any = code_map(signed)[codes] * per_entry
    return product
