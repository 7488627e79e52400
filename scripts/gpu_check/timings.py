"""How long steps take, beside PyTorch and beside what the memory can do. Shapes are tiny where no GPU is."""

from __future__ import annotations

import ctypes
import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import descent
import torch
from descent import abi
from descent.run.shapes import parse_shapes

from .context import Context
from .devices import Step, Times, freed, medians

GIB = 1 << 30
# That a section must have left for torch.compile.
COMPILE_SECONDS = 60.0
# Bytes an element of AdamW: what is read and what is written, once.
ADAMW_BYTES = {"adamw-f32": 28, "adamw-bf16": 22, "adamw-bf16-states": 14}
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def random(context: Context, shape: Sequence[int], dtype: torch.dtype, seed: int = 0) -> Any:
    made = torch.Generator(context.device.place).manual_seed(seed)
    return torch.randn(tuple(shape), generator=made, device=context.device.place, dtype=torch.float32).to(dtype)


def layers(context: Context, shapes: Sequence[Sequence[int]], dtype: torch.dtype) -> list[descent.Layer]:
    made = []
    for index, shape in enumerate(shapes):
        weight, gradient = (random(context, shape, dtype, 2 * index + i) for i in range(2))
        made.append(descent.Layer(f"w{index}", weight, gradient))
    return made


def our_step(optimizer: descent.Optimizer) -> Step:
    number = iter(range(1, 1 << 60))
    return lambda: optimizer.launch(next(number))


def parameters(made: Sequence[descent.Layer]) -> list[torch.nn.Parameter]:
    """For an optimizer of PyTorch, on memory of its own."""
    theirs = []
    for layer in made:
        parameter = torch.nn.Parameter(layer.weight.clone())
        parameter.grad = layer.gradient
        theirs.append(parameter)
    return theirs


def report(context: Context, work: str, times: dict[str, Times], bytes_moved: float = 0.0) -> None:
    for name, one in times.items():
        rate = f"{bytes_moved / one.median / 1e9:.0f} GB/s, " if bytes_moved else ""
        context.notes.time(
            f"{work}: {name}",
            one.median,
            f"{rate}{one.least * 1e6:.4g} to {one.most * 1e6:.4g} us in {one.rounds} rounds",
        )


def copy_bandwidth(context: Context, share: float = 0.2) -> float:
    """Bytes a second, read and written, of a copy far beyond the caches."""
    size = max(1 << 16, min(4 * GIB, int(context.device.free_bytes() * share)))
    with freed(context.device):
        source = torch.empty(size // 4, dtype=torch.float32, device=context.device.place).normal_()
        target = torch.empty_like(source)
        times = medians(context.device, {"copy": lambda: target.copy_(source)}, 1.0)
        del source, target
    return 2 * (size // 4) * 4 / times["copy"].median


def bandwidth(context: Context) -> None:
    context.notes.count("copy, read and written", copy_bandwidth(context) / 1e9, "GB/s")


def adamw_large(context: Context, name: str) -> None:
    """A billion elements, or as many as fit."""
    artifact = context.folder.load(name)
    dtype = DTYPES[artifact.groups[0].weight]
    has_same_states = name != "adamw-bf16"  # PyTorch keeps its states in the type of the weights
    most = context.device.free_bytes() // (ADAMW_BYTES[name] + (ADAMW_BYTES[name] if has_same_states else 0))
    side = 8192 if context.device.is_large else 32
    count = max(1, min(16 if context.device.is_large else 2, int(0.85 * most) // side**2))
    elements = count * side**2
    with freed(context.device):
        limit = copy_bandwidth(context, 0.1)
        made = layers(context, [(side, side)] * count, dtype)
        with artifact.optimizer(made, states=zero_states(artifact, made), initialize=False) as optimizer:
            steps = {"Descent": our_step(optimizer)}
            if has_same_states:
                fused = torch.optim.AdamW(parameters(made), lr=1e-3, weight_decay=0.01, fused=True)
                steps["torch fused"] = fused.step
            times = medians(context.device, steps, 8.0)
        del made, steps
    moved = float(ADAMW_BYTES[name]) * elements
    title = f"{name}, {elements:.3g} elements"
    report(context, title, times, moved)
    own = times["Descent"].median
    context.notes.target(f"{title}: share of the copy's bandwidth", moved / own / limit, 0.9, "")
    if has_same_states:
        context.notes.target(f"{title}: torch fused over Descent", times["torch fused"].median / own, 1.0, "times")


def zero_states(artifact: descent.Artifact, made: Sequence[descent.Layer]) -> dict[str, dict[str, Any]]:
    """Made by the device: the runtime would write them from the host."""
    types = {"f32": torch.float32, "bf16": torch.bfloat16, "i64": torch.int64, "f64": torch.float64}
    return {
        layer.name: {
            state.name: torch.zeros(
                layer.weight.shape if state.scope == "element" else (),
                dtype=types[state.type],
                device=layer.weight.device,
            )
            for state in artifact.groups[0].states
        }
        for layer in made
    }


def adamw_lists(context: Context) -> None:
    """Many small tensors, and those of a model."""
    large = context.device.is_large
    gpt2 = [tensor.shape for tensor in parse_shapes("gpt2-124m").tensors]
    works = {
        "1,000 of 4 KB": [(1024,)] * (1000 if large else 10),
        "GPT-2 124M": gpt2 if large else [(min(s, 9) for s in shape) for shape in gpt2[:5]],
    }
    for work, shapes in works.items():
        context.notes.check(f"AdamW f32, {work}", lambda: adamw_list(context, work, [tuple(s) for s in shapes]))


def adamw_list(context: Context, work: str, shapes: Sequence[tuple[int, ...]]) -> str:
    artifact = context.folder.load("adamw-f32")
    title = f"AdamW f32, {work}"
    with freed(context.device):
        made = layers(context, shapes, torch.float32)
        options = {"lr": 1e-3, "weight_decay": 0.01}
        with artifact.optimizer(made) as optimizer:
            step = our_step(optimizer)
            step()
            steps = {"Descent": step, "Descent, graph": context.device.captured(step)}
            for way in ("fused", "foreach"):
                steps[f"torch {way}"] = torch.optim.AdamW(parameters(made), **options, **{way: True}).step
            times = medians(context.device, steps, 5.0)
            launched = context.device.kernels(step, 1)
        del made, steps
    elements = sum(math.prod(shape) for shape in shapes)
    report(context, title, times, 28.0 * elements)
    if work.startswith("1,000"):
        ratio = times["torch foreach"].median / times["Descent"].median
        context.notes.target(f"{title}: torch foreach over Descent", ratio, 10.0, "times")
    names = [kernel.name for kernel in launched[0]] if launched else []
    if names:
        context.notes.count(f"{title}: kernels a step", len(names), "", ", ".join(names))
    return f"{elements} elements"


def muon(context: Context) -> None:
    """Hidden matrices of GPT-2 124M, beside torch.optim.Muon, as it is and compiled."""
    shapes = [tensor.shape for tensor in parse_shapes("gpt2-124m").tensors if tensor.kind == "matrix"]
    if not context.device.is_large:
        shapes = [(24, 40), (40, 24)]
    artifact = context.folder.load("muon")
    with freed(context.device):
        made = layers(context, shapes, torch.float32)
        steps: dict[str, Step] = {}
        optimizers = []
        for who in products_of(context):
            optimizers.append(artifact.optimizer(layers(context, shapes, torch.float32), **who))
            steps[f"Descent{suffix(who)}"] = our_step(optimizers[-1])
        options = {"lr": 0.02, "weight_decay": 0.1}
        steps["torch.optim.Muon"] = torch.optim.Muon(parameters(made), **options).step
        steps |= compiled(context, "torch.compile of it", lambda: compiled_muon(made))
        times = medians(context.device, steps, 6.0)
        profile_kernels(context, "Muon, GPT-2 124M", steps[f"Descent{suffix(products_of(context)[0])}"])
        for optimizer in optimizers:
            optimizer.close()
        del made, steps, optimizers
    report(context, "Muon, hidden matrices of GPT-2 124M", times)


def compiled(context: Context, name: str, make: Callable[[], Step]) -> dict[str, Step]:
    """A step that torch.compile has made and run, where it can and there is time."""
    if not context.device.compiles or context.notes.left < COMPILE_SECONDS:
        return {}
    try:
        step = make()
        step()
        context.device.wait()
    except Exception as error:  # no compiler for it on that machine, say
        context.notes.write("note", name, detail=f"left out: {type(error).__name__}: {str(error)[:300]}")
        return {}
    return {name: step}


def compiled_muon(made: Sequence[descent.Layer]) -> Step:
    """The rule with operations of PyTorch, each layer by itself."""
    from descent.run.torch_rules import newton_schulz

    def update(w: Any, g: Any, m: Any) -> None:
        m.lerp_(g, 0.05)
        o = newton_schulz(g.lerp(m, 0.95))
        w.mul_(1.0 - 0.02 * 0.1)
        w.add_(o, alpha=-0.02 * max(1.0, w.shape[0] / w.shape[1]) ** 0.5)

    run = torch.compile(update, dynamic=False)
    tensors = [(layer.weight.clone(), layer.gradient, torch.zeros_like(layer.weight)) for layer in made]

    def step() -> None:
        for each in tensors:
            run(*each)

    return step


def products_of(context: Context) -> list[dict[str, Any]]:
    """Who may multiply matrices: whoever should be faster, our kernels, or the library where there is one."""
    if not context.device.is_real:
        return [{}]
    return [{"products": who} for who in ("auto", "own", "library") if who != "library" or has_library(context)]


def has_library(context: Context) -> bool:
    try:
        context.folder.load("newton-schulz").optimizer(layers(context, [(64, 64)], torch.float32), products="library")
    except descent.Error as error:
        context.notes.write("note", "products by a library", detail=f"left out: {error.message}")
        return False
    return True


def suffix(who: dict[str, Any]) -> str:
    return f", {who['products']} products" if who else ""


def profile_kernels(context: Context, work: str, step: Step) -> None:
    """The kernels that take most of a step."""
    runs = context.device.kernels(step, 1)
    totals: dict[str, list[float]] = {}
    for kernel in runs[0] if runs else []:
        totals.setdefault(kernel.name, []).append(kernel.microseconds)
    for name, each in sorted(totals.items(), key=lambda item: -sum(item[1]))[:12]:
        context.notes.count(f"{work}: {name}", sum(each), "us", f"{len(each)} launches")


def host_time(context: Context) -> None:
    """What a step takes of the host, for 300 layers; and that a graph can capture it, which waits for nothing."""
    large = context.device.is_large
    shapes = [(256, 256)] * (300 if large else 3)
    for name in ("adamw-f32", "muon"):
        if context.folder.has(name):
            context.notes.check(name, lambda: one_host_time(context, name, shapes))


def one_host_time(context: Context, name: str, shapes: Sequence[Sequence[int]]) -> str:
    artifact = context.folder.load(name)
    with freed(context.device), artifact.optimizer(layers(context, shapes, torch.float32)) as optimizer:
        step = our_step(optimizer)
        python, c = (on_host(context, one) for one in (step, c_step(optimizer, context)))
        context.device.captured(step)
        work = f"{name}, {len(shapes)} layers"
        context.notes.target(f"{work}: host time of a step in C", c * 1e6, 50.0, "us", most=True)
        context.notes.count(f"{work}: host time of a step in Python", python * 1e6, "us")
        if context.device.is_real:
            context.notes.target(f"{work}: synchronizations, as a graph captures the step", 0, 0, "", most=True)
    return f"{len(shapes)} layers"


def on_host(context: Context, step: Step) -> float:
    """Median seconds until the call returns, while the device has nothing else to do."""
    taken = []
    for _ in range(200 if context.device.is_large else 2):
        context.device.wait()
        begin = time.perf_counter()
        step()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken[len(taken) // 5 :])


def c_step(optimizer: descent.Optimizer, context: Context) -> Callable[[], None]:
    """The entry point alone, called through ctypes, which takes about a microsecond."""
    own, arguments = abi.sized(abi.DeviceStepStruct()), abi.sized(abi.StepStruct())
    arguments.abi_version, arguments.step, arguments.gradient_scale = abi.VERSION, 1, 1.0
    own.stream = context.device.stream()
    arguments.device = ctypes.pointer(own)
    entry = optimizer._entry_points._functions["step"]
    error = abi.sized(abi.ErrorStruct())
    pointers = (optimizer._plan, ctypes.byref(arguments), None, ctypes.byref(error))

    def step() -> None:
        code = entry(*pointers)
        if code:
            raise descent.Error(code, error.message.decode(errors="replace"))

    return step
