"""Lets a step run its tasks on threads of the caller's."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import abi
from .errors import invalid_argument

Body = Callable[[int, int], None]


@dataclass(frozen=True)
class Parallel:
    """`run(tasks, body)` calls `body(task, worker)` once for every task in range(tasks), and returns when all are done.

    `worker` is in range(workers), and no two tasks that run at the same time share it. The body releases Python's lock.
    """

    workers: int
    run: Callable[[int, Body], None]


class Bridge:
    """Carries a `Parallel` into C. A step must be run to its end once it has begun: whatever `run` leaves undone, or
    breaks by an exception, is finished on the calling thread, and reported after the step."""

    def __init__(self, parallel: Parallel) -> None:
        self._parallel = parallel
        self.failure: BaseException | None = None
        # Kept here: C holds only its address.
        self._run = abi.ParallelRun(self._run_tasks)
        self.struct = abi.sized(abi.ParallelStruct())
        self.struct.workers, self.struct.run = parallel.workers, self._run

    def _run_tasks(self, _context: Any, tasks: int, body: Any, argument: Any) -> None:
        batch = _Tasks(tasks, self._parallel.workers, lambda task, worker: body(argument, task, worker))
        try:
            self._parallel.run(tasks, batch.run)
        except BaseException as error:  # noqa: BLE001 - raised again once the step is complete
            self.failure = self.failure or error
        missed = batch.finish()
        if missed and self.failure is None:
            self.failure = invalid_argument(f"'run' of 'parallel' returned before {missed} of {tasks} tasks were done")

    def pointer(self) -> Any:
        return ctypes.pointer(self.struct)


class _Tasks:
    """Hands each task out at most once, and each worker to at most one task at a time."""

    def __init__(self, tasks: int, workers: int, body: Body) -> None:
        self._body = body
        self._waiting = set(range(tasks))
        self._idle = set(range(workers))
        self._workers = workers
        self._changed = threading.Condition()
        self._closed = False

    def run(self, task: int, worker: int) -> None:
        with self._changed:
            if self._closed:
                raise invalid_argument("a task was run after 'run' of 'parallel' had returned")
            if task not in self._waiting:
                raise invalid_argument(f"task {task!r} does not exist, or was run before")
            if worker not in self._idle:
                raise invalid_argument(f"worker {worker!r} does not exist, or runs another task")
            self._waiting.remove(task)
            self._idle.remove(worker)
        try:
            self._body(task, worker)
        finally:
            with self._changed:
                self._idle.add(worker)
                self._changed.notify_all()

    def finish(self) -> int:
        """Waits for tasks that still run, then runs those that nobody ran. Returns how many these were."""
        with self._changed:
            self._closed = True
            running_when_closed = len(self._idle) < self._workers
            self._changed.wait_for(lambda: len(self._idle) == self._workers)
            missed = sorted(self._waiting)
        for task in missed:
            self._body(task, 0)
        return len(missed) + running_when_closed
