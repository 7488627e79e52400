"""What sections find, as lines of JSON that are written at once: what was found stays when a section ends early."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

GOOD, WRONG, LEFT_OUT = "good", "wrong", "left out"


@dataclass(frozen=True)
class Record:
    """`kind`: check, time, count or target; `value` is in `unit`, `verdict` of checks and targets."""

    kind: str
    section: str
    name: str
    value: float | None = None
    unit: str = ""
    verdict: str = ""
    detail: str = ""


class Notebook:
    """Of one section. `budget`: seconds that it has. `judges`: its timings are a GPU's, and goals are for them."""

    def __init__(self, path: Path, section: str, budget: float, judges: bool = True) -> None:
        self._path, self.section, self._judges = path, section, judges
        self._end = time.monotonic() + budget
        path.write_text("")

    @property
    def left(self) -> float:
        return self._end - time.monotonic()

    def write(
        self, kind: str, name: str, value: float | None = None, unit: str = "", verdict: str = "", detail: str = ""
    ) -> None:
        record = Record(kind, self.section, name, value, unit, verdict, detail)
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(record)) + "\n")
        number = "" if value is None else f" {value:.6g} {unit}"
        print(
            f"  {self.section}: {name}{number} {verdict} {detail.splitlines()[0] if detail else ''}".rstrip(),
            flush=True,
        )

    def check(self, name: str, test: Callable[[], Any]) -> bool:
        """Whatever goes wrong is written down, and does not stop the rest."""
        if self.left <= 0:
            self.write("check", name, verdict=LEFT_OUT, detail="no time is left")
            return False
        begin = time.monotonic()
        try:
            detail = test()
        except Exception as error:  # an assertion, a fault of the device, a mistake in the check
            self.write("check", name, time.monotonic() - begin, "s", WRONG, f"{type(error).__name__}: {error}"[:2000])
            return False
        self.write("check", name, time.monotonic() - begin, "s", GOOD, str(detail or ""))
        return True

    def time(self, name: str, seconds: float, detail: str = "") -> None:
        self.write("time", name, seconds, "s", detail=detail)

    def count(self, name: str, value: float, unit: str = "", detail: str = "") -> None:
        self.write("count", name, value, unit, detail=detail)

    def target(self, name: str, value: float, wanted: float, unit: str, most: bool = False) -> None:
        """`most`: the value should be no more than what is wanted; else no less."""
        met = value <= wanted if most else value >= wanted
        verdict = ("met" if met else "missed") if self._judges else "not judged"
        self.write(
            "target", name, value, unit, verdict, f"{'at most' if most else 'at least'} {wanted:g} {unit}".rstrip()
        )


def read(path: Path) -> Iterator[Record]:
    """A line that was cut short is left out."""
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            yield Record(**json.loads(line))
        except (ValueError, TypeError):
            continue
