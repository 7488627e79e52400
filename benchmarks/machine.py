"""What a measurement runs on: python/descent/run/machine.py, for the benchmarks and their shell scripts."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

from descent.run.machine import busy_seconds, describe, version  # noqa: E402

__all__ = ["busy_seconds", "describe", "version"]

if __name__ == "__main__":
    print("\n".join(describe()))
