"""What is wanted of the benchmarks, and what the figures that they leave in build/benchmarks say to it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import compile_time
import models
import newton_schulz
import pairs

THREADS = (1, 2)

# Table and competitor of benchmarks/adamw.py; what the page calls them; the wanted ratio.
ADAMW = {
    ("256 MB a stream", "loop"): ("a loop by hand with the same streams", 0.97),
    ("GPT-2 124M", "torch"): ("torch.optim.AdamW(fused=True)", 1.0),
    ("GPT-2 124M", "foreach"): ("torch.optim.AdamW(foreach=True)", 3.0),
    ("GPT-2 124M", "compiled"): ("torch.compile of it", 1.2),
    ("1,000 of 4 KB", "torch"): ("torch.optim.AdamW(fused=True)", 5.0),
    ("1,000 of 4 KB", "foreach"): ("torch.optim.AdamW(foreach=True)", 20.0),
}
# Kind of benchmarks/products.py; what it is beside; the wanted median, and the wanted least ratio.
PRODUCTS: dict[str, tuple[str, str, float, float | None]] = {
    "gemm_f32": ("A B, f32", "the faster of OpenBLAS and PyTorch", 1.0, 0.9),
    "square_f32": ("A A^T with its mirror, f32", "OpenBLAS ssyrk without mirror", 1.0, None),
    "square_bf16": ("A A^T with its mirror, bf16", "oneDNN's full product", 1.8, None),
    "gemm_bf16": ("A B, bf16", "oneDNN", 1.0, None),
}
SMALL_STATES_WORK = "AdamW, bf16 parameters, 8-bit states"
SMALL_STATES, SMALL_STATES_WANTED = "param = bf16, states = q8", 1.7


def adamw_goals() -> Iterator[pairs.Goal]:
    for (table, _), (beside, target) in ADAMW.items():
        for threads in THREADS:
            yield pairs.Goal(f"AdamW f32, {table}", beside, threads, target)


def adamw_rows(document: dict[str, Any]) -> Iterator[pairs.Row]:
    for found in document["rows"]:
        goal = ADAMW.get((found["table"], found["against"]))
        if goal:
            yield pairs.Row(
                f"AdamW f32, {found['table']}",
                goal[0],
                found["threads"],
                found["own"],
                found["other"],
                found["ratio"],
                found["lowest"],
                found["highest"],
                goal[1],
            )


def product_goals() -> Iterator[pairs.Goal]:
    for work, beside, median, worst in PRODUCTS.values():
        for threads in THREADS:
            yield pairs.Goal(f"{work}: median", beside, threads, median)
            if worst is not None:
                yield pairs.Goal(f"{work}: worst", beside, threads, worst)


def product_rows(document: dict[str, Any]) -> Iterator[pairs.Row]:
    for kind, (work, beside, median, worst) in PRODUCTS.items():
        for threads in THREADS:
            ratios = _ratios_to_the_best(document["rows"], kind, threads)
            if not ratios:
                continue
            middle, least, most = statistics.median(ratios), min(ratios), max(ratios)
            shapes = f"of {len(ratios)} shapes"
            yield pairs.Row(f"{work}: median {shapes}", beside, threads, None, None, middle, least, most, median)
            if worst is not None:
                yield pairs.Row(f"{work}: worst {shapes}", beside, threads, None, None, least, least, most, worst)


def _ratios_to_the_best(document: list[dict[str, Any]], kind: str, threads: int) -> list[float]:
    """For each shape, beside the fastest other."""
    best: dict[tuple[int, ...], float] = {}
    for found in document:
        if (found["work"], found["threads"]) == (kind, threads):
            shape = tuple(found["shape"])
            best[shape] = min(found["ratio"], best.get(shape, found["ratio"]))
    return list(best.values())


def storage_goals() -> Iterator[pairs.Goal]:
    return (pairs.Goal(SMALL_STATES_WORK, "our AdamW in f32", threads, SMALL_STATES_WANTED) for threads in THREADS)


def storage_rows(document: dict[str, Any]) -> Iterator[pairs.Row]:
    for found in document["rows"]:
        if found["policy"] == SMALL_STATES:
            yield pairs.Row(
                SMALL_STATES_WORK,
                "our AdamW in f32",
                found["threads"],
                found["own"],
                found["f32"],
                found["times_f32"],
                found["lowest"],
                found["highest"],
                SMALL_STATES_WANTED,
            )


def pair_rows(document: dict[str, Any]) -> Iterator[pairs.Row]:
    return (pairs.Row(**row) for row in document["rows"])


def contest_goals(contests: list[pairs.Contest]) -> Iterator[pairs.Goal]:
    return (goal for contest in contests for goal in contest.goals())


@dataclass(frozen=True)
class Source:
    """A benchmark: what is wanted of it, and how its file is read."""

    name: str
    goals: Callable[[], Iterable[pairs.Goal]]
    read: Callable[[Any], Iterator[pairs.Row]]


SOURCES = (
    Source("adamw", adamw_goals, adamw_rows),
    Source("storage", storage_goals, storage_rows),
    Source("products", product_goals, product_rows),
    Source("newton_schulz", lambda: contest_goals(newton_schulz.contests()), pair_rows),
    Source("models", lambda: contest_goals(models.contests()), pair_rows),
    Source("compile_time", compile_time.goals, pair_rows),
)


def read_lines(folder: Path) -> list[tuple[pairs.Goal, pairs.Row | None]]:
    """Every goal, with what was measured for it."""
    lines: list[tuple[pairs.Goal, pairs.Row | None]] = []
    for source in SOURCES:
        file = folder / f"{source.name}.json"
        rows = list(source.read(json.loads(file.read_text()))) if file.exists() else []
        lines += [(goal, next((row for row in rows if _is_for(row, goal)), None)) for goal in source.goals()]
    return lines


def _is_for(row: pairs.Row, goal: pairs.Goal) -> bool:
    return row.work.startswith(goal.work) and (row.beside, row.threads) == (goal.beside, goal.threads)
