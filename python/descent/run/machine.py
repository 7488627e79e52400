"""What a measurement ran on, as lines of text."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _first(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    return match.group(1).strip() if match else "unknown"


def _caches() -> str:
    found = []
    for index in range(8):
        folder = f"/sys/devices/system/cpu/cpu0/cache/index{index}"
        kind = _read(f"{folder}/type")
        if kind in ("Data", "Unified"):
            found.append(f"L{_read(f'{folder}/level')} {_read(f'{folder}/size')}")
    return ", ".join(found) or "unknown"


def _vectors(flags: set[str]) -> str:
    return "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "SSE2"


def describe() -> list[str]:
    processor = _read("/proc/cpuinfo")
    flags = set(_first(r"^flags\s*:(.*)$", processor).split())
    virtual = ", a virtual machine" if "hypervisor" in flags else ""
    memory = int(_first(r"^MemTotal:\s*(\d+)", _read("/proc/meminfo"))) / 2**20
    model, number = _first(r"^model name\s*:(.*)$", processor), _first(r"^model\s*:(.*)$", processor)
    family = _first(r"^cpu family\s*:(.*)$", processor)
    pages = _first(r"\[(\w+)\]", _read("/sys/kernel/mm/transparent_hugepage/enabled"))
    release = _first(r'^PRETTY_NAME="(.*)"$', _read("/etc/os-release"))
    return [
        f"processor: {model} (family {family}, model {number}), {os.cpu_count()} cores{virtual}, {_vectors(flags)}",
        f"caches: {_caches()}; memory: {memory:.0f} GiB; transparent huge pages: {pages}",
        f"system: {platform.system()} {platform.release()}, {release}",
        f"load average before: {_read('/proc/loadavg')[:14]}",
    ]


def busy_seconds() -> float:
    """What all processors have worked so far, for whomever, and what a host took from a virtual machine."""
    user, nice, system, _, _, *others = (int(x) for x in _read("/proc/stat").splitlines()[0].split()[1:9])
    return float(user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")


def version(command: str) -> str:
    """The first line that a program says about itself."""
    result = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    return (result.stdout or result.stderr).splitlines()[0].strip()
