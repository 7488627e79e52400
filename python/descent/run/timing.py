"""Seconds of a step, and of each of its stages."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

import numpy as np

from ..manifest import Stage
from .limits import Limits
from .rounds import time_once
from .workload import Workload

# When the number of steps is not given.
SECONDS, FEWEST, MOST = 3.0, 5, 50


@dataclass(frozen=True)
class StageTime:
    """One stage over all layers. `seconds`: of the workers, divided by how many they are."""

    stage: Stage
    layers: int
    seconds: float
    bytes: float
    flops: float

    def share(self, limits: Limits | None) -> float | None:
        """Of what the machine can do: the time that its limits allow, over the time that was taken."""
        if limits is None or self.seconds <= 0 or not (self.bytes or self.flops):
            return None
        return limits.seconds(self.bytes, self.flops, self.stage.factors) / self.seconds


@dataclass(frozen=True)
class Timing:
    threads: int
    steps: int
    seconds: float  # the median
    least: float
    most: float
    stages: tuple[StageTime, ...]
    limits: Limits | None

    @property
    def remainder(self) -> float:
        """What no stage accounts for: cuts, the schedule, waiting."""
        return self.seconds - sum(stage.seconds for stage in self.stages)


def time_steps(work: Workload, threads: int, steps: int | None, limits: Limits | None) -> Timing:
    """Two steps go before: the first touches all memory."""
    work.step()
    once = time_once(work.step)
    count = steps or max(FEWEST, min(MOST, math.ceil(SECONDS / once)))
    profile = work.optimizer.profile()
    walls, stages = [], []
    for _ in range(count):
        profile.clear()
        walls.append(time_once(lambda: work.step(profile=profile)))
        stages.append(profile.seconds.sum(axis=0))
    median = np.median(stages, axis=0) / threads
    return Timing(
        threads,
        count,
        statistics.median(walls),
        min(walls),
        max(walls),
        tuple(_stage_time(stage, float(seconds), work) for stage, seconds in zip(profile.stages, median, strict=True)),
        limits,
    )


def _stage_time(stage: Stage, seconds: float, work: Workload) -> StageTime:
    layers, moved, computed = 0, 0.0, 0.0
    for group, (rows, cols), count in work.logical_layers():
        if group == stage.track and stage.runs(rows, cols):
            layers += count
            moved += count * stage.bytes(rows, cols)
            computed += count * stage.flops(rows, cols)
    return StageTime(stage, layers, seconds, moved, computed)
