"""Where kernels run: a GPU, or the simulator in its place. All that asks CUDA for something is here."""

from __future__ import annotations

import contextlib
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

Step = Callable[[], object]

# A round of a step, and rounds of each.
ROUND_SECONDS = 0.03
FEWEST, MOST = 5, 40


@dataclass(frozen=True)
class Kernel:
    """One that ran: its name in the image, and microseconds on the device."""

    name: str
    microseconds: float


class Device(Protocol):
    name: str
    is_real: bool  # it is a GPU: its timings mean something
    is_large: bool  # it is given tensors of the sizes of the goals
    compiles: bool  # torch.compile is one of those beside it
    place: torch.device

    def describe(self) -> dict[str, str]: ...
    def free_bytes(self) -> int: ...
    def forget(self) -> None: ...
    def wait(self) -> None: ...
    def stream(self) -> int | None: ...
    def seconds(self, step: Step, repeats: int) -> float: ...
    def kernels(self, step: Step, repeats: int) -> list[list[Kernel]]: ...
    def captured(self, step: Step) -> Step: ...


class Simulator:
    """Tensors of PyTorch on the host stand for those of a device."""

    name, is_real, is_large, compiles = "simulator", False, False, False
    place = torch.device("cpu")

    def describe(self) -> dict[str, str]:
        return {"device": "the simulator", "processor": platform.processor() or platform.machine()} | versions()

    def free_bytes(self) -> int:
        return 1 << 20

    def forget(self) -> None:
        pass

    def wait(self) -> None:
        pass

    def stream(self) -> int | None:
        return None

    def seconds(self, step: Step, repeats: int) -> float:
        begin = time.perf_counter()
        for _ in range(repeats):
            step()
        return (time.perf_counter() - begin) / repeats

    def kernels(self, step: Step, repeats: int) -> list[list[Kernel]]:
        """None are told apart here."""
        return []

    def captured(self, step: Step) -> Step:
        """There are no graphs here."""
        return step


class Cuda:
    """PyTorch's current device."""

    name, is_real, is_large, compiles = "cuda", True, True, True

    def __init__(self) -> None:
        torch.cuda.init()
        self.place = torch.device("cuda", torch.cuda.current_device())

    def describe(self) -> dict[str, str]:
        facts = torch.cuda.get_device_properties(self.place)
        described = {
            "device": facts.name,
            "compute capability": f"{facts.major}.{facts.minor}",
            "multiprocessors": str(facts.multi_processor_count),
            "memory": f"{facts.total_memory / 2**30:.0f} GiB",
            "CUDA of PyTorch": str(torch.version.cuda),
        }
        return described | asked_of_the_driver(self.place.index) | versions()

    def free_bytes(self) -> int:
        self.forget()
        free, _ = torch.cuda.mem_get_info(self.place)
        return int(free)

    def forget(self) -> None:
        """Memory that PyTorch keeps for later."""
        torch.cuda.empty_cache()

    def wait(self) -> None:
        torch.cuda.synchronize(self.place)

    def stream(self) -> int | None:
        return int(torch.cuda.current_stream(self.place).cuda_stream)

    def seconds(self, step: Step, repeats: int) -> float:
        """By events around the steps; what the host does between them is hidden where steps are long enough."""
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        self.wait()
        begin.record()
        for _ in range(repeats):
            step()
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end)) * 1e-3 / repeats

    def kernels(self, step: Step, repeats: int) -> list[list[Kernel]]:
        """What runs in each of the steps, in its order, as the profiler of PyTorch tells."""
        from torch.profiler import ProfilerActivity, profile

        self.wait()
        with profile(activities=[ProfilerActivity.CUDA]) as profiled:
            for _ in range(repeats):
                step()
            self.wait()
        events = [event for event in profiled.events() if event.device_type == torch.autograd.DeviceType.CUDA]
        events.sort(key=lambda event: event.time_range.start)
        found = [Kernel(str(event.name), float(event.time_range.elapsed_us())) for event in events]
        return split(found, repeats)

    def captured(self, step: Step) -> Step:
        graph = torch.cuda.CUDAGraph()
        self.wait()
        with torch.cuda.graph(graph):
            step()
        replay: Step = graph.replay
        return replay


def split(found: Sequence[Kernel], repeats: int) -> list[list[Kernel]]:
    """By steps, which are alike; of what cannot be told apart, nothing."""
    length, rest = divmod(len(found), repeats)
    parts = [list(found[i * length : (i + 1) * length]) for i in range(repeats)]
    names = [[kernel.name for kernel in part] for part in parts]
    return parts if rest == 0 and length and all(each == names[0] for each in names) else []


def make_device(name: str) -> Device:
    if name == "simulator":
        return Simulator()
    if not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no CUDA device here; --device=simulator checks everything but a GPU")
    return Cuda()


def versions() -> dict[str, str]:
    return {"PyTorch": str(torch.__version__), "Python": platform.python_version()}


def asked_of_the_driver(index: int) -> dict[str, str]:
    """Clocks as they are between two sections. Without nvidia-smi, nothing."""
    fields = {
        "driver": "driver_version",
        "SM clock": "clocks.sm",
        "SM clock, most": "clocks.max.sm",
        "memory clock": "clocks.mem",
        "power limit": "power.limit",
        "temperature": "temperature.gpu",
    }
    command = ["nvidia-smi", f"--id={index}", f"--query-gpu={','.join(fields.values())}", "--format=csv,noheader"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return dict(zip(fields, (part.strip() for part in done.stdout.splitlines()[0].split(",")), strict=False))
    return {}


@dataclass(frozen=True)
class Times:
    """Seconds a step: over rounds."""

    median: float
    least: float
    most: float
    rounds: int

    def as_dict(self) -> dict[str, Any]:
        return {"seconds": self.median, "least": self.least, "most": self.most, "rounds": self.rounds}


@contextlib.contextmanager
def freed(device: Device) -> Iterator[None]:
    """Gives memory back afterwards, for what comes next."""
    try:
        yield
    finally:
        device.wait()
        device.forget()


def medians(device: Device, steps: dict[str, Step], budget: float) -> dict[str, Times]:
    """In turns, so that what changes with time, such as clocks, changes for all. `budget`: seconds."""
    counts = {name: _warm_up(device, step) for name, step in steps.items()}
    taken: dict[str, list[float]] = {name: [] for name in steps}
    begin, rounds = time.perf_counter(), 0
    while rounds < FEWEST or (rounds < MOST and time.perf_counter() - begin < budget):
        for name in _in_turn(list(steps), rounds):
            taken[name].append(device.seconds(steps[name], counts[name]))
        rounds += 1
        if not device.is_large:
            break
    return {name: Times(statistics.median(each), min(each), max(each), len(each)) for name, each in taken.items()}


def _warm_up(device: Device, step: Step) -> int:
    """How many steps make a round."""
    if not device.is_large:
        step()
        return 1
    for _ in range(2):
        device.seconds(step, 1)
    once = max(device.seconds(step, 1), 1e-7)
    return max(1, min(1000, int(ROUND_SECONDS / once)))


def _in_turn(names: Sequence[str], number: int) -> Sequence[str]:
    return names if number % 2 == 0 else list(reversed(names))
