"""What is checked and timed, in its order; every section in a process of its own, which may fail or hang."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .build import Folder
from .context import Context
from .devices import make_device
from .records import Notebook


@dataclass(frozen=True)
class Section:
    """`seconds`: the most that it may take."""

    name: str
    title: str
    seconds: float
    run: Callable[[Context], None]
    is_timing: bool = False


def _oracles(recipe: str, **options: str) -> Callable[[Context], None]:
    def run(context: Context) -> None:
        from . import correctness

        correctness.oracles(context, recipe, **options)

    return run


def _library(context: Context) -> None:
    from . import correctness, timings

    if not context.device.is_real or timings.has_library(context):
        correctness.oracles(context, "products", products="library")


def _policies(recipe: str) -> Callable[[Context], None]:
    def run(context: Context) -> None:
        from . import correctness

        correctness.policies(context, recipe)

    return run


def _bits(context: Context) -> None:
    from . import correctness

    correctness.bits(context)
    correctness.repeated(context)


def _refusals(context: Context) -> None:
    from . import correctness

    correctness.refusals(context)


def _graphs(context: Context) -> None:
    from . import graphs

    graphs.graphs(context)


def _timing(name: str) -> Callable[[Context], None]:
    def run(context: Context) -> None:
        from . import timings

        getattr(timings, name)(context)

    return run


def _adamw(context: Context) -> None:
    from . import timings

    timings.bandwidth(context)
    for name in timings.ADAMW_BYTES:
        if context.folder.has(name):
            context.notes.check(name, lambda: timings.adamw_large(context, name))


def _products(name: str) -> Callable[[Context], None]:
    def run(context: Context) -> None:
        from . import products

        getattr(products, name)(context)

    return run


def _muon(context: Context) -> None:
    from . import timings

    if context.folder.has("muon"):
        context.notes.check("GPT-2 124M", lambda: timings.muon(context))


SECTIONS = (
    Section("sweeps", "rules without products, beside the oracles", 60, _oracles("sweeps")),
    Section(
        "products", "rules with products by own kernels, beside the oracles", 60, _oracles("products", products="own")
    ),
    Section("library", "rules with products by the library, beside the oracles", 40, _library),
    Section("refusals", "what a device cannot reach", 20, _refusals),
    Section("graphs", "steps that a graph replays, beside steps", 30, _graphs),
    Section("policies-sweeps", "storage policies of rules without products", 60, _policies("sweeps")),
    Section("policies-products", "storage policies of rules with products", 60, _policies("products")),
    Section("bits", "the device's bits beside the simulator's, and the same steps again", 60, _bits),
    Section("adamw", "copies, and AdamW of a billion elements", 100, _adamw, True),
    Section("times-of-products", "X X^T, own kernels and the library", 60, _products("products"), True),
    Section("newton-schulz", "Newton-Schulz", 90, _products("newton_schulz_steps"), True),
    Section("host", "what a step takes of the host", 30, _timing("host_time"), True),
    Section("lists", "AdamW of many tensors", 40, _timing("adamw_lists"), True),
    Section("muon", "Muon", 90, _muon, True),
)


def run_one(section: Section, options: argparse.Namespace, out: Path, seconds: float) -> None:
    """In this process."""
    device = make_device(options.device)
    notes = Notebook(out / f"{section.name}.jsonl", section.name, seconds, device.is_real)
    section.run(Context(device, Folder(Path(options.folder)), notes))
    for name, value in device.describe().items():
        if "clock" in name or name == "temperature":
            notes.write("note", f"{name}, afterwards", detail=value)
