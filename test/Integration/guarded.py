"""Steps an artifact on buffers between pages that nobody may touch, and compares the bits with those of other buffers.

    guarded.py <artifact.so> <storage>        ends by a signal when a kernel reads or writes beside its buffers

A buffer ends where such a page begins, and in a second run begins where one ends. Between the rows of a padded tensor
lies memory that may be touched; behind its last row there is none.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))

import descent
import numpy as np
from descent.manifest import DTYPES, Group, State
from harness import Stored, encode

PAGE = mmap.PAGESIZE
PROTECT_NOTHING = 0
_libc = ctypes.CDLL(None, use_errno=True)
_kept: list[mmap.mmap] = []

# Shape, and what a row is longer in memory than in the tensor.
SHAPES: list[tuple[tuple[int, ...], int]] = [
    ((13, 7), 0),
    ((13, 7), 4),
    ((1, 37), 0),
    ((37, 1), 0),
    ((37, 1), 3),
    ((1, 1), 0),
    ((33, 65), 1),
    ((130, 70), 0),
    ((16, 64), 0),
    ((3, 9, 14), 0),
    ((53,), 0),
    ((2, 300, 171), 0),
]

# Makes memory of a number of bytes, of which all are used, for elements of a number of bytes.
Allocate = Callable[[int, int], Stored]


def guarded(at_end: bool) -> Allocate:
    def allocate(size: int, _: int) -> Stored:
        pages = -(-size // PAGE)
        memory = mmap.mmap(-1, (pages + 2) * PAGE)
        _kept.append(memory)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        for guard in (address, address + (pages + 1) * PAGE):
            if _libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(PAGE), PROTECT_NOTHING):
                raise OSError(ctypes.get_errno(), "mprotect")
        start = PAGE + (pages * PAGE - size if at_end else 0)
        return np.frombuffer(memory, np.uint8, size, start)

    return allocate


def misaligned(elements: int) -> Allocate:
    """Aligned to an element, and to nothing more; 0: to a cache line."""

    def allocate(size: int, itemsize: int) -> Stored:
        memory = np.zeros(size + 64 + elements * itemsize, np.uint8)
        start = -memory.ctypes.data % 64 + elements * itemsize
        return memory[start : start + size]

    return allocate


def tensor(allocate: Allocate, shape: tuple[int, ...], padding: int, dtype: np.dtype) -> Stored:
    """Rows are `padding` elements longer in memory; batch members follow one another."""
    *outer, cols = shape or (1,)
    stride = cols + padding
    flat = allocate(((int(np.prod(outer)) - 1) * stride + cols) * dtype.itemsize, dtype.itemsize).view(dtype)
    steps = [stride * int(np.prod(outer[axis + 1 :])) for axis in range(len(outer))] + [1]
    strides = [step * dtype.itemsize for step in steps]
    return np.lib.stride_tricks.as_strided(flat, shape, strides if shape else ())


def state_of(allocate: Allocate, state: State, shape: tuple[int, ...], padding: int) -> Stored:
    matrix = shape if len(shape) > 1 else (1, *shape)
    batch = matrix[:-2]
    blocks = -(-shape[-1] // max(1, state.block))
    scoped = {
        "block": (*shape[:-1], blocks),
        "element": shape,
        "row": (*batch, matrix[-2]),
        "column": (*batch, matrix[-1]),
        "layer": batch,
    }[state.scope]
    return tensor(allocate, scoped, padding if state.scope in ("element", "block") else 0, DTYPES[state.type])


def run(
    artifact: descent.Artifact, storage: str, allocate: Allocate, threads: int, target: str | None
) -> list[bytes]:
    """Weights and states after three steps."""
    group: Group = artifact.groups[0]
    layers, states = [], {}
    for index, (given, padding) in enumerate(SHAPES):
        shape = (1, *given) if group.wants == "matrix" and len(given) == 1 else given
        pair = [tensor(allocate, shape, padding, DTYPES[type_name]) for type_name in (group.weight, group.gradient)]
        pair[0][...] = encode(np.random.default_rng([index, 9]).standard_normal(shape), group.weight)
        layers.append(descent.Layer(f"layer{index}", *pair))
        states[f"layer{index}"] = {s.name: state_of(allocate, s, shape, padding) for s in group.states}
    with artifact.optimizer(layers, threads=threads, states=states, target=target) as optimizer:
        for step in range(1, 4):
            for index, layer in enumerate(layers):
                assert layer.gradient is not None
                numbers = np.random.default_rng([index, step]).standard_normal(layer.weight.shape)
                layer.gradient[...] = encode(numbers, group.gradient)
            optimizer.step(step)
    return [a.tobytes() for layer in layers for a in (layer.weight, *states[layer.name].values())]


def main() -> None:
    artifact, storage = descent.load(sys.argv[1]), sys.argv[2]
    target = sys.argv[3] if len(sys.argv) > 3 else None
    plain = run(artifact, storage, misaligned(0), 1, target)
    others = {f"{n} elements off": misaligned(n) for n in (1, 3, 7)}
    others |= {"behind a page": guarded(at_end=False), "before a page": guarded(at_end=True)}
    for name, allocate in others.items():
        for threads in (1, 2):
            assert run(artifact, storage, allocate, threads, target) == plain, f"other bits {name}, {threads} threads"
    print("equal")


if __name__ == "__main__":
    main()
