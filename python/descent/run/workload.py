"""An artifact at work on tensors: their memory, their numbers, and its steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import bfloat16
from ..artifact import Artifact
from ..layer import Layer
from ..manifest import DTYPES, Group, State
from ..optimizer import Optimizer
from .errors import Refused
from .grouping import assign, group_of_kinds
from .shapes import Tensor

Array = npt.NDArray[Any]

# About the sizes that training has; no rule here cares.
WEIGHT_SIZE, GRADIENT_SIZE = 0.02, 0.01
# Of the memory that is available; the rest is for the plan's scratch and for others.
USABLE = 0.85


@dataclass(frozen=True)
class Job:
    """What a run does: which tensors go to which group."""

    artifact: Artifact
    tensors: tuple[Tensor, ...]
    left_out: tuple[Tensor, ...]
    groups: dict[str, str]  # by kind

    @property
    def elements(self) -> int:
        return sum(tensor.elements for tensor in self.tensors)

    def group(self, tensor: Tensor) -> Group:
        return self.artifact.typed_manifest.group(self.groups[tensor.kind], tensor.name)


def plan_job(artifact: Artifact, tensors: Sequence[Tensor], chosen: dict[str, str]) -> Job:
    classes = {group["name"]: group["class"] for group in artifact.manifest["groups"]}
    kinds = list(dict.fromkeys(tensor.kind for tensor in tensors))
    groups = group_of_kinds(classes, kinds, chosen)
    taken, left_out = assign(tensors, groups)
    if not taken:
        accepted = ", ".join(f"'{name}' (class {group_class})" for name, group_class in classes.items())
        found = ", ".join(kinds)
        raise Refused(f"none of the shapes fits a group: they are of the kinds {found}, groups are {accepted}")
    return Job(artifact, tuple(taken), tuple(left_out), groups)


def bytes_of(job: Job) -> int:
    """Of weights, gradients, inputs and states."""
    return sum(_bytes_of_tensor(tensor, job.group(tensor)) for tensor in job.tensors)


def _bytes_of_tensor(tensor: Tensor, group: Group) -> int:
    size = sum(DTYPES[name].itemsize for name in (group.weight, group.gradient, *(i.type for i in group.inputs)))
    states = sum(_numbers_of(tensor, state) * DTYPES[state.type].itemsize for state in group.states)
    return tensor.elements * size + states


def _numbers_of(tensor: Tensor, state: State) -> int:
    rows, cols = tensor.matrix
    if state.scope == "block":
        return rows * -(-cols // state.block) * tensor.batch
    counts = {"element": rows * cols, "row": rows, "column": cols}
    return counts.get(state.scope, 1) * tensor.batch


def available_bytes() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise Refused("/proc/meminfo does not say how much memory is available")


def check_memory(wanted: int, what: str) -> None:
    usable = int(USABLE * available_bytes())
    if wanted > usable:
        raise Refused(
            f"{what} takes {wanted / 2**30:.1f} GiB, and {usable / 2**30:.1f} GiB of memory can be used; "
            "take fewer or smaller shapes"
        )


def encode(values: Array, type_name: str) -> Array:
    return bfloat16.to_bfloat16(values) if type_name == "bf16" else values.astype(DTYPES[type_name], copy=False)


def decode(array: Array, type_name: str) -> Array:
    return bfloat16.from_bfloat16(array) if type_name == "bf16" else array


def random_numbers(tensor: Tensor, index: int, step: int, size: float) -> npt.NDArray[np.float32]:
    """The same for a tensor and a step in every run. Step 0 is the weight's."""
    numbers = np.random.default_rng([step, index]).standard_normal(tensor.shape, dtype=np.float32)
    numbers *= np.float32(size)
    return numbers


class Workload:
    """Tensors with numbers in them, and an optimizer that steps them.

    `rounded_to` is another job whose types the first numbers were rounded to: two workloads of different storage then
    begin with the same numbers.
    """

    def __init__(self, job: Job, threads: int, rounded_to: Job | None = None) -> None:
        self.job, self.types = job, rounded_to or job
        self.weights = [self._numbers(i, 0, WEIGHT_SIZE, "weight") for i in range(len(job.tensors))]
        self.gradients = [self._numbers(i, 1, GRADIENT_SIZE, "gradient") for i in range(len(job.tensors))]
        self.optimizer: Optimizer = job.artifact.optimizer([self._layer(i) for i in range(len(job.tensors))], threads)
        self.t = 0

    def _numbers(self, index: int, step: int, size: float, role: str) -> Array:
        tensor = self.job.tensors[index]
        first, own = (getattr(job.group(tensor), role) for job in (self.types, self.job))
        numbers = encode(random_numbers(tensor, index, step, size), first)
        # A copy is written now: what is only reserved would be paid for by the first step.
        return numbers if first == own else encode(decode(numbers, first), own)

    def _layer(self, index: int) -> Layer:
        tensor = self.job.tensors[index]
        group = self.job.group(tensor)
        inputs = {
            given.name: encode(random_numbers(tensor, index, 1, GRADIENT_SIZE), given.type) for given in group.inputs
        }
        return Layer(tensor.name, self.weights[index], self.gradients[index], group.name, inputs=inputs)

    def new_gradients(self, step: int) -> None:
        for index, gradient in enumerate(self.gradients):
            gradient[...] = self._numbers(index, step, GRADIENT_SIZE, "gradient")

    def step(self, **options: Any) -> None:
        self.t += 1
        self.optimizer.step(self.t, **options)

    def weight(self, index: int) -> Array:
        """As numbers."""
        return decode(self.weights[index], self.job.group(self.job.tensors[index]).weight)

    def logical_layers(self) -> Iterator[tuple[str, tuple[int, int], int]]:
        """Group, rows and columns, and how many."""
        for tensor in self.job.tensors:
            yield self.job.groups[tensor.kind], tensor.matrix, tensor.batch

    def close(self) -> None:
        self.optimizer.close()


def norm(values: Array) -> float:
    return math.sqrt(float(np.vdot(values, values)))
