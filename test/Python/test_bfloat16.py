"""Conversions between bfloat16 bits and floats."""

from __future__ import annotations

import numpy as np
import pytest
from descent.bfloat16 import from_bfloat16, to_bfloat16


def test_every_bfloat16_number_survives_the_round_trip() -> None:
    bits = np.arange(2**16, dtype=np.uint32).astype(np.uint16)
    values = from_bfloat16(bits)
    numbers = ~np.isnan(values)
    for dtype in (np.float32, np.float64):
        with np.errstate(invalid="ignore"):  # signalling NaNs
            wide = values.astype(dtype)
            found = to_bfloat16(wide)
        np.testing.assert_array_equal(found[numbers], bits[numbers])
        assert np.isnan(from_bfloat16(found[~numbers])).all()


def test_ties_round_to_even_and_neighbours_to_nearest() -> None:
    ulp = 2.0**-7
    for dtype in (np.float32, np.float64):
        values = np.array([1 + ulp / 2, 1 + 3 * ulp / 2, 1 + ulp * 0.51, -(1 + ulp / 2)], dtype=dtype)
        np.testing.assert_array_equal(to_bfloat16(values), [0x3F80, 0x3F82, 0x3F81, 0xBF80])


def test_what_is_too_large_becomes_infinity() -> None:
    largest = from_bfloat16(np.array([0x7F7F], np.uint16))[0]
    assert to_bfloat16(np.array([largest]))[0] == 0x7F7F
    assert to_bfloat16(np.array([3.4e38], np.float64))[0] == 0x7F80
    assert to_bfloat16(np.array([-1e300, np.inf, -np.inf])).tolist() == [0xFF80, 0x7F80, 0xFF80]


def test_float64_is_rounded_once() -> None:
    """Just above a tie, by less than float32 can see: rounding twice would go down to even."""
    value = 1 + 2.0**-8 + 2.0**-40
    assert np.float32(value) == np.float32(1 + 2.0**-8)
    assert to_bfloat16(np.array([value, -value])).tolist() == [0x3F81, 0xBF81]
    below = 1 + 3 * 2.0**-8 - 2.0**-40
    assert to_bfloat16(np.array([below])).tolist() == [0x3F81]


def test_rounding_is_to_the_nearest_of_the_two_neighbours() -> None:
    values = np.random.default_rng(1).standard_normal(4096) * np.exp(np.linspace(-80, 80, 4096))
    bits = to_bfloat16(values)
    found = np.abs(from_bfloat16(bits).astype(np.float64) - values)
    for neighbour in (bits - np.uint16(1), bits + np.uint16(1)):
        assert (found <= np.abs(from_bfloat16(neighbour).astype(np.float64) - values)).all()


def test_shapes_are_kept() -> None:
    for shape in ((), (3,), (2, 3), (0,)):
        bits = to_bfloat16(np.ones(shape))
        assert bits.shape == shape and bits.dtype == np.uint16
        assert from_bfloat16(bits).shape == shape
    strided = np.ones((4, 6))[::2, ::3]
    assert to_bfloat16(strided).tolist() == [[0x3F80, 0x3F80]] * 2


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="complex"):
        to_bfloat16(np.ones(2, complex))
    with pytest.raises(TypeError, match="uint16"):
        from_bfloat16(np.ones(2, np.int16))
