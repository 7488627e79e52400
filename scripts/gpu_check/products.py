"""Matrix products: X X^T and Newton-Schulz at the sizes of the goals, who is faster at which size."""

from __future__ import annotations

import statistics
from typing import Any

import descent
import torch
from descent.run.torch_rules import newton_schulz

from .context import Context
from .devices import Step, freed, medians
from .timings import compiled, our_step, products_of, random, suffix

# Microseconds of X X^T that are to be beaten.
GOALS = {(4096, 4096): 183.5, (8192, 8192): 1859.0, (4096, 8192): 352.0}
SIZES = (256, 512, 768, 1024, 2048, 3072, 4096, 8192)
NEWTON_SCHULZ_SECONDS = 2.9e-3
# Of an iteration, in its order.
GRAM, SQUARE, WIDE = PRODUCTS = ("X X^T", "b A + c A A^T", "a X + B X")
ITERATIONS = 5
# Names of the optimizer's kernels that are no product.
OTHERS = ("_sweep", "_numbers", "_fold", "_combine", "descent_", "Memcpy", "Memset")


def sizes(context: Context) -> list[tuple[int, int]]:
    if not context.device.is_large:
        return [(32, 32), (32, 64)]
    return sorted({*((n, n) for n in SIZES), *GOALS})


def matmul(context: Context, shape: tuple[int, int]) -> dict[str, Step]:
    """cuBLAS, through PyTorch: the whole product, as there is no symmetric one."""
    x = random(context, shape, torch.bfloat16)
    square = random(context, (shape[0], shape[0]), torch.bfloat16)
    gram = torch.empty(shape[0], shape[0], dtype=torch.bfloat16, device=context.device.place)
    wide = torch.empty_like(x)
    return {
        GRAM: lambda: torch.matmul(x, x.mT, out=gram),
        SQUARE: lambda: torch.matmul(square, square.mT, out=gram),
        WIDE: lambda: torch.matmul(square, x, out=wide),
    }


def products(context: Context) -> None:
    """The products of a Newton-Schulz step as the profiler tells them apart, beside torch.matmul."""
    won: dict[str, dict[str, list[int]]] = {name: {} for name in PRODUCTS}
    for shape in sizes(context):
        context.notes.check(f"{shape[0]} x {shape[1]}", lambda: one_size(context, shape, won))
    for name, sides in won.items():
        for who, squares in sides.items():
            context.notes.count(
                f"{name}: {who} products are faster", len(squares), "sizes", ", ".join(map(str, squares))
            )


def one_size(context: Context, shape: tuple[int, int], won: dict[str, dict[str, list[int]]]) -> str:
    title = f"{shape[0]} x {shape[1]}"
    found: dict[str, dict[str, float]] = {}
    with freed(context.device):
        theirs = medians(context.device, matmul(context, shape), 0.6)
        for name, times in theirs.items():
            context.notes.time(f"{title}: {name}, torch.matmul", times.median, rate(name, shape, times.median))
        for program, who, key in contestants(context):
            for name, seconds in product_seconds(context, program, shape, who).items():
                found.setdefault(name, {})[key] = seconds
                context.notes.time(f"{title}: {name}, {key} products", seconds, rate(name, shape, seconds))
    for name, sides in found.items():
        if {"own", "library"} <= set(sides) and shape[0] == shape[1]:
            faster = "own" if sides["own"] <= sides["library"] else "library"
            won[name].setdefault(faster, []).append(shape[0])
    judge(context, shape, found.get(GRAM, {}).get("auto"), theirs[GRAM].median)
    return title


def contestants(context: Context) -> list[tuple[str, dict[str, Any], str]]:
    """A program, who multiplies, and how that is called."""
    made = [("newton-schulz-plain", who, str(who.get("products", "auto"))) for who in products_of(context)]
    if context.device.is_real and context.folder.has("newton-schulz-sm_80"):
        made.append(("newton-schulz-sm_80", {"products": "own"}, "own (for sm_80)"))
    return made


def judge(context: Context, shape: tuple[int, int], best: float | None, theirs: float) -> None:
    if best is None:
        return
    title = f"X X^T, {shape[0]} x {shape[1]}"
    if shape in GOALS:
        context.notes.target(title, best * 1e6, GOALS[shape], "us", most=True)
    context.notes.target(f"{title}: torch.matmul over Descent", theirs / best, 1.0, "times")


def rate(name: str, shape: tuple[int, int], seconds: float) -> str:
    """Of a product that does not know of its symmetry."""
    rows, cols = shape
    inner = rows if name == SQUARE else cols
    return f"{2.0 * rows**2 * inner / seconds / 1e12:.1f} TFLOP/s"


def optimizer_of(context: Context, program: str, shape: tuple[int, int], who: dict[str, Any]) -> descent.Optimizer:
    weight, gradient = (random(context, shape, torch.float32, seed) for seed in range(2))
    return context.folder.load(program).optimizer([descent.Layer("w", weight, gradient)], **who)


def product_seconds(context: Context, program: str, shape: tuple[int, int], who: dict[str, Any]) -> dict[str, float]:
    """Medians of the three products of an iteration. Nothing, where nobody tells kernels apart."""
    with optimizer_of(context, program, shape, who) as optimizer:
        step = our_step(optimizer)
        step()
        runs = context.device.kernels(step, 5)
    if context.device.is_real and not runs:
        context.notes.write("note", "kernels by themselves", detail="left out: the profiler tells of none here")
    found: dict[str, list[float]] = {name: [] for name in PRODUCTS}
    for run in runs:
        multiplied = [kernel for kernel in run if not any(part in kernel.name for part in OTHERS)]
        # A library may take several kernels for a product; then the first one alone is known.
        whole = len(multiplied) == ITERATIONS * len(PRODUCTS)
        for index, kernel in enumerate(multiplied if whole else multiplied[:1]):
            found[PRODUCTS[index % len(PRODUCTS)]].append(kernel.microseconds)
    return {name: statistics.median(each) * 1e-6 for name, each in found.items() if each}


def newton_schulz_steps(context: Context) -> None:
    """Five steps, beside PyTorch's with cuBLAS and fused additions."""
    shapes = [(4096, 4096), (2048, 2048), (1024, 4096)] if context.device.is_large else [(32, 48)]
    for shape in shapes:
        context.notes.check(f"{shape[0]} x {shape[1]}", lambda: one_newton_schulz(context, shape))


def compiled_newton_schulz(gradient: Any, result: Any) -> Step:
    run = torch.compile(newton_schulz, dynamic=False)
    return lambda: result.copy_(run(gradient))


def one_newton_schulz(context: Context, shape: tuple[int, int]) -> str:
    title = f"Newton-Schulz-5 bf16, {shape[0]} x {shape[1]}"
    with freed(context.device):
        gradient = random(context, shape, torch.float32, 1)
        result = torch.empty_like(gradient)
        optimizers = {
            f"Descent{suffix(who)}": optimizer_of(context, "newton-schulz", shape, who) for who in products_of(context)
        }
        steps: dict[str, Step] = {name: our_step(optimizer) for name, optimizer in optimizers.items()}
        steps["torch eager"] = lambda: result.copy_(newton_schulz(gradient))
        steps |= compiled(context, "torch.compile", lambda: compiled_newton_schulz(gradient, result))
        times = medians(context.device, steps, 3.0)
        for optimizer in optimizers.values():
            optimizer.close()
    for name, one in times.items():
        context.notes.time(f"{title}: {name}", one.median)
    own = times[next(iter(optimizers))].median
    if shape == (4096, 4096):
        context.notes.target(title, own * 1e3, NEWTON_SCHULZ_SECONDS * 1e3, "ms", most=True)
        others = [one.median for name, one in times.items() if name.startswith("torch") or "library" in name]
        context.notes.target(f"{title}: cuBLAS with fused additions over Descent", min(others) / own, 1.3, "times")
    return title
