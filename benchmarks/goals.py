"""What is wanted of the figures that the benchmarks leave in build/benchmarks, as rows of one table."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pairs

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
SMALL_STATES, SMALL_STATES_WANTED = "param = bf16, states = q8", 1.7


def adamw_rows(document: list[dict[str, Any]]) -> Iterator[pairs.Row]:
    for found in document:
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


def product_rows(document: list[dict[str, Any]]) -> Iterator[pairs.Row]:
    for kind, (work, beside, median, worst) in PRODUCTS.items():
        for threads in sorted({found["threads"] for found in document}):
            ratios = _ratios_to_the_best(document, kind, threads)
            if not ratios:
                continue
            middle, least, most = statistics.median(ratios), min(ratios), max(ratios)
            name = f"{work}, {len(ratios)} shapes"
            yield pairs.Row(f"{name}: median", beside, threads, None, None, middle, least, most, median)
            if worst is not None:
                yield pairs.Row(f"{name}: worst", beside, threads, None, None, least, least, most, worst)


def _ratios_to_the_best(document: list[dict[str, Any]], kind: str, threads: int) -> list[float]:
    """For each shape, beside the fastest other."""
    best: dict[tuple[int, ...], float] = {}
    for found in document:
        if (found["work"], found["threads"]) == (kind, threads):
            shape = tuple(found["shape"])
            best[shape] = min(found["ratio"], best.get(shape, found["ratio"]))
    return list(best.values())


def storage_rows(document: dict[str, Any]) -> Iterator[pairs.Row]:
    for found in document["rows"]:
        if found["policy"] == SMALL_STATES:
            ratio = found["times_f32"]
            own = found["elements"] / found["elements_per_second"]
            yield pairs.Row(
                "AdamW, bf16 parameters, 8-bit states",
                "our AdamW in f32",
                found["threads"],
                own,
                own * ratio,
                ratio,
                ratio,
                ratio,
                SMALL_STATES_WANTED,
            )


def pair_rows(document: dict[str, Any]) -> Iterator[pairs.Row]:
    return (pairs.Row(**row) for row in document["rows"])


READERS: dict[str, Callable[[Any], Iterator[pairs.Row]]] = {
    "adamw": adamw_rows,
    "storage": storage_rows,
    "products": product_rows,
    "newton_schulz": pair_rows,
    "models": pair_rows,
    "compile_time": pair_rows,
}


def read_rows(folder: Path) -> list[pairs.Row]:
    """Of the benchmarks that have run, in this order."""
    rows: list[pairs.Row] = []
    for name, read in READERS.items():
        file = folder / f"{name}.json"
        if file.exists():
            rows += read(json.loads(file.read_text()))
    return rows
