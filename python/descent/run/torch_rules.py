"""The library's rules with PyTorch: its own optimizers where it has them, tensor operations otherwise.

Each function makes one group's part of a step. They follow the papers and the repositories that lib/Optimizers names,
not the code of Descent; what they compute is compared before anything is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .errors import Refused

Tensor = torch.Tensor
Compile = Callable[[Callable[..., Any]], Callable[..., Any]]
Hyper = dict[str, float]

JORDAN = ((3.4445, -4.7750, 2.0315),) * 5
# Polar Express (arXiv 2505.16932) with its factor of safety, for all rows but the last.
_POLAR_EXPRESS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
    (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
    (1.891301407787398, -1.2679958271945868, 0.37680408948524835),
    (1.8750014808534479, -1.2500016453999487, 0.3750001645474248),
)
POLAR_EXPRESS = (*((a / 1.01, b / 1.01**3, c / 1.01**5) for a, b, c in _POLAR_EXPRESS), (1.875, -1.25, 0.375))


@dataclass
class GroupWork:
    """The tensors of one group: matrices, or vectors of one dimension."""

    rule: str
    norm: str | None
    stored: str | None
    hyper: Hyper
    weights: list[Tensor]
    gradients: list[Tensor]

    def zeros(self) -> list[Tensor]:
        return [torch.zeros_like(weight) for weight in self.weights]


def quintics(x: Tensor, coefficients: Sequence[tuple[float, float, float]]) -> Tensor:
    for a, b, c in coefficients:
        gram = x @ x.mT
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def newton_schulz(u: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """Jordan's five steps, as KellerJordan/Muon has them."""
    x = u.to(dtype)
    x = x.mT if u.shape[0] > u.shape[1] else x
    x = quintics(x / (x.norm() + 1e-7), JORDAN)
    return (x.mT if u.shape[0] > u.shape[1] else x).to(u.dtype)


def nuclear_norm(x: Tensor) -> Tensor:
    """<X, polar(X)>, by eight steps of Polar Express in f32."""
    y = x.mT if x.shape[0] > x.shape[1] else x
    polar = quintics(y / (1.01 * y.norm() + 1e-7), POLAR_EXPRESS)
    product: Tensor = y * polar
    return product.sum()


def _aspect(x: Tensor, stored: str | None) -> float:
    """sqrt(outputs / inputs)."""
    ratio = x.shape[0] / x.shape[1]
    return float((ratio if stored == "out_in" else 1.0 / ratio) ** 0.5)


def _size(x: Tensor, dim: int | None = None) -> Tensor:
    """A norm that may be divided by."""
    return torch.linalg.vector_norm(x, dim=dim, keepdim=True).clamp_min(1e-30)


Lmo = Callable[[Tensor, "str | None"], Tensor]
LMOS: dict[str, Lmo] = {
    "max": lambda x, stored: -torch.sign(x),
    "l2": lambda x, stored: x / -_size(x),
    "rms": lambda x, stored: x * (x.numel() ** 0.5 / -_size(x)),
    "row": lambda x, stored: x / -_size(x, 1),
    "column": lambda x, stored: x / -_size(x, 0),
    "spectral": lambda x, stored: -newton_schulz(x),
    "rms_to_rms": lambda x, stored: newton_schulz(x) * -_aspect(x, stored),
}
DUAL_NORMS: dict[str, Lmo] = {
    "max": lambda x, stored: x.abs().sum(),
    "l2": lambda x, stored: x.norm(),
    "rms": lambda x, stored: x.norm() * x.numel() ** 0.5,
    "row": lambda x, stored: torch.linalg.vector_norm(x, dim=1).sum(),
    "column": lambda x, stored: torch.linalg.vector_norm(x, dim=0).sum(),
    "spectral": lambda x, stored: nuclear_norm(x),
    "rms_to_rms": lambda x, stored: nuclear_norm(x) * _aspect(x, stored),
}


def _of_norm(table: dict[str, Lmo], work: GroupWork) -> Callable[[Tensor], Tensor]:
    name = (work.norm or "").removeprefix("#descent.")
    if name not in table:
        known = ", ".join(table)
        raise Refused(f"--against torch: no PyTorch version of the norm '{work.norm}' here; there are {known}")
    return lambda x: table[name](x, work.stored)


Step = Callable[[], object]


def _parameters(work: GroupWork) -> list[torch.nn.Parameter]:
    parameters = [torch.nn.Parameter(weight, requires_grad=True) for weight in work.weights]
    for parameter, gradient in zip(parameters, work.gradients, strict=True):
        parameter.grad = gradient
    return parameters


def _optimizer(make: Callable[[list[Any], Hyper], torch.optim.Optimizer]) -> Callable[[GroupWork, Compile], Step]:
    """Of torch.optim."""

    def build(work: GroupWork, compiled: Compile) -> Step:
        return compiled(make(_parameters(work), work.hyper).step)

    return build


def _sgd(nesterov: bool, decoupled: bool) -> Callable[[GroupWork, Compile], Step]:
    def build(work: GroupWork, compiled: Compile) -> Step:
        h = work.hyper
        optimizer = torch.optim.SGD(
            _parameters(work),
            lr=h["lr"],
            momentum=h["momentum"],
            weight_decay=0.0 if decoupled else h["weight_decay"],
            nesterov=nesterov,
        )
        keep = 1.0 - h["lr"] * h["weight_decay"]

        def step() -> None:
            if decoupled and keep != 1.0:
                torch._foreach_mul_(work.weights, keep)
            optimizer.step()

        return compiled(step)

    return build


def adamw(**options: bool) -> Callable[[GroupWork, Compile], Step]:
    return _optimizer(
        lambda parameters, h: torch.optim.AdamW(
            parameters,
            lr=h["lr"],
            betas=(h["beta1"], h["beta2"]),
            eps=h["eps"],
            weight_decay=h["weight_decay"],
            **options,
        )
    )


def _torch_muon(adjust: str) -> Callable[[GroupWork, Compile], Step]:
    return _optimizer(
        lambda parameters, h: torch.optim.Muon(
            parameters,
            lr=h["lr"],
            momentum=h["momentum"],
            weight_decay=h["weight_decay"],
            adjust_lr_fn=adjust,
        )
    )


def _lion(work: GroupWork, compiled: Compile) -> Step:
    h, m = work.hyper, work.zeros()

    def step(weights: list[Tensor], gradients: list[Tensor], m: list[Tensor]) -> None:
        signs = torch._foreach_lerp(m, gradients, 1.0 - h["beta1"])
        torch._foreach_sign_(signs)
        torch._foreach_mul_(weights, 1.0 - h["lr"] * h["weight_decay"])
        torch._foreach_add_(weights, signs, alpha=-h["lr"])
        torch._foreach_lerp_(m, gradients, 1.0 - h["beta2"])

    run = compiled(step)
    return lambda: run(work.weights, work.gradients, m)


def _each_layer(work: GroupWork, step: Callable[..., None], *states: list[Any]) -> Step:
    """The same function for one layer after the other."""

    def run() -> None:
        for tensors in zip(work.weights, work.gradients, *states, strict=True):
            step(*tensors)

    return run


def _muon(work: GroupWork, compiled: Compile) -> Step:
    h = work.hyper

    def step(w: Tensor, g: Tensor, m: Tensor) -> None:
        m.lerp_(g, 1.0 - h["momentum"])
        o = newton_schulz(g.lerp(m, h["momentum"]))
        w.mul_(1.0 - h["lr"] * h["weight_decay"])
        w.add_(o, alpha=-h["lr"] * max(1.0, w.shape[0] / w.shape[1]) ** 0.5)

    return _each_layer(work, compiled(step), work.zeros())


def _normuon(work: GroupWork, compiled: Compile) -> Step:
    h = work.hyper

    def step(w: Tensor, g: Tensor, m: Tensor, v: Tensor) -> None:
        m.lerp_(g, 1.0 - h["momentum"])
        o = newton_schulz(g.lerp(m, h["momentum"]))
        v.lerp_(o.square().mean(dim=1, keepdim=True), 1.0 - h["beta2"])
        q = o / (v.sqrt() + 1e-10)
        scale = o.norm() / (q.norm() + 1e-10) * (h["lr"] * max(1.0, w.shape[0] / w.shape[1]) ** 0.5)
        w.mul_(1.0 - h["lr"] * h["weight_decay"])
        w.sub_(q * scale)

    rows = [torch.zeros(weight.shape[0], 1, dtype=weight.dtype) for weight in work.weights]
    return _each_layer(work, compiled(step), work.zeros(), rows)


def _scion(constrained: bool) -> Callable[[GroupWork, Compile], Step]:
    def build(work: GroupWork, compiled: Compile) -> Step:
        h, lmo = work.hyper, _of_norm(LMOS, work)

        def step(w: Tensor, g: Tensor, m: Tensor) -> None:
            m.lerp_(g, h["momentum"])
            if constrained:
                w.mul_(1.0 - h["lr"])
            w.add_(lmo(m), alpha=h["lr"] * h["radius"])

        return _each_layer(work, compiled(step), work.zeros())

    return build


def _lanton(work: GroupWork, compiled: Compile) -> Step:
    h, lmo, dual_norm = work.hyper, _of_norm(LMOS, work), _of_norm(DUAL_NORMS, work)
    m, g0 = work.zeros(), [gradient.clone() for gradient in work.gradients]
    noise = [torch.zeros(()) for _ in work.weights]

    def measure(g: Tensor, g0: Tensor, noise: Tensor) -> None:
        noise.lerp_(dual_norm(g - g0).square(), 1.0 - h["beta2"])
        g0.copy_(g)

    def update(w: Tensor, g: Tensor, m: Tensor, factor: Tensor) -> None:
        m.lerp_(g, 1.0 - h["beta1"])
        w.add_(lmo(m) * (h["lr"] * factor))

    run_measure, run_update = compiled(measure), compiled(update)

    def step() -> None:
        for tensors in zip(work.gradients, g0, noise, strict=True):
            run_measure(*tensors)
        calm = h["alpha"] / (h["alpha"] ** 2 + torch.stack(noise)).sqrt()
        factors = (calm / calm.max()).sqrt().unbind()
        for layer in zip(work.weights, work.gradients, m, factors, strict=True):
            run_update(*layer)

    return step


RULES: dict[str, Callable[[GroupWork, Compile], Step]] = {
    "sgd": _sgd(nesterov=False, decoupled=False),
    "sgd_nesterov": _sgd(nesterov=True, decoupled=False),
    "sgdw": _sgd(nesterov=False, decoupled=True),
    "sgdw_nesterov": _sgd(nesterov=True, decoupled=True),
    "adamw": adamw(foreach=True),
    "lion": _lion,
    "muon": _muon,
    "muon_torch": _torch_muon("original"),
    "muon_match_rms": _torch_muon("match_rms_adamw"),
    "normuon": _normuon,
    "scion": _scion(constrained=False),
    "scion_constrained": _scion(constrained=True),
    "lanton": _lanton,
}
