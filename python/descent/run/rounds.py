"""Times two implementations in turns, in one process, and leaves out rounds that other programs disturbed.

The number of a round is the median of its steps; the first step of a round is not counted where steps are short. A
pause before each round lets the threads of the other implementation fall asleep. Results are medians over the rounds,
and the median of the rounds' ratios: what disturbs both alike cancels.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from .machine import busy_seconds

Step = Callable[[], object]
PAUSE = 0.02
# Long enough for the system's clock of busy time, which ticks a hundred times a second.
ROUND_SECONDS = 0.2
# Of the machine, by other programs.
DISTURBED = 0.05
FEWEST, MOST = 3, 15


@dataclass(frozen=True)
class Comparison:
    """Seconds a step of both, and the first's speed over the second's: above 1, the first is faster."""

    own: float
    other: float
    ratio: float
    lowest: float
    highest: float
    kept: int
    all: int

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def time_once(step: Step) -> float:
    begin = time.perf_counter()
    step()
    return time.perf_counter() - begin


def time_round(step: Step, count: int) -> tuple[float, float]:
    """The median of the steps, and the share of the machine that other programs took meanwhile."""
    time.sleep(PAUSE)
    start, busy, own = time.perf_counter(), busy_seconds(), time.process_time()
    taken = [time_once(step) for _ in range(count)]
    others = (busy_seconds() - busy) - (time.process_time() - own)
    share = others / (time.perf_counter() - start) / (os.cpu_count() or 1)
    return statistics.median(taken[1:] if count > 2 else taken), share


def steps_a_round(seconds: float) -> int:
    """More than one step, and then one that is not counted; but only one where a step is long enough."""
    count = math.ceil(ROUND_SECONDS / max(seconds, 1e-7))
    return 1 if count == 1 else count + 2


def compare(own: Step, other: Step, budget: float = 10.0, rounds: int | None = None) -> Comparison:
    """Both have run before, so that nothing is made or compiled now. `budget`: seconds, of undisturbed rounds, unless
    it is said how many."""
    counts = [steps_a_round(time_once(step)) for step in (own, other)]
    begin = time.perf_counter()
    done = [_turn((own, other), counts, 0)]
    wanted = rounds or max(FEWEST, min(MOST, int(budget / (time.perf_counter() - begin))))
    quiet = [one for one in done if one[2] < DISTURBED]
    while len(quiet) < wanted and len(done) < 3 * wanted and time.perf_counter() - begin < 3 * budget + 60:
        done.append(_turn((own, other), counts, len(done)))
        quiet = [one for one in done if one[2] < DISTURBED]
    kept = quiet if len(quiet) >= min(FEWEST, wanted) else done
    ratios = [second / first for first, second, _ in kept]
    return Comparison(
        own=statistics.median(first for first, _, _ in kept),
        other=statistics.median(second for _, second, _ in kept),
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        kept=len(kept),
        all=len(done),
    )


def _turn(steps: tuple[Step, Step], counts: list[int], number: int) -> tuple[float, float, float]:
    """Seconds of the first and of the second, who begins in every other round; and the larger disturbance."""
    order = (0, 1) if number % 2 == 0 else (1, 0)
    taken = {which: time_round(steps[which], counts[which]) for which in order}
    return taken[0][0], taken[1][0], max(taken[0][1], taken[1][1])
