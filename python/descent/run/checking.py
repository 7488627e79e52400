"""An artifact against the same rule compiled with storage f64, on the same numbers.

The bounds follow from number formats. Let eps be that of the coarsest type in which a group computes or keeps an
update, U the sum of a tensor's updates in f64. Each step rounds an update a handful of times, and its weight once:

    |found - wanted|_F  <=  8 eps |U|_F + steps eps_w |w|_F          eps_w: of the weights' type

for f32 eight times more, as a quotient amplifies. No entry may be further off than ten times the root mean square that
this allows. Where a rule jumps, as a sign does at zero, an entry in 1 / (32 eps steps) may end on the other side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..artifact import Artifact
from ..layer import Layer
from ..manifest import Group
from .shapes import Tensor
from .workload import WEIGHT_SIZE, Job, Workload, bytes_of, check_memory, decode, encode, norm, random_numbers

# From 1 to the next number. Types that are not here have blocks with 8 bits a number.
EPS = {"f64": 2.0**-52, "f32": 2.0**-23, "f16": 2.0**-10, "bf16": 2.0**-7}
EPS_OF_BLOCKS = 2.0**-4
# Newton-Schulz amplifies a rounding by at most its slope at zero, below 2^9; in 16 bits, where that would be more than
# everything, an eighth part of it is what Gaussian matrices show.
EPS_OF_PRODUCTS = {"f64": 2.0**-43, "f32": 2.0**-14, "f16": 2.0**-7, "bf16": 2.0**-7}

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Finding:
    """Of one tensor: its worst entry, and the larger share of a bound that was used up."""

    tensor: str
    entry: tuple[int, ...]
    found: float
    wanted: float
    bound: float
    share: float
    flips: int  # entries on the other side of a jump

    @property
    def good(self) -> bool:
        return self.share <= 1.0  # not so for NaN


def check(job: Job, reference: Job, threads: int, steps: int) -> list[Finding]:
    """A finding for each tensor, the worst first."""
    # The weights that were found stay while the reference runs.
    check_memory(4 * job.elements + bytes_of(reference), "the check in f64")
    found = _run(job, job, threads, steps)
    wanted = _run(reference, job, threads, steps)
    findings = []
    jumps = {group.name: _jumps(reference.artifact, group) for group in reference.artifact.groups}
    for index, tensor in enumerate(job.tensors):
        group = job.group(tensor)
        first = decode(encode(random_numbers(tensor, index, 0, WEIGHT_SIZE), group.weight), group.weight)
        judged = Judge(group, steps, jumps[group.name])
        findings.append(judged.judge(tensor, first.astype(np.float64), found[index], wanted[index]))
    return sorted(findings, key=lambda finding: -finding.share if finding.share == finding.share else -math.inf)


def _run(job: Job, rounded_to: Job, threads: int, steps: int) -> list[npt.NDArray[Any]]:
    work = Workload(job, threads, rounded_to)
    for t in range(1, steps + 1):
        if t > 1:
            work.new_gradients(t)
        work.step()
    work.close()
    return [np.array(work.weight(index)) for index in range(len(job.tensors))]


def _jumps(artifact: Artifact, group: Group) -> bool:
    """Whether an update depends on the sign of a gradient as small as no rounding can tell from zero."""
    rows = 1 if artifact.manifest["groups"][group.index]["class"] == "vector" else 16
    weights = [np.zeros((rows, 24)) for _ in range(2)]
    for sign, weight in zip((1.0, -1.0), weights, strict=True):
        gradient = np.random.default_rng(0).standard_normal(weight.shape)
        gradient[0, :8] = sign * 1e-30
        inputs = {given.name: np.zeros_like(weight) for given in group.inputs}
        layer = Layer("probe", weight, gradient, group.name, inputs=inputs)
        with artifact.optimizer([layer]) as optimizer:
            optimizer.step(1)
    return bool(np.abs(weights[0] - weights[1]).max() > 1e-6 * np.abs(weights[0]).max())


class Judge:
    """The bounds of one group."""

    def __init__(self, group: Group, steps: int, jumps: bool) -> None:
        # A remainder of 16 bits, of type i16, makes a weight more accurate.
        types = {state.type for state in group.states if state.scope != "layer"} - {"i16", "i64"}
        kept = [EPS.get(name, EPS_OF_BLOCKS) for name in (*types, "f64" if group.weight == "f64" else "f32")]
        products = [EPS_OF_PRODUCTS[stage.factors] for stage in group.stages if stage.factors]
        self.eps = max(kept + products)
        self.relative = (8.0 if self.eps > EPS["f32"] else 64.0) * self.eps
        self.of_weight = steps * EPS[group.weight]
        self.steps, self.jumps = steps, jumps

    def judge(self, tensor: Tensor, first: Numbers, found: npt.NDArray[Any], wanted: Numbers) -> Finding:
        update = wanted - first
        largest = float(np.abs(update).max())
        bound = 10.0 * self.relative * norm(update) / math.sqrt(update.size)
        bound += 16.0 * self.eps * self.steps * largest + self.of_weight * float(np.abs(wanted).max())
        error = np.abs(found - wanted)
        far = ~(error <= bound)
        flips = int(np.count_nonzero(far & (error <= bound + 2.0 * largest))) if self.jumps else 0
        if 0 < flips <= 2 + 32.0 * self.eps * self.steps * update.size:
            error = np.where(far & (error <= bound + 2.0 * largest), 0.0, error)
        entry = np.unravel_index(int(np.argmax(np.where(np.isnan(error), np.inf, error))), error.shape)
        whole = self.relative * norm(update) + self.of_weight * norm(wanted)
        shares = (_over(float(error[entry]), bound), _over(norm(error), whole))
        return Finding(
            tensor.name,
            tuple(int(index) for index in entry),
            float(found[entry]),
            float(wanted[entry]),
            bound,
            math.nan if any(map(math.isnan, shares)) else max(shares),
            flips,
        )


def _over(error: float, bound: float) -> float:
    return error / bound if bound > 0 else (0.0 if error == 0 else math.inf)


def verdict(findings: Sequence[Finding]) -> bool:
    return all(finding.good for finding in findings)
