"""Newton-Schulz towards the polar factor U V^T of X = U S V^T (Jordan 2024; Polar Express, arXiv 2505.16932).

    Y_0 = X / nu(X) ,   A = Y Y^T ,   Y <- a Y + (b A + c A^2) Y      for every (a, b, c) of a list

In exact arithmetic every singular value follows s <- a s + b s^3 + c s^5, and U, V never change: `apply_to_spectrum`
computes the same result from the SVD, and the two check each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .rule import Array

Coefficients = tuple[tuple[float, float, float], ...]

# KellerJordan/Muon: steep at zero, and content with singular values in about [0.68, 1.13].
JORDAN: Coefficients = ((3.4445, -4.7750, 2.0315),) * 5

# Jiacheng You's list.
YOU: Coefficients = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)

# CANS of degree 5 (arXiv 2506.10935); more steps repeat the last row.
CANS: Coefficients = (
    (8.4703, -25.1081, 18.6293),
    (4.1828, -3.1087, 0.5806),
    (3.9619, -2.9541, 0.5630),
    (3.2866, -2.4647, 0.5074),
    (2.2737, -1.6447, 0.4162),
)

# Turbo-Muon (arXiv 2512.04632): four steps.
TURBO: Coefficients = (
    (4.6051, -9.6552, 5.6769),
    (4.7505, -6.0861, 2.1790),
    (2.7763, -2.3190, 0.5523),
    (2.4231, -2.2861, 0.8193),
)

# Polar Express for singular values down to 1e-3, before its safety factor.
_POLAR_EXPRESS: Coefficients = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
    (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
    (1.891301407787398, -1.2679958271945868, 0.37680408948524835),
    (1.8750014808534479, -1.2500016453999487, 0.3750001645474248),
    (1.875, -1.25, 0.375),
)


def polar_express(steps: int, safety: float = 1.01) -> Coefficients:
    """The published list with p(x / safety) for p(x) in all rows but the last of the table, which then repeats."""
    scaled = [(a / safety, b / safety**3, c / safety**5) for a, b, c in _POLAR_EXPRESS[:-1]]
    rows = scaled + [_POLAR_EXPRESS[-1]] * max(0, steps - len(scaled))
    return tuple(rows[:steps])


def n1(x: Array) -> float:
    """KellerJordan/Muon: |X|_F + 1e-7."""
    return float(np.linalg.norm(x)) + 1e-7


def n2(x: Array) -> float:
    """torch.optim.Muon: max(|X|_F, 1e-7)."""
    return max(float(np.linalg.norm(x)), 1e-7)


def n3(x: Array) -> float:
    """Polar Express: 1.01 |X|_F + 1e-7."""
    return 1.01 * float(np.linalg.norm(x)) + 1e-7


def scale_rows(x: Array) -> Array:
    """Turbo-Muon's preconditioning (AOL): each row of the wide orientation divided by the root of its sum of |X X^T|,
    after which no singular value exceeds 1 (Gershgorin)."""
    if x.shape[0] > x.shape[1]:
        return scale_rows(x.T).T
    sums = np.abs(x @ x.T).sum(axis=1, keepdims=True)
    return np.asarray(x / np.sqrt(np.maximum(sums, 1e-7)))


@dataclass(frozen=True)
class Method:
    """A list of quintics and the rule that scales the input into their range."""

    coefficients: Coefficients
    normalise: Callable[[Array], float]

    def __call__(self, x: Array) -> Array:
        return iterate(x / self.normalise(x), self.coefficients)

    @property
    def slope_at_zero(self) -> float:
        """By how much the smallest singular values, and rounding errors next to them, are amplified."""
        return float(np.prod([a for a, _, _ in self.coefficients]))


def iterate(y: Array, coefficients: Sequence[tuple[float, float, float]]) -> Array:
    """Works on the wide orientation, as the Gram matrix is then the smaller one."""
    tall = y.shape[0] > y.shape[1]
    y = y.T if tall else y
    for a, b, c in coefficients:
        gram = y @ y.T
        y = a * y + (b * gram + c * (gram @ gram)) @ y
    return y.T if tall else y


def apply_to_spectrum(y: Array, coefficients: Sequence[tuple[float, float, float]]) -> Array:
    """`iterate`, through the SVD."""
    u, s, vt = np.linalg.svd(y, full_matrices=False)
    for a, b, c in coefficients:
        s = a * s + b * s**3 + c * s**5
    return np.asarray((u * s) @ vt)


def exact_polar(x: Array) -> Array:
    """U V^T over the singular values that are not zero; 0 at X = 0."""
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    rank = s > np.finfo(np.float64).eps * max(x.shape) * s[0]
    return np.asarray(u[:, rank] @ vt[rank])


JORDAN_5 = Method(JORDAN, n1)
TORCH_5 = Method(JORDAN, n2)
YOU_5 = Method(YOU, n1)
CANS_5 = Method(CANS, n3)
TURBO_4 = Method(TURBO, n1)
GRAM_5 = Method(polar_express(5, 1.05), n1)
POLAR_EXPRESS_5 = Method(polar_express(5), n3)
POLAR_EXPRESS_8 = Method(polar_express(8), n3)
