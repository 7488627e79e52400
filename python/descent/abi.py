"""descent.h in ctypes. test/Python/test_abi.py compares every size and offset with the header."""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    c_char,
    c_char_p,
    c_double,
    c_float,
    c_int32,
    c_int64,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any

from .errors import Code, Error

VERSION = 2


class ErrorStruct(ctypes.Structure):
    _fields_ = [("size", c_uint64), ("code", c_int32), ("message", c_char * 1024)]


class View(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("row_stride", c_int64), ("batch_stride", c_int64)]


class LayerStruct(ctypes.Structure):
    _fields_ = [
        ("size", c_uint64),
        ("name", c_char_p),
        ("id", c_uint64),
        ("group", c_uint32),
        ("reserved", c_uint32),
        ("rows", c_int64),
        ("cols", c_int64),
        ("batch", c_int64),
        ("weight", View),
        ("gradient", View),
        ("inputs", POINTER(View)),
        ("states", POINTER(View)),
        ("factors", POINTER(c_double)),
        ("global_rows", c_int64),
        ("global_cols", c_int64),
        ("row_offset", c_int64),
        ("col_offset", c_int64),
    ]


# A C function of the driver's. ctypes calls it without the interpreter's lock, so that Python threads run in parallel.
TaskBody = ctypes.CFUNCTYPE(None, c_void_p, c_int64, c_int64)
ParallelRun = ctypes.CFUNCTYPE(None, c_void_p, c_int64, TaskBody, c_void_p)


class ParallelStruct(ctypes.Structure):
    _fields_ = [("size", c_uint64), ("workers", c_int64), ("run", ParallelRun), ("context", c_void_p)]


# descent_products, in its order.
PRODUCTS = ("auto", "own", "library")


Allocate = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_int64)
Release = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_int64)


class AllocatorStruct(ctypes.Structure):
    _fields_ = [("size", c_uint64), ("allocate", Allocate), ("release", Release), ("context", c_void_p)]


class DeviceOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_uint64),
        ("device", c_int32),
        ("reserved", c_int32),
        ("workspace_bytes", c_int64),
        ("simulator_seed", c_uint64),
        ("products", c_uint32),
        ("reserved2", c_uint32),
        ("allocator", POINTER(AllocatorStruct)),
    ]


class PlanOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_uint64),
        ("abi_version", c_uint32),
        ("reserved", c_uint32),
        ("workers", c_int64),
        ("own_pool", c_int32),
        ("reserved2", c_int32),
        ("target", c_char_p),
        ("seed", c_uint64),
        ("device", POINTER(DeviceOptions)),
    ]


class ProfileStruct(ctypes.Structure):
    _fields_ = [
        ("size", c_uint64),
        ("workers", c_int64),
        ("stage_seconds", POINTER(c_double)),
        ("segment_seconds", POINTER(c_double)),
    ]


class ResultStruct(ctypes.Structure):
    _fields_ = [
        ("size", c_uint64),
        ("skipped", c_int32),
        ("reserved", c_int32),
        ("first_nonfinite", c_int64),
        ("gradient_norm", c_double),
    ]


class DeviceStepStruct(ctypes.Structure):
    _fields_ = [
        ("size", c_uint64),
        ("stream", c_void_p),
        ("hyper", c_void_p),
        ("step", c_void_p),
        ("loss", c_void_p),
        ("gradient_scale", c_void_p),
        ("found_inf", c_void_p),
        ("result", c_void_p),
        ("reports", c_void_p),
    ]


class StepStruct(ctypes.Structure):
    _fields_ = [
        ("size", c_uint64),
        ("abi_version", c_uint32),
        ("reserved", c_uint32),
        ("step", c_int64),
        ("hyper", POINTER(c_double)),
        ("gradients", POINTER(c_void_p)),
        ("gradient_scale", c_double),
        ("found_inf", POINTER(c_float)),
        ("loss", c_double),
        ("parallel", POINTER(ParallelStruct)),
        ("reports", POINTER(c_double)),
        ("profile", POINTER(ProfileStruct)),
        ("device", POINTER(DeviceStepStruct)),
    ]


Plan = c_void_p
_LAYERS = POINTER(LayerStruct)
_ERROR = POINTER(ErrorStruct)

# Entry points of an artifact X, without their prefix `X_`: result and arguments.
ENTRY_POINTS: dict[str, tuple[Any, list[Any]]] = {
    "manifest": (c_char_p, []),
    "signature": (c_char_p, []),
    "fingerprint": (c_uint64, []),
    "check_signature": (c_int32, [c_char_p, _ERROR]),
    "hyper_defaults": (c_int32, [POINTER(c_double), c_uint64, _ERROR]),
    "state_bytes": (c_int64, [_LAYERS, c_uint32, _ERROR]),
    "states_count": (c_int64, [_LAYERS, c_int64, _ERROR]),
    "states_bytes": (c_int64, [_LAYERS, c_int64, _ERROR]),
    "states_place": (c_int32, [_LAYERS, c_int64, c_void_p, POINTER(View), _ERROR]),
    "states_init": (c_int32, [_LAYERS, c_int64, _ERROR]),
    "plan_create": (c_int32, [_LAYERS, c_int64, POINTER(PlanOptions), POINTER(Plan), _ERROR]),
    "plan_rebind": (c_int32, [Plan, _LAYERS, c_int64, _ERROR]),
    "plan_target": (c_char_p, [Plan]),
    "plan_workspace_bytes": (c_int64, [Plan]),
    "plan_destroy": (None, [Plan]),
    "step": (c_int32, [Plan, POINTER(StepStruct), POINTER(ResultStruct), _ERROR]),
}


def sized(struct: ctypes.Structure) -> Any:
    """Sets the field by which the runtime tells versions of a struct apart."""
    struct.size = ctypes.sizeof(struct)
    return struct


class EntryPoints:
    """The functions of one artifact; a failure becomes an exception."""

    def __init__(self, library: ctypes.CDLL, name: str, path: str) -> None:
        self._functions: dict[str, Any] = {}
        for entry, (result, arguments) in ENTRY_POINTS.items():
            try:
                function = getattr(library, f"{name}_{entry}")
            except AttributeError:
                raise Error(
                    Code.INVALID_ARGUMENT, f"'{path}' has no function '{name}_{entry}'; is '{name}' its name?"
                ) from None
            function.restype, function.argtypes = result, arguments
            self._functions[entry] = function

    def text(self, entry: str, *arguments: Any) -> str:
        return str(self._functions[entry](*arguments).decode())

    def number(self, entry: str, *arguments: Any) -> int:
        return int(self._functions[entry](*arguments))

    def call(self, entry: str, *arguments: Any) -> None:
        """A function that returns a `descent_code`."""
        error = sized(ErrorStruct())
        code = self._functions[entry](*arguments, ctypes.byref(error))
        if code != Code.OK:
            raise Error(code, error.message.decode(errors="replace"))

    def count(self, entry: str, *arguments: Any) -> int:
        """A function that returns a number, or -1 on failure."""
        error = sized(ErrorStruct())
        value = int(self._functions[entry](*arguments, ctypes.byref(error)))
        if value < 0:
            raise Error(error.code, error.message.decode(errors="replace"))
        return value

    def destroy(self, plan: Any) -> None:
        self._functions["plan_destroy"](plan)
