"""What every oracle looks like: default hyperparameters, `init` and `step` over the layers of one group.

Everything is float64. A weight is a matrix as it lies in memory; a vector is a matrix of one row. `stored` says which
of its axes are the layer's outputs, because shape factors depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from .norms import Norm

Array = npt.NDArray[np.float64]
State = dict[str, Array]
Hyper = Mapping[str, float]


@dataclass
class Layer:
    """One logical layer: a batch member is a layer of its own."""

    w: Array
    g: Array
    state: State
    norm: Norm | None = None
    stored: str = "out_in"
    t: int = 0  # updates of this layer, the present one included

    @property
    def outputs(self) -> int:
        return int(self.w.shape[0 if self.stored == "out_in" else 1])

    @property
    def inputs(self) -> int:
        return int(self.w.shape[1 if self.stored == "out_in" else 0])


@dataclass(frozen=True)
class Rule:
    """`step` changes `w` and `state` of every layer it is given: exactly those that are present in this step."""

    hypers: dict[str, float]
    init: Callable[[Array, Array], State]
    step: Callable[[Sequence[Layer], Hyper], None]


def advance(rule: Rule, layers: Sequence[Layer], gradients: Sequence[Array | None], hyper: Hyper) -> None:
    """One step of a group; a layer whose gradient is None is absent, and neither it nor its count changes."""
    present = []
    for layer, gradient in zip(layers, gradients, strict=True):
        if gradient is None:
            continue
        layer.g = np.array(gradient, dtype=np.float64)
        layer.t += 1
        present.append(layer)
    rule.step(present, {**rule.hypers, **hyper})


def make_layer(rule: Rule, w: npt.ArrayLike, norm: Norm | None = None, stored: str = "out_in") -> Layer:
    weight = np.array(w, dtype=np.float64)
    zero = np.zeros_like(weight)
    return Layer(weight, zero, rule.init(weight, zero), norm, stored)


def lerp(a: Array, b: Array, t: float) -> Array:
    """a at t = 0, b at t = 1."""
    return a + t * (b - a)


def ema(state: Array, x: Array, beta: float) -> Array:
    return beta * state + (1.0 - beta) * x
