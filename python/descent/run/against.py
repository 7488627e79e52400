"""The same rule with PyTorch, on the same numbers: first what it computes, then how long it takes, in turns."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .checking import EPS_OF_PRODUCTS
from .errors import Refused
from .rounds import Comparison, compare, time_once
from .workload import WEIGHT_SIZE, Array, Job, Workload, bytes_of, check_memory, norm, random_numbers

if TYPE_CHECKING:
    from .torch_rules import GroupWork

# Steps after which the two are compared.
STEPS = 2
# Of the updates' norm, where all is f32; for bf16 products both are off by as much as a check allows.
CLOSE = 2.0**-9


@dataclass(frozen=True)
class Against:
    name: str
    comparison: Comparison
    compile_seconds: float


@dataclass(frozen=True)
class Variant:
    """One way to run the rule with PyTorch."""

    name: str
    compiled: bool = False
    options: tuple[tuple[str, bool], ...] = ()  # of torch.optim.AdamW


def require_torch() -> Any:
    if importlib.util.find_spec("torch") is None:
        raise Refused(
            "--against torch needs PyTorch, which is not installed here; 'scripts/setup.sh --tests' installs it, or "
            "'pip install torch' in the environment that runs descent-run"
        )
    import torch

    return torch


def variants(job: Job) -> list[Variant]:
    rules = {group["rule"] for group in job.artifact.manifest["groups"]}
    fused, foreach = (("fused", True),), (("foreach", True),)
    # Its count of steps is a tensor then: else every step is compiled anew.
    compiled = (*foreach, ("capturable", True))
    if rules == {"adamw"}:
        return [
            Variant("torch fused", options=fused),
            Variant("torch foreach", options=foreach),
            Variant("torch.compile", compiled=True, options=compiled),
        ]
    # The options are of an AdamW in a recipe.
    return [Variant("torch eager", options=fused), Variant("torch.compile", compiled=True, options=compiled)]


def check_comparable(job: Job) -> None:
    from .torch_rules import RULES

    manifest = job.artifact.manifest
    for group in manifest["groups"]:
        if group["rule"] not in RULES:
            known = ", ".join(RULES)
            raise Refused(f"--against torch: no PyTorch version of the rule '{group['rule']}' here; there are {known}")
        if group["weight"] != "f32" or group["gradient"] != "f32":
            raise Refused(f"--against torch compares storage f32, found '{group['weight']}'; leave out --storage")
        if group["stored"] == "in_out" and group["norm"] is None:
            raise Refused(f"--against torch: PyTorch's '{group['rule']}' has matrices stored as out_in")
    if manifest["clip_global_norm"] is not None or manifest["skip_nonfinite"]:
        raise Refused("--against torch compares recipes without clipping and skipping")


def torch_step(work: Workload, variant: Variant) -> Callable[[], None]:
    """Works on the workload's arrays."""
    torch = require_torch()
    from .torch_rules import RULES, adamw

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        return torch.compile(function, dynamic=False) if variant.compiled else function

    steps = []
    for group in _groups(work):
        build = adamw(**dict(variant.options)) if group.rule == "adamw" else RULES[group.rule]
        steps.append(build(group, compiled))

    def run() -> None:
        with torch.no_grad():
            for step in steps:
                step()

    return run


def _groups(work: Workload) -> Iterator[GroupWork]:
    import torch

    from .torch_rules import GroupWork

    for raw in work.job.artifact.manifest["groups"]:
        weights, gradients = [], []
        for tensor, weight, gradient in zip(work.job.tensors, work.weights, work.gradients, strict=True):
            if work.job.groups[tensor.kind] != raw["name"]:
                continue
            weights += list(torch.from_numpy(weight)) if weight.ndim == 3 else [torch.from_numpy(weight)]
            gradients += list(torch.from_numpy(gradient)) if gradient.ndim == 3 else [torch.from_numpy(gradient)]
        hyper = work.job.artifact.hyper_defaults[raw["name"]]
        if weights:
            yield GroupWork(raw["rule"], raw["norm"], raw["stored"], hyper, weights, gradients)


def one_of_each(job: Job) -> Job:
    """A tensor of each shape and kind: enough to compare numbers."""
    distinct = {(tensor.kind, tensor.shape): tensor for tensor in job.tensors}
    return replace(job, tensors=tuple(distinct.values()))


def compare_numbers(job: Job, variant: Variant, threads: int) -> float:
    """Refuses to time two that do not compute the same. Returns the seconds of PyTorch's first call."""
    job = one_of_each(job)
    check_memory(3 * bytes_of(job), "comparing numbers with PyTorch")
    ours, theirs = Workload(job, threads), Workload(job, threads)
    step = torch_step(theirs, variant)
    seconds = [0.0] * STEPS
    for t in range(1, STEPS + 1):
        for work in (ours, theirs):
            work.new_gradients(t)
        ours.step()
        seconds[t - 1] = time_once(step)
    ours.close()
    theirs.close()
    first = [random_numbers(tensor, index, 0, WEIGHT_SIZE) for index, tensor in enumerate(job.tensors)]
    check_close(job, variant, STEPS, first, ours.weights, theirs.weights)
    return seconds[0]


def check_close(
    job: Job, variant: Variant, steps: int, first: Sequence[Array], ours: Sequence[Array], theirs: Sequence[Array]
) -> None:
    """Refuses weights that differ by more than rounding, where both began with `first`."""
    for tensor, before, own, other in zip(job.tensors, first, ours, theirs, strict=True):
        products = [EPS_OF_PRODUCTS[stage.factors] for stage in job.group(tensor).stages if stage.factors]
        close = max(CLOSE, 2 * 8 * max(products, default=0.0))
        moved, apart = norm(own - before), norm(own - other)
        if not apart <= close * moved + 2.0**-22 * norm(before):
            raise Refused(
                f"'{variant.name}' computes something else: after {steps} steps '{tensor.name}' differs by "
                f"{apart:.3g}, where the updates are {moved:.3g} and {close * moved:.3g} is rounding"
            )


def prepare_torch(threads: int) -> None:
    torch = require_torch()
    torch.set_num_threads(threads)
    torch._dynamo.reset()  # what was compiled for another number of threads
    torch._dynamo.config.recompile_limit = 256  # one for every shape


def against_torch(work: Workload, variant: Variant, threads: int, budget: float) -> Against:
    """`work` is ours, already warm. PyTorch works on the same arrays, with states of its own; numbers come first."""
    check_memory(bytes_of(work.job), "PyTorch's optimizer beside ours")
    first = compare_numbers(work.job, variant, threads)
    theirs = torch_step(work, variant)
    first += time_once(theirs)
    theirs()
    comparison = compare(work.step, theirs, budget)
    if not all(np.isfinite(weight.ravel()[:1]).all() for weight in work.weights):
        raise Refused(f"'{variant.name}': the weights are no longer finite")
    return Against(variant.name, comparison, first if variant.compiled else 0.0)
