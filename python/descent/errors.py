"""The one exception of this package, and the codes of the C interface that it carries."""

from __future__ import annotations

import enum


class Code(enum.IntEnum):
    """`descent_code` of descent.h."""

    OK = 0
    INVALID_ARGUMENT = 1
    INVALID_LAYER = 2
    OVERLAP = 3
    OUT_OF_MEMORY = 4
    WRONG_ABI = 5
    UNSUPPORTED_CPU = 6
    FOREIGN_STATE = 7
    NO_DEVICE = 8
    DEVICE_FAULT = 9


class Error(Exception):
    """A call was refused, and changed nothing. Two exceptions: a step whose `parallel` misbehaves is completed first,
    and a fault of a device (DEVICE_FAULT) leaves a step half done."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        # A later version of the runtime may know codes that this package does not.
        self.code: int = Code(code) if code in Code._value2member_map_ else code
        self.message = message

    def __reduce__(self) -> tuple[type[Error], tuple[int, str]]:
        return type(self), (int(self.code), self.message)


def invalid_argument(message: str) -> Error:
    return Error(Code.INVALID_ARGUMENT, message)


def invalid_layer(message: str) -> Error:
    return Error(Code.INVALID_LAYER, message)
