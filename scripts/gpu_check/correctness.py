"""What a device computes: beside the float64 oracles, beside the simulator's bits, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import descent
import numpy as np
import torch
from harness import LARGE_TABLE, TABLE, Case, Run, Tensor
from library import RECIPES, group_name
from test_rules import compare_directions, compare_steps
from test_storage import POLICIES, Twins

from .context import Context
from .mirror import MirroredArtifact

ABSENT = ("odd", "heads", "long")
# Rows that are longer than a tile, and rows that tiles cut.
MORE = (Tensor("long", (2, 9001)), Tensor("high", (1500, 9), "padded"), Tensor("longer", (2, 160000)), LARGE_TABLE[0])
SMALL = tuple(tensor for tensor in TABLE if tensor.name in ("odd", "one_row", "heads", "vector"))
# Blocks of codes that end with a row, that a row cuts, that go on behind a tile.
STORED = (
    Tensor("tall", (56, 24), "padded"),
    Tensor("odd", (13, 7), "padded"),
    Tensor("heads", (2, 11, 6), "interleaved"),
    Tensor("vector", (53,)),
    Tensor("blocks", (5, 300), "padded"),
)
LONG = Tensor("long", (2, 8401), "padded")
# Products of several tiles in both directions, and of more than one wave.
MATRICES = tuple(tensor for tensor in TABLE if tensor.name in ("wide", "odd_tall", "one_row", "one_column", "heads"))
MORE_MATRICES = (Tensor("wider", (300, 1000)), Tensor("taller", (1537, 513), "padded"), Tensor("eight", (512, 512)))
# The power of a library of functions may round otherwise.
ROUNDED_OTHERWISE = ("adamw",)


def tables(context: Context, recipe: str) -> Sequence[Tensor]:
    if not context.device.is_large:
        return MATRICES[:2] if recipe == "products" else SMALL
    return (*MATRICES, *MORE_MATRICES) if recipe == "products" else (*TABLE, *MORE)


def mirrored(context: Context, name: str, **options: Any) -> Any:
    return MirroredArtifact(context.folder.load(name), context.device.place, options)


def oracles(context: Context, recipe: str, **options: Any) -> None:
    """Every rule and norm, in f64 and in f32."""
    for storage in ("f64", "f32"):
        name = f"{recipe}, {storage}"
        if not context.folder.has(name):
            continue
        artifact = mirrored(context, name, **options)
        for case in RECIPES[recipe]:
            context.notes.check(f"{case}, {storage}", lambda: one_oracle(context, artifact, case, storage, recipe))


def one_oracle(context: Context, artifact: Any, case: Case, storage: str, recipe: str) -> None:
    run = Run(artifact, case, storage, tables(context, recipe), group=group_name(case))
    try:
        if case.iterates and storage != "f64":
            compare_directions(run, 2)
        else:
            compare_steps(run, [(), ABSENT, ()])
    finally:
        run.optimizer.close()


def policies(context: Context, recipe: str) -> None:
    """A step under a policy is the step in f32 from what memory holds, stored as the policy says, to the bit."""
    if not context.folder.has(f"{recipe}, f32"):
        return
    plain = mirrored(context, f"{recipe}, f32")
    for policy in POLICIES:
        name = f"{recipe}, {policy}"
        if context.folder.has(name):
            context.notes.check(policy, lambda: one_policy(context, recipe, policy, mirrored(context, name), plain))


def one_policy(context: Context, recipe: str, policy: str, artifact: Any, plain: Any) -> None:
    tensors = (*STORED, LONG) if context.device.is_large and recipe == "sweeps" else STORED
    # Threads take more entries at once the narrower the types are: sums go in another order.
    twins = Twins(RECIPES[recipe], policy, tensors, artifact, plain, sums_alike=False)
    twins.step()
    twins.check()
    kept = twins.bits()
    twins.step(found_inf=1.0)
    assert kept == twins.bits(), "a skipped step has changed something"
    twins.step(absent=ABSENT)
    twins.check(absent=ABSENT)


def bits(context: Context) -> None:
    """Kernels without products have the bits that the simulator's have, whatever the memory holds."""
    for policy in ("f64", "f32", *POLICIES):
        name = f"sweeps, {policy}"
        if context.folder.has(name) and policy != "f64":
            context.notes.check(policy, lambda: one_comparison(context, policy))


def one_comparison(context: Context, policy: str) -> str:
    twins = []
    for role in ("device", "simulator"):
        loaded = [
            context.folder.load(name, role if context.folder.has(name, role) else "device")
            for name in (f"sweeps, {policy}", "sweeps, f32")
        ]
        place = context.device.place if role == "device" else torch.device("cpu")
        pair = [MirroredArtifact(artifact, place) for artifact in loaded]
        twins.append(Twins(RECIPES["sweeps"], policy, STORED, *pair, sums_alike=False))
    for _ in range(2):
        for one in twins:
            one.step()
    differing = [name for name, same in zip(layer_names(twins[0]), same_bits(*twins), strict=True) if not same]
    wrong = [name for name in differing if not name.startswith(ROUNDED_OTHERWISE)]
    assert not wrong, f"other bits: {', '.join(wrong[:20])}"
    return f"other bits, where a power may round otherwise: {', '.join(differing)}" if differing else "the same bits"


def layer_names(twins: Any) -> list[str]:
    return [layer.name for layer in twins.layers]


def same_bits(one: Any, other: Any) -> list[bool]:
    return [memory(one, index) == memory(other, index) for index in range(len(one.layers))]


def memory(twins: Any, index: int) -> list[bytes]:
    layer = twins.layers[index]
    return [array.tobytes() for array in (layer.weight, *twins.optimizer.states[layer.name].values())]


def repeated(context: Context) -> None:
    """The same steps twice have the same bits; what differs is a race."""
    for recipe in RECIPES:
        name = f"{recipe}, f32"
        if context.folder.has(name):
            context.notes.check(name, lambda: one_repetition(context, name, recipe))


def one_repetition(context: Context, name: str, recipe: str) -> None:
    def run() -> list[bytes]:
        case = RECIPES[recipe][-1]
        made = Run(mirrored(context, name), case, "f32", tables(context, recipe), group=group_name(case))
        for _ in range(3):
            made.step(follow=False)
        made.optimizer.close()
        return [part for index in range(len(made.tensors)) for part in made.bits(index)]

    first = run()
    for _ in range(4 if context.device.is_large else 1):
        assert run() == first, "another run has other bits"


def refusals(context: Context) -> None:
    """Memory that a device cannot reach is an error, and no crash."""
    artifact = context.folder.load("adamw-f32")
    place = context.device.place

    def host_weight() -> str:
        try:
            artifact.optimizer([descent.Layer("w", np.ones((8, 8), np.float32))])
        except descent.Error as error:
            assert error.code == descent.Code.INVALID_LAYER and "no memory of a device" in error.message, error
            return error.message
        raise AssertionError("memory of the host was taken for the device's")

    def host_gradient() -> str:
        weight, gradient = torch.ones(8, 8, device=place), torch.ones(8, 8, device=place)
        with artifact.optimizer([descent.Layer("w", weight, gradient)]) as optimizer:
            try:
                optimizer.step(gradients=[np.ones((8, 8), np.float32)])
            except descent.Error as error:
                assert error.code == descent.Code.INVALID_LAYER, error
                optimizer.step(1)
                return error.message
        raise AssertionError("memory of the host was taken for the device's")

    def nan_hyper() -> str:
        weight = torch.ones(8, 8, device=place)
        with artifact.optimizer([descent.Layer("w", weight, weight.clone())]) as optimizer:
            try:
                optimizer.step(hyper={"lr": float("nan")})
            except descent.Error as error:
                return error.message
        raise AssertionError("a learning rate that is no number was taken")

    if context.device.is_real:
        context.notes.check("a weight on the host", host_weight)
        context.notes.check("a gradient on the host", host_gradient)
    context.notes.check("a learning rate that is no number", nan_hyper)
