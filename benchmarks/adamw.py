#!/usr/bin/env python3
"""Compares the compiled AdamW in f32 with torch.optim.AdamW (fused, foreach, torch.compile) and a loop by hand.

    .venv/bin/python3 benchmarks/adamw.py [--json FILE]

Every implementation is first checked against NumPy in float64. A pair then works in one process of its own, on the same
arrays, in turns: see python/descent/run/rounds.py.
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import machine
import numpy as np
import numpy.typing as npt
import pairs

from descent.run.rounds import compare

ROOT = Path(__file__).resolve().parent.parent

Shape = tuple[int, ...]
Array = npt.NDArray[np.float32]
HYPER = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.1}
BYTES_AN_ENTRY = 28  # reads w, g, m, v; writes w, m, v
C_FLAGS = ["-O3", "-march=native", "-mprefer-vector-width=512", "-fno-math-errno", "-shared", "-fPIC", "-pthread"]


def gpt2_shapes() -> list[Shape]:
    """GPT-2 124M, the head tied to the embedding: 148 tensors, 124,439,808 entries."""
    d = 768
    block: list[Shape] = [(d,), (d,), (3 * d, d), (3 * d,), (d, d), (d,)]
    block += [(d,), (d,), (4 * d, d), (4 * d,), (d, 4 * d), (d,)]
    return [(50257, d), (1024, d), *block * 12, (d,), (d,)]


TABLES: dict[str, list[Shape]] = {
    "256 MB a stream": [(8192, 8192)],
    "GPT-2 124M": gpt2_shapes(),
    "1,000 of 4 KB": [(1024,)] * 1000,
    "64 MB a stream": [(4096, 4096)],
    "10,000 of 256 B": [(64,)] * 10000,
}
# Those that goals are for; the others are measured when they are named.
WITH_GOALS = ("256 MB a stream", "GPT-2 124M", "1,000 of 4 KB")
# Whom a table is compared with; without torch, with the loop alone.
AGAINST: dict[str, tuple[str, ...]] = {
    "256 MB a stream": ("loop",),
    "GPT-2 124M": ("torch", "foreach", "compiled"),
    "1,000 of 4 KB": ("torch", "foreach"),
    "64 MB a stream": ("torch", "loop"),
    "10,000 of 256 B": ("torch", "foreach", "loop"),
}


@dataclass
class Streams:
    w: list[Array]
    g: list[Array]
    m: list[Array]
    v: list[Array]

    @staticmethod
    def random(shapes: list[Shape]) -> Streams:
        generator = np.random.default_rng(0)

        def normal(shape: Shape) -> Array:
            return generator.standard_normal(shape, dtype=np.float32)

        def zero(shape: Shape) -> Array:
            return np.full(shape, 0.0, np.float32)  # written, so that every page is there

        return Streams(
            *([make(shape) for shape in shapes] for make in (normal, normal, zero, zero)),
        )


# A step, given its number.
Step = Callable[[int], object]


def descent_step(streams: Streams, threads: int) -> Step:
    import descent

    folder = ROOT / "build" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    artifact = descent.compile("adamw", folder / f"adamw-{os.getpid()}.so", program=ROOT / "build/bin/descent-compile")
    for ending in (".so", ".h", ".json"):
        (folder / f"adamw-{os.getpid()}{ending}").unlink()
    layers = [descent.Layer(f"layer{i}", w, g) for i, (w, g) in enumerate(zip(streams.w, streams.g, strict=True))]
    states = {
        f"layer{i}": {"m": m, "v": v, "updates": np.zeros((), np.int64)}
        for i, (m, v) in enumerate(zip(streams.m, streams.v, strict=True))
    }
    optimizer = artifact.optimizer(layers, threads=threads, states=states, initialize=False)
    return lambda t: optimizer.step(t, hyper=HYPER)


def torch_step(streams: Streams, threads: int, foreach: bool = False, compiled: bool = False) -> Step:
    import torch

    torch.set_num_threads(threads)
    parameters = [torch.nn.Parameter(torch.from_numpy(w)) for w in streams.w]
    for parameter, g in zip(parameters, streams.g, strict=True):
        parameter.grad = torch.from_numpy(g)
    optimizer = torch.optim.AdamW(
        parameters,
        lr=HYPER["lr"],
        betas=(HYPER["beta1"], HYPER["beta2"]),
        eps=HYPER["eps"],
        weight_decay=HYPER["weight_decay"],
        fused=not (foreach or compiled),
        foreach=foreach or compiled,
        capturable=compiled,  # its count of steps is a tensor: else every step is compiled anew
    )
    for parameter, m, v in zip(parameters, streams.m, streams.v, strict=True):
        # What its first step would make, in our memory.
        optimizer.state[parameter] = {
            "step": torch.zeros((), dtype=torch.float32),
            "exp_avg": torch.from_numpy(m),
            "exp_avg_sq": torch.from_numpy(v),
        }
    step = torch.compile(optimizer.step) if compiled else optimizer.step
    return lambda t: step()


class LoopTensor(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("w", "m", "v", "g")] + [("count", ctypes.c_int64)]


class LoopNumbers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_double) for name in HYPER] + [("step", ctypes.c_int64)]


def c_compiler() -> str:
    for name in (os.environ.get("CC"), "clang-22", "/usr/lib/llvm-22/bin/clang", "cc"):
        if name and shutil.which(name):
            return name
    raise SystemExit("there is no C compiler; set CC")


def compile_loop() -> ctypes.CDLL:
    output = ROOT / "build" / "benchmarks" / f"adamw_loop-{os.getpid()}.so"
    output.parent.mkdir(parents=True, exist_ok=True)
    source = Path(__file__).with_name("adamw_loop.c")
    subprocess.run([c_compiler(), *C_FLAGS, str(source), "-o", str(output), "-lm"], check=True)
    library = ctypes.CDLL(str(output))
    output.unlink()
    return library


def loop_step(streams: Streams, threads: int) -> Step:
    library = compile_loop()
    tensors = (LoopTensor * len(streams.w))(
        *(
            LoopTensor(w.ctypes.data, m.ctypes.data, v.ctypes.data, g.ctypes.data, w.size)
            for w, g, m, v in zip(streams.w, streams.g, streams.m, streams.v, strict=True)
        )
    )

    def step(t: int) -> None:
        numbers = LoopNumbers(*HYPER.values(), t)
        if library.adamw_loop(tensors, ctypes.c_int64(len(tensors)), ctypes.byref(numbers), threads):
            raise OSError("no thread could be started")

    return step


IMPLEMENTATIONS: dict[str, Callable[[Streams, int], Step]] = {
    "descent": descent_step,
    "torch": torch_step,
    "foreach": partial(torch_step, foreach=True),
    "compiled": partial(torch_step, compiled=True),
    "loop": loop_step,
}


def numpy_step(
    w: npt.NDArray[np.float64], g: Array, m: npt.NDArray[np.float64], v: npt.NDArray[np.float64], t: int
) -> None:
    h = HYPER
    m += (1 - h["beta1"]) * (g - m)
    v += (1 - h["beta2"]) * (g.astype(np.float64) ** 2 - v)
    root = np.sqrt(v / (1 - h["beta2"] ** t))
    w *= 1 - h["lr"] * h["weight_decay"]
    w -= h["lr"] * (m / (1 - h["beta1"] ** t)) / (root + h["eps"])


def check(name: str, threads: int) -> None:
    """Ten steps on odd shapes, against NumPy in float64."""
    streams = Streams.random([(301, 517), (1000,), (7,), (1, 1), (64, 4096)])
    expected = [[a.astype(np.float64) for a in (w, m, v)] for w, m, v in zip(streams.w, streams.m, streams.v)]
    step = IMPLEMENTATIONS[name](streams, threads)
    for t in range(1, 11):
        step(t)
        for (w, m, v), g in zip(expected, streams.g, strict=True):
            numpy_step(w, g, m, v, t)
    for index, (w, m, v) in enumerate(expected):
        # Each step rounds the weight and a dozen numbers of the size of an update, which is at most lr.
        bound = 10 * 2.0**-24 * (2 * np.abs(w).max() + 16 * HYPER["lr"])
        assert np.abs(streams.w[index] - w).max() <= bound, f"{name} is wrong"
        assert np.abs(streams.m[index] - m).max() <= 40 * 2.0**-24 * np.abs(m).max(), f"m of {name} is wrong"
        assert np.abs(streams.v[index] - v).max() <= 40 * 2.0**-24 * np.abs(v).max(), f"v of {name} is wrong"


def numbered(step: Step) -> Callable[[], object]:
    """Counts the steps."""
    numbers = itertools.count(1)
    return lambda: step(next(numbers))


def measure(pair: tuple[str, str], table: str, threads: int, rounds: int) -> dict[str, float]:
    """Seconds a step of both, and the first's speed over the second's."""
    for name in pair:
        check(name, threads)
    streams = Streams.random(TABLES[table])
    own, other = (numbered(IMPLEMENTATIONS[name](streams, threads)) for name in pair)
    for step in (own, other):
        step()  # touches all memory, and compiles
    return compare(own, other, rounds=rounds).as_dict()


def measure_apart(pair: tuple[str, str], table: str, threads: int, rounds: int) -> dict[str, float]:
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    environment["TORCHINDUCTOR_CACHE_DIR"] = str(pairs.FOLDER / "inductor")
    command = [sys.executable, __file__, "--pair", *pair, "--table", table, "--threads", str(threads)]
    result = subprocess.run(
        [*command, "--rounds", str(rounds)], env=environment, check=True, text=True, stdout=subprocess.PIPE
    )
    found: dict[str, float] = json.loads(result.stdout)
    return found


def has_torch() -> bool:
    try:
        import torch
    except ImportError:
        return False
    print(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
    return True


def report(rounds: int, tables: list[str], output: Path | None) -> None:
    print("\n".join(machine.describe()))
    print(f"loop by hand: {machine.version(c_compiler())} {' '.join(C_FLAGS)}")
    with_torch = has_torch()
    for table in tables:
        shapes = TABLES[table]
        others = [other for other in AGAINST[table] if with_torch or other == "loop"]
        entries = sum(int(np.prod(shape)) for shape in shapes)
        moved = entries * BYTES_AN_ENTRY
        count = f"{len(shapes):,} tensors" if len(shapes) > 1 else f"1 tensor of {shapes[0]}"
        print(f"\n{table}: {count}, {entries:,} entries in f32; {moved / 1e6:.0f} MB moved a step")
        print(f"{'threads':<9}{'against':<10}{'Descent':>20}{'the other':>20}   ratio of speeds (least, most)  rounds")
        for threads, other in itertools.product((1, 2), others):
            pairs.note(f"AdamW, {table}, {threads} threads, beside {other}")
            found = measure_apart(("descent", other), table, threads, rounds)
            row = {"table": table, "threads": threads, "against": other, "bytes": moved, **found}
            if output is not None:
                pairs.merge_rows(output, [row], ("table", "threads", "against"))
            shown = [f"{found[key] * 1e3:7.2f} ms {moved / found[key] / 1e9:5.1f} GB/s" for key in ("own", "other")]
            print(
                f"{threads:<9}{other:<10}{shown[0]:>20}{shown[1]:>20}   {found['ratio']:.3f} "
                f"({found['lowest']:.3f}, {found['highest']:.3f})   {found['kept']:.0f} of {found['all']:.0f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="AdamW, compiled, beside PyTorch's and a loop by hand.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--pair", nargs=2, choices=list(IMPLEMENTATIONS), help="measure one pair, and print JSON")
    parser.add_argument("--table", choices=list(TABLES), help="one table instead of those with goals")
    parser.add_argument("--threads", type=int, default=1, help="of a pair")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to a file, too")
    options = parser.parse_args()
    if options.pair:
        table = options.table or next(iter(TABLES))
        print(json.dumps(measure(tuple(options.pair), table, options.threads, options.rounds)))
    else:
        report(options.rounds, [options.table] if options.table else list(WITH_GOALS), options.json)


if __name__ == "__main__":
    main()
