"""Times implementations in turns, in one process, and leaves out turns that other programs disturbed.

In a turn each has a round. The number of a round is the median of its steps; the first step of a round is not counted
where steps are short. A pause before each round lets the threads of the others fall asleep. Results are medians over
the turns, and the median of the turns' ratios: what disturbs all alike cancels.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from .machine import busy_seconds

Step = Callable[[], object]
PAUSE = 0.02
# Long enough for the system's clock of busy time, which ticks a hundred times a second.
ROUND_SECONDS = 0.2
# Of the machine, by other programs.
DISTURBED = 0.05
# Turns: at least so many of those that take up to so many seconds; of longer ones, one.
FEWEST_UP_TO = ((8.0, 3), (40.0, 2))
MOST = 15


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


@dataclass(frozen=True)
class Turn:
    """Seconds of a step of each, and the largest share of the machine that other programs took."""

    seconds: tuple[float, ...]
    disturbance: float


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


def steps_a_round(seconds: float, round_seconds: float) -> int:
    """More than one step, and then one that is not counted; but only one where a step is long enough."""
    count = math.ceil(round_seconds / max(seconds, 1e-7))
    return 1 if count == 1 else count + 2


def compare(own: Step, other: Step, budget: float = 10.0, rounds: int | None = None) -> Comparison:
    (found,) = compare_all([own, other], budget, rounds)
    return found


def compare_all(
    steps: Sequence[Step], budget: float = 10.0, rounds: int | None = None, round_seconds: float = ROUND_SECONDS
) -> list[Comparison]:
    """The first with each other one. All have run before, so that nothing is made or compiled now. `budget`: seconds,
    of undisturbed turns, unless it is said how many."""
    begin = time.perf_counter()
    done = [_turn(steps, [1] * len(steps), 0)]
    counts = [steps_a_round(seconds, round_seconds) for seconds in done[0].seconds]
    if max(counts) > 1:
        begin = time.perf_counter()
        done = [_turn(steps, counts, 0)]
    turn = time.perf_counter() - begin
    fewest = next((count for seconds, count in FEWEST_UP_TO if turn <= seconds), 1)
    wanted = rounds or max(fewest, min(MOST, int(budget / turn)))
    while _lacks_quiet(done, wanted) and (len(done) < wanted or time.perf_counter() - begin < 3 * budget + 10):
        done.append(_turn(steps, counts, len(done)))
    quiet = [one for one in done if one.disturbance < DISTURBED]
    kept = quiet if len(quiet) >= min(fewest, wanted) else done
    return [_comparison(kept, place, len(done)) for place in range(1, len(steps))]


def _lacks_quiet(done: Sequence[Turn], wanted: int) -> bool:
    return sum(one.disturbance < DISTURBED for one in done) < wanted and len(done) < 3 * wanted


def _comparison(kept: Sequence[Turn], place: int, all_turns: int) -> Comparison:
    ratios = [one.seconds[place] / one.seconds[0] for one in kept]
    return Comparison(
        own=statistics.median(one.seconds[0] for one in kept),
        other=statistics.median(one.seconds[place] for one in kept),
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        kept=len(kept),
        all=all_turns,
    )


def _turn(steps: Sequence[Step], counts: Sequence[int], number: int) -> Turn:
    """Every other turn is in reverse order."""
    order = range(len(steps)) if number % 2 == 0 else reversed(range(len(steps)))
    taken = {which: time_round(steps[which], counts[which]) for which in order}
    return Turn(tuple(taken[which][0] for which in range(len(steps))), max(share for _, share in taken.values()))
