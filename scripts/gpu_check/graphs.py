"""A step that a CUDA graph replays computes what the step itself does; numbers and gradients change in between."""

from __future__ import annotations

from typing import Any

import descent
import torch

from .context import Context

SHAPES = ((64, 48), (130, 70), (256, 256))


class Trained:
    """An optimizer whose numbers are all on the device."""

    def __init__(self, artifact: descent.Artifact, place: torch.device) -> None:
        made = torch.Generator().manual_seed(0)
        types = {"f32": torch.float32, "bf16": torch.bfloat16, "f64": torch.float64}
        dtype = types[artifact.groups[0].weight]
        random = [torch.randn(shape, generator=made).to(place, dtype) for shape in SHAPES]
        self.weights, self.gradients = random, [torch.zeros_like(weight) for weight in random]
        layers = [descent.Layer(f"w{i}", *pair) for i, pair in enumerate(zip(random, self.gradients, strict=True))]
        self.optimizer = artifact.optimizer(layers)
        self.hyper = self.optimizer.device_hyper()
        self.number = torch.zeros((), dtype=torch.int64, device=place)
        self.scale = torch.ones((), dtype=torch.float64, device=place)
        self.found_inf = torch.zeros((), dtype=torch.float32, device=place)

    def launch(self) -> None:
        self.optimizer.launch(self.number, self.hyper, gradient_scale=self.scale, found_inf=self.found_inf)

    def set(self, t: int, skip: bool) -> None:
        made = torch.Generator().manual_seed(t)
        for gradient in self.gradients:
            gradient.copy_(torch.randn(gradient.shape, generator=made))
        self.number.fill_(t)
        self.scale.fill_(1.0 / t)
        self.found_inf.fill_(float(skip))
        self.hyper["lr"].fill_(0.1 / t)

    def tensors(self) -> list[Any]:
        states = [array for own in self.optimizer.states.values() for array in own.values()]
        return [tensor.clone() for tensor in (*self.weights, *states)]


def graphs(context: Context) -> None:
    for name in ("adamw-f32", "adamw-bf16", "muon", "newton-schulz"):
        if context.folder.has(name) and "lr" in context.folder.load(name).groups[0].hypers:
            context.notes.check(name, lambda: replayed(context, name))


def replayed(context: Context, name: str) -> str:
    artifact = context.folder.load(name)
    direct, graphed = (Trained(artifact, context.device.place) for _ in range(2))
    for one in (direct, graphed):
        one.set(1, skip=True)
        one.launch()  # loads the kernels, which a graph cannot, and changes nothing
    before = graphed.tensors()
    replay = context.device.captured(graphed.launch)
    if context.device.is_real:
        assert equal(before, graphed.tensors()), "a step that was captured has run"
    skips = (False, False, True, False)
    for t, skip in enumerate(skips, start=1):
        for one, step in ((direct, direct.launch), (graphed, replay)):
            one.set(t, skip)
            step()
            assert one.optimizer.read_result().skipped == skip, f"step {t}: skipped is not {skip}"
        assert equal(direct.tensors(), graphed.tensors()), f"step {t}: the graph's bits are others"
    assert not equal(before, graphed.tensors()), "nothing has changed"
    return f"{len(skips)} steps"


def equal(one: list[Any], other: list[Any]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
