"""What this machine can do, measured a moment ago: the limits that stages are compared with."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .errors import Refused

SOURCE = Path(__file__).with_name("limits.c")
# Without contraction a multiply-add would be two instructions.
FLAGS = ("-std=gnu11", "-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC", "-pthread")
FLOATS = 16 << 20  # of a stream: 64 MB, beyond all caches


@dataclass(frozen=True)
class Limits:
    """Of all threads together, a second. A chip without bf16 products does them in f32."""

    threads: int
    bytes: float
    flops: dict[str, float]  # by the type of a product's factors

    def seconds(self, moved: float, computed: float, factors: str) -> float:
        """At least so long takes a stage that moves and computes this."""
        return max(moved / self.bytes, computed / self.flops[factors] if factors else 0.0)


def c_compiler() -> str:
    for name in (os.environ.get("CC"), "clang-22", "/usr/lib/llvm-22/bin/clang", "clang", "cc", "gcc"):
        if name and shutil.which(name):
            return name
    raise Refused("there is no C compiler to measure this machine's limits with; set CC, or give --no-limits")


class Meter:
    """Compiled once, measures any number of threads."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "limits.so"
            command = [c_compiler(), *FLAGS, str(SOURCE), "-o", str(output)]
            finished = subprocess.run(command, capture_output=True, text=True, check=False)
            if finished.returncode:
                raise Refused(f"'{' '.join(command)}' failed; give --no-limits to go on without:\n{finished.stderr}")
            self._library = ctypes.CDLL(str(output))
        self._library.limit_sweep.restype = self._library.limit_flops.restype = ctypes.c_double

    def measure(self, threads: int, seconds: float = 0.3) -> Limits:
        duration = ctypes.c_double(seconds)
        moved = self._library.limit_sweep(threads, ctypes.c_int64(FLOATS), duration)
        single, half = (self._library.limit_flops(threads, bf16, duration) for bf16 in (0, 1))
        if min(moved, single) <= 0:
            raise Refused(f"the limits of {threads} threads could not be measured; give --no-limits to go on without")
        return Limits(threads, moved, {"f64": single / 2, "f32": single, "bf16": half or single, "f16": single})
