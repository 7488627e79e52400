"""Where the time of steps goes."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from . import abi
from .errors import invalid_argument
from .manifest import Manifest, Stage

Seconds = npt.NDArray[np.float64]


class Profile:
    """Seconds of the steps that it was given to, added up.

    `seconds[worker, i]` is what a worker spent in the kernels of `stages[i]`, `segment_seconds[j]` the time on the wall
    of a segment. Made by `Optimizer.profile`.
    """

    def __init__(self, manifest: Manifest, workers: int) -> None:
        self.stages: tuple[Stage, ...] = manifest.all_stages
        self.seconds: Seconds = np.zeros((workers, len(self.stages)))
        self.segment_seconds: Seconds = np.zeros(manifest.segments)
        self._struct = abi.sized(abi.ProfileStruct())
        self._struct.workers = workers
        self._struct.stage_seconds = _pointer(self.seconds)
        self._struct.segment_seconds = _pointer(self.segment_seconds)

    def clear(self) -> None:
        self.seconds[...] = 0.0
        self.segment_seconds[...] = 0.0

    def pointer(self, manifest: Manifest) -> Any:
        if self.stages != manifest.all_stages:
            raise invalid_argument("the profile was made by another optimizer")
        return ctypes.pointer(self._struct)


def _pointer(array: Seconds) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
