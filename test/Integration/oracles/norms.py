"""Norms, dual norms, linear minimisation oracles and projections.

    dual(X) = max over |Z| <= 1 of <X, Z> ,   lmo(X) = argmin over |Z| <= 1 of <X, Z> ,   so <X, lmo(X)> = -dual(X)

`lmo` is the minimiser: an update adds it. At X = 0 every point of the ball qualifies, and all of these return 0. Where
the minimiser is not unique (ties of the largest entry), the mass is spread evenly over the ties. The formulas are
textbook duality; Scion (arXiv 2502.07529) lists the operator norms and their shape factors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import newton_schulz
from .rule import Array

Polar = Callable[[Array], Array]


@dataclass(frozen=True)
class Norm:
    norm: Callable[[Array], float]
    dual: Callable[[Array], float]
    lmo: Callable[[Array], Array]
    # The nearest point (in Frobenius norm) of the ball of a radius, where that is simple.
    project: Callable[[Array, float], Array] | None = None
    # The method behind `lmo` and the one behind `dual`, where they are not closed formulas.
    method: newton_schulz.Method | None = None
    dual_method: newton_schulz.Method | None = None


def _divide(x: Array, size: Array | float) -> Array:
    """x / size, and 0 where size is 0."""
    size = np.broadcast_to(np.asarray(size, dtype=np.float64), x.shape)
    quotient: Array = np.divide(x, size, out=np.zeros_like(x), where=size != 0)
    return quotient


def _signs_of_largest(x: Array, axis: int | None) -> Array:
    """sign(x) at the entries of the largest magnitude (along an axis), divided by the number of ties."""
    magnitude = np.abs(x)
    largest = (magnitude == magnitude.max(axis=axis, keepdims=True)) & (magnitude > 0)
    ties = np.maximum(largest.sum(axis=axis, keepdims=True), 1)
    signs: Array = np.where(largest, np.sign(x), 0.0) / ties
    return signs


def max_entry() -> Norm:
    """|Z| = max |Z_ij|;  dual: sum |X_ij|;  lmo: -sign(X);  projection: clamp."""
    return Norm(
        norm=lambda z: float(np.abs(z).max()),
        dual=lambda x: float(np.abs(x).sum()),
        lmo=lambda x: -np.sign(x),
        project=lambda x, radius: np.clip(x, -radius, radius),
    )


def l1() -> Norm:
    """|Z| = sum |Z_ij|;  dual: max |X_ij|;  lmo: -sign at the largest entry, evenly over ties;
    projection: soft threshold."""
    return Norm(
        norm=lambda z: float(np.abs(z).sum()),
        dual=lambda x: float(np.abs(x).max()),
        lmo=lambda x: -_signs_of_largest(x, axis=None),
        project=_project_l1,
    )


def _project_l1(x: Array, radius: float) -> Array:
    """The threshold theta with sum max(|x| - theta, 0) = radius, from the sorted magnitudes."""
    if np.abs(x).sum() <= radius:
        return x.copy()
    magnitudes = np.sort(np.abs(x).ravel())[::-1]
    excess = (np.cumsum(magnitudes) - radius) / np.arange(1, magnitudes.size + 1)
    theta = excess[np.nonzero(magnitudes > excess)[0][-1]]
    shrunk: Array = np.sign(x) * np.maximum(np.abs(x) - theta, 0.0)
    return shrunk


def l2() -> Norm:
    """|Z| = |Z|_F, its own dual;  lmo: -X / |X|_F;  projection: rescale."""
    return Norm(
        norm=_frobenius,
        dual=_frobenius,
        lmo=lambda x: -_divide(x, _frobenius(x)),
        project=lambda x, radius: _rescale(x, _frobenius(x), radius),
    )


def rms() -> Norm:
    """|Z| = |Z|_F / sqrt d over all d entries;  dual: sqrt d |X|_F;  lmo: -sqrt d X / |X|_F."""
    return Norm(
        norm=lambda z: float(_frobenius(z) / np.sqrt(z.size)),
        dual=lambda x: float(np.sqrt(x.size) * _frobenius(x)),
        lmo=lambda x: -np.sqrt(x.size) * _divide(x, _frobenius(x)),
        project=lambda x, radius: _rescale(x, _frobenius(x) / np.sqrt(x.size), radius),
    )


def _frobenius(x: Array) -> float:
    return float(np.linalg.norm(x))


def _rescale(x: Array, size: float, radius: float) -> Array:
    return x * (radius / size) if size > radius else x.copy()


def row(p: int = 2) -> Norm:
    """|Z| = max over rows of |Z_i:|_p.  p = 2: dual sum_i |X_i:|_2, lmo -X_i: / |X_i:|_2 row by row.
    p = 1: dual sum_i max_j |X_ij|, lmo -sign at each row's largest entry, evenly over ties."""
    return _blocks(p, axis=1)


def column(p: int = 2) -> Norm:
    """`row` with the axes exchanged."""
    return _blocks(p, axis=0)


def _blocks(p: int, axis: int) -> Norm:
    if p == 2:

        def sizes(x: Array) -> Array:
            return np.asarray(np.linalg.norm(x, axis=axis, keepdims=True))

        return Norm(
            norm=lambda z: float(sizes(z).max()),
            dual=lambda x: float(sizes(x).sum()),
            lmo=lambda x: -_divide(x, sizes(x)),
            project=lambda x, radius: x * np.minimum(1.0, _divide(np.full_like(x, radius), sizes(x)) + (sizes(x) == 0)),
        )
    if p == 1:
        return Norm(
            norm=lambda z: float(np.abs(z).sum(axis=axis).max()),
            dual=lambda x: float(np.abs(x).max(axis=axis).sum()),
            lmo=lambda x: -_signs_of_largest(x, axis=axis),
            project=lambda x, radius: np.apply_along_axis(_project_l1, axis, x, radius),
        )
    raise ValueError(f"no oracle for p = {p}")


def spectral(polar: Polar = newton_schulz.exact_polar, dual_polar: Polar = newton_schulz.exact_polar) -> Norm:
    """|Z| = largest singular value;  dual: sum of singular values = <X, polar(X)>;  lmo: -polar(X) = -U V^T;
    projection: cap the singular values. With an inexact polar factor the lmo and the dual are inexact alike."""
    return Norm(
        norm=lambda z: float(np.linalg.norm(z, 2)),
        dual=lambda x: float(np.sum(x * dual_polar(x))),
        lmo=lambda x: -polar(x),
        project=_cap_singular_values,
        method=polar if isinstance(polar, newton_schulz.Method) else None,
        dual_method=dual_polar if isinstance(dual_polar, newton_schulz.Method) else None,
    )


def _cap_singular_values(x: Array, radius: float) -> Array:
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    capped: Array = (u * np.minimum(s, radius)) @ vt
    return capped


def scaled(base: Norm, factor: Callable[[tuple[int, int]], float]) -> Norm:
    """|Z| = f |Z|_base with f from the shape as stored;  dual: dual_base / f;  lmo: lmo_base / f."""
    project = base.project
    return Norm(
        norm=lambda z: factor(z.shape) * base.norm(z),
        dual=lambda x: base.dual(x) / factor(x.shape),
        lmo=lambda x: base.lmo(x) / factor(x.shape),
        project=None if project is None else lambda x, radius: project(x, radius / factor(x.shape)),
        method=base.method,
        dual_method=base.dual_method,
    )


def scaled_by_shape(base: Norm, rows_power: float, cols_power: float, factor: float = 1.0) -> Norm:
    """`scaled` by factor * rows^a * cols^b."""
    return scaled(base, lambda shape: factor * shape[0] ** rows_power * shape[1] ** cols_power)


def rms_to_rms(
    stored: str, polar: Polar = newton_schulz.exact_polar, dual_polar: Polar = newton_schulz.exact_polar
) -> Norm:
    """Operator norm between RMS norms, sqrt(inputs / outputs) times the spectral norm."""
    outputs_power = -0.5 if stored == "out_in" else 0.5
    return scaled_by_shape(spectral(polar, dual_polar), outputs_power, -outputs_power)


def library(spelling: str, stored: str = "out_in") -> Norm:
    """The norm that an option such as `--norm '#descent.row'` names, with the default methods of the library:
    Jordan's five steps for a direction, eight of Polar Express for a dual norm."""
    polar, dual_polar = newton_schulz.JORDAN_5, newton_schulz.POLAR_EXPRESS_8
    known: dict[str, Callable[[], Norm]] = {
        "#descent.max": max_entry,
        "#descent.l1": l1,
        "#descent.l2": l2,
        "#descent.rms": rms,
        "#descent.row": row,
        "#descent.row<p = 1>": lambda: row(1),
        "#descent.column": column,
        "#descent.column<p = 1>": lambda: column(1),
        "#descent.spectral": lambda: spectral(polar, dual_polar),
        "#descent.rms_to_rms": lambda: rms_to_rms(stored, polar, dual_polar),
    }
    return known[spelling]()
