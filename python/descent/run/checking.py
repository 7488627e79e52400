"""An artifact against the same rule compiled with storage f64: each step from the same numbers.

Before a step the reference takes over what the artifact's memory holds: gradients, weights, and states. What then
differs is due to this one step, which computes in f32 (products perhaps in 16 bits) and rounds each result once as it
stores it. Let eps be that of computing, S what a step computes of a tensor (the change of a weight, the numbers of a
state), and `spacing` the distance of neighbours in the type that stores it:

    |found - wanted|_F  <=  8 eps |S|_F + |spacing|_F

for f32 eight times more, as a quotient amplifies. No entry may be further off than ten times the root mean square that
this allows. Where a rule jumps, as a sign does at zero, the reference makes two more steps, with gradients that are
larger and smaller by as much as rounding may be: an entry may be off by as far as those are apart, and no further.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..artifact import Artifact
from ..layer import Layer
from ..manifest import Group
from .shapes import Tensor
from .stored import (
    EPS,
    Numbers,
    has_master,
    read_master,
    read_state,
    read_weight,
    spacing,
    state_spacing,
    write_state,
)
from .workload import GRADIENT_SIZE, Job, Workload, bytes_of, check_memory, norm

# Newton-Schulz amplifies a rounding by at most its slope at zero, below 2^9; in 16 bits, where that would be more than
# everything, an eighth part of it is what Gaussian matrices show.
EPS_OF_PRODUCTS = {"f64": 2.0**-43, "f32": 2.0**-14, "f16": 2.0**-7, "bf16": 2.0**-7}
# Of a tensor's entries, beyond a jump.
MOST_FLIPS = 1 / 32
# Arrays in f64 of the size of a tensor, while it is judged.
TEMPORARIES = 10

# What a tensor has after a step, by the state's name; None: the weight. 'master' is the weight in full.
Values = dict[str | None, Numbers]


@dataclass(frozen=True)
class Finding:
    """Of one tensor after one step: its worst entry, and the larger share of a bound that was used up."""

    tensor: str
    state: str | None  # None: the weight
    step: int  # 0: before the first
    entry: tuple[int, ...]
    found: float
    wanted: float
    bound: float
    share: float
    flips: int  # entries on the other side of a jump

    @property
    def good(self) -> bool:
        return self.share <= 1.0  # not so for NaN

    @property
    def rank(self) -> float:
        return -self.share if self.share == self.share else -math.inf


def check(job: Job, reference: Job, threads: int, steps: int) -> list[Finding]:
    """A finding for each tensor, the worst first."""
    checked = Check(job, reference, threads)
    worst = {finding.tensor: finding for finding in checked.judge(0, [])}
    for t in range(1, steps + 1):
        for finding in checked.step(t):
            worst[finding.tensor] = min(worst[finding.tensor], finding, key=lambda one: one.rank)
    checked.close()
    return sorted(worst.values(), key=lambda finding: finding.rank)


def verdict(findings: Sequence[Finding]) -> bool:
    return all(finding.good for finding in findings)


class Check:
    """An artifact's workload and the reference's."""

    def __init__(self, job: Job, reference: Job, threads: int) -> None:
        probes = {group.name: Probe(reference.artifact, group) for group in reference.artifact.groups}
        self.jumps = any(probe.jumps for probe in probes.values())
        largest = max(tensor.elements for tensor in job.tensors)
        copies = 4 if self.jumps else 2  # of the reference's weights and states: before the step, after it, and shifted
        check_memory(bytes_of(job) + copies * bytes_of(reference) + 8 * TEMPORARIES * largest, "the check in f64")
        self.found, self.wanted = Workload(job, threads), Workload(reference, threads, job)
        self.bounds = {group.name: Bounds(group, probes[group.name]) for group in job.artifact.groups}
        self.before = self._read_wanted()

    def step(self, t: int) -> Iterator[Finding]:
        if t > 1:
            for work in (self.found, self.wanted):
                work.new_gradients(t)
        self.before = self._read_found()
        self.found.step()
        shifted = [self._step_reference(t, way) for way in ((-1.0, 1.0) if self.jumps else ())]
        self._step_reference(t, 0.0)
        return self.judge(t, shifted)

    def _step_reference(self, t: int, way: float) -> list[Values]:
        """From what the artifact began with, with gradients that are shifted by as much as rounding may be."""
        for index, values in enumerate(self.before):
            self._write_wanted(index, values)
        shifts = [way * self._bounds(index).relative * GRADIENT_SIZE for index in range(len(self.before))]
        originals = [gradient.copy() for gradient in self.wanted.gradients] if way else []
        for gradient, shift in zip(self.wanted.gradients, shifts, strict=True):
            gradient += shift
        self.wanted.t = t - 1
        self.wanted.step()
        for gradient, original in zip(self.wanted.gradients, originals, strict=bool(way)):
            gradient[...] = original
        return self._read_wanted() if way else []

    def judge(self, t: int, shifted: Sequence[list[Values]]) -> Iterator[Finding]:
        """Of each tensor, its worst."""
        for index, tensor in enumerate(self.found.job.tensors):
            group, bounds = self.found.job.group(tensor), self._bounds(index)
            near = [values[index] for values in shifted if bounds.jumps]
            findings = []
            for name, wanted in self._wanted_values(index).items():
                found, apart = self._found_value(index, name, wanted)
                before = self.before[index][name]
                others = [values[name] for values in near]
                allowed = bounds.of(name, before, wanted, apart)
                findings.append(allowed.judge(tensor, name, t, found, wanted, others))
            if has_master(group):
                findings.append(self._judge_master(index, tensor, t, near))
            yield min(findings, key=lambda one: one.rank)

    def _judge_master(self, index: int, tensor: Tensor, t: int, near: Sequence[Values]) -> Finding:
        wanted = read_weight(self.wanted, index)
        before = self.before[index][None]
        allowed = self._bounds(index).of(None, before, wanted, spacing(_larger(before, wanted), "f32"))
        others = [values[None] for values in near]
        return allowed.judge(tensor, "master", t, read_master(self.found, index), wanted, others)

    def _found_value(self, index: int, name: str | None, wanted: Numbers) -> tuple[Numbers, Numbers]:
        """And its spacing. A weight is rounded as it is decayed, too."""
        group = self.found.job.group(self.found.job.tensors[index])
        if name is None:
            larger = _larger(self.before[index][None], wanted)
            return read_weight(self.found, index), spacing(larger, group.weight)
        state = next(state for state in group.states if state.name == name)
        return read_state(self.found, index, state), state_spacing(self.found, index, state, wanted)

    def _bounds(self, index: int) -> Bounds:
        return self.bounds[self.found.job.group(self.found.job.tensors[index]).name]

    def _wanted_values(self, index: int) -> Values:
        group = self.wanted.job.group(self.wanted.job.tensors[index])
        states: Values = {state.name: read_state(self.wanted, index, state) for state in group.states}
        return {None: read_weight(self.wanted, index), **states}

    def _read_wanted(self) -> list[Values]:
        indices = range(len(self.wanted.job.tensors))
        return [{name: values.copy() for name, values in self._wanted_values(index).items()} for index in indices]

    def _read_found(self) -> list[Values]:
        read: list[Values] = []
        for index, tensor in enumerate(self.found.job.tensors):
            own = {state.name for state in self.wanted.job.group(tensor).states}
            states = [state for state in self.found.job.group(tensor).states if state.name in own]
            values: Values = {state.name: read_state(self.found, index, state).copy() for state in states}
            read.append({None: read_master(self.found, index).copy(), **values})
        return read

    def _write_wanted(self, index: int, values: Values) -> None:
        for name, numbers in values.items():
            if name is None:
                self.wanted.weights[index][...] = numbers
            else:
                write_state(self.wanted, index, name, numbers)

    def close(self) -> None:
        self.found.close()
        self.wanted.close()


def _larger(one: Numbers, other: Numbers) -> Numbers:
    return np.maximum(np.abs(one), np.abs(other))


class Probe:
    """What a group's rule does, found out with a small layer in f64."""

    ROWS, COLS = 16, 24

    def __init__(self, artifact: Artifact, group: Group) -> None:
        self._artifact, self._group = artifact, group
        self._rows = 1 if artifact.manifest["groups"][group.index]["class"] == "vector" else self.ROWS
        self.jumps = self._jumps()
        self.local = self._local_states()

    def _run(self, gradient: Numbers) -> Values:
        weight = np.zeros_like(gradient)
        inputs = {given.name: np.zeros_like(weight) for given in self._group.inputs}
        layer = Layer("probe", weight, gradient, self._group.name, inputs=inputs)
        with self._artifact.optimizer([layer]) as optimizer:
            optimizer.step(1)
            values: Values = {None: weight}
            values.update(optimizer.states["probe"])
            return values

    def _gradient(self) -> Numbers:
        return np.random.default_rng(0).standard_normal((self._rows, self.COLS))

    def _jumps(self) -> bool:
        """Whether an update depends on the sign of a gradient as small as no rounding can tell from zero."""
        gradients = [self._gradient() for _ in range(2)]
        for sign, gradient in zip((1.0, -1.0), gradients, strict=True):
            gradient[0, :8] = sign * 1e-30
        one, other = (self._run(gradient)[None] for gradient in gradients)
        return bool(np.abs(one - other).max() > 1e-6 * np.abs(one).max())

    def _local_states(self) -> set[str | None]:
        """Those whose entries depend on the same entry of the gradient alone: no product has a part in them."""
        gradients = [self._gradient() for _ in range(2)]
        gradients[1][0, 0] += 1.0
        one, other = (self._run(gradient) for gradient in gradients)
        shape = gradients[0].shape
        return {name for name, values in one.items() if values.shape == shape and _same_but_first(values, other[name])}


def _same_but_first(one: Numbers, other: Numbers) -> bool:
    return bool((one.ravel()[1:] == other.ravel()[1:]).all())


class Bounds:
    """Of one group."""

    def __init__(self, group: Group, probe: Probe) -> None:
        types = {state.type for state in group.states if state.scope != "layer"}
        self.single = EPS["f64"] if group.weight == "f64" and types <= {"f64"} else EPS["f32"]
        products = [EPS_OF_PRODUCTS[stage.factors] for stage in group.stages if stage.factors]
        self.eps = max([self.single, *products])
        self.local, self.jumps = probe.local, probe.jumps

    @property
    def relative(self) -> float:
        return _relative(self.eps)

    def of(self, name: str | None, before: Numbers, wanted: Numbers, apart: Numbers) -> Bound:
        computed = wanted - before if name is None else _larger(before, wanted)
        return Bound(self.single if name in self.local else self.eps, computed, apart)


def _relative(eps: float) -> float:
    return (8.0 if eps > EPS["f32"] else 64.0) * eps


class Bound:
    """Of the entries of one tensor, and of all of them together."""

    def __init__(self, eps: float, computed: Numbers, apart: Numbers) -> None:
        size, largest = norm(computed), float(np.abs(computed).max())
        rounding = 10.0 * _relative(eps) * size / math.sqrt(computed.size) + 16.0 * eps * largest
        self.entries = np.asarray(apart + rounding)
        self.whole = _relative(eps) * size + norm(apart)

    def judge(
        self, tensor: Tensor, state: str | None, t: int, found: Numbers, wanted: Numbers, near: Sequence[Numbers]
    ) -> Finding:
        error = np.asarray(np.abs(found - wanted))
        allowed = self.entries
        for other in near:
            allowed = np.maximum(allowed, self.entries + np.abs(other - wanted))
        flipped = (error > self.entries) & (error <= allowed)
        flips = int(np.count_nonzero(flipped))
        if 0 < flips <= 2 + MOST_FLIPS * error.size:
            error = np.where(flipped, 0.0, error)
        entry = np.unravel_index(int(np.argmax(np.where(np.isnan(error), np.inf, error))), error.shape)
        bound = float(self.entries[entry])
        shares = (_over(float(error[entry]), bound), _over(norm(error), self.whole))
        share = math.nan if any(map(math.isnan, shares)) else max(shares)
        place = tuple(int(index) for index in entry)
        return Finding(tensor.name, state, t, place, float(found[entry]), float(wanted[entry]), bound, share, flips)


def _over(error: float, bound: float) -> float:
    return error / bound if bound > 0 else (0.0 if error == 0 else math.inf)
