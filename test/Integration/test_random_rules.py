"""Random rules: what the planner makes of them equals the operations done one by one, by NumPy and without fusion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import descent
import numpy as np
import numpy.typing as npt
import pytest
from descent.compiler import find_program
from harness import EPS, decode, encode

pytestmark = pytest.mark.skipif(find_program() is None, reason="descent-compile is not built")

Value = npt.NDArray[np.float64] | float
MATRIX, NUMBER = "tensor<?x?xf64>", "f64"
ROWS, COLS = "tensor<?xf64, #descent.dims<rows>>", "tensor<?xf64, #descent.dims<cols>>"
SHAPES = ((5, 9), (17, 3), (1, 20))
STATES = {"m": MATRIX, "v": MATRIX, "r": ROWS, "c": COLS, "h": NUMBER}
ROLES = {"m": "state", "v": "state", "r": "row_state", "c": "column_state", "h": "layer_state"}


@dataclass
class Rule:
    """The text of a rule, and how each of its values follows from its operands, for all layers at once."""

    lines: list[str] = field(default_factory=list)
    steps: list[tuple[str, Callable[..., list[Value]], tuple[str, ...]]] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)

    def add(self, text: str, result: str, function: Callable[..., list[Value]], *operands: str) -> str:
        name = f"x{len(self.steps)}"
        self.lines.append(f"  %{name} = {text}")
        self.steps.append((name, function, operands))
        self.types[name] = result
        return name


def each(function: Callable[..., Value]) -> Callable[..., list[Value]]:
    """Of every layer by itself."""
    return lambda *operands: [function(*layer) for layer in zip(*operands, strict=True)]


def add_squash(rule: Rule, x: str) -> str:
    """x / (1 + |x|) keeps numbers moderate, so that only orders of summation differ."""
    kind = rule.types[x]
    one = "one"
    if kind != NUMBER:
        one = rule.add(f"descent.broadcast %one : f64 to {kind}", kind, each(lambda a: np.ones_like(a)), x)
    size = rule.add(f"math.absf %{x} : {kind}", kind, each(np.abs), x)
    below = rule.add(f"arith.addf %{size}, %{one} : {kind}", kind, each(lambda a: a + 1.0), size)
    return rule.add(f"arith.divf %{x}, %{below} : {kind}", kind, each(lambda a, b: a / b), x, below)


def add_broadcast(rule: Rule, x: str) -> str:
    kind = rule.types[x]
    spread = {
        NUMBER: lambda a, w: np.full_like(w, a),
        ROWS: lambda a, w: a[:, None] + 0.0 * w,
        COLS: lambda a, w: a[None, :] + 0.0 * w,
    }[kind]
    return rule.add(f"descent.broadcast %{x} : {kind} to {MATRIX}", MATRIX, each(spread), x, "w")


def sum_squares(a: Value, axis: int | None) -> Value:
    return np.sum(np.square(a), axis=axis)


def add_product(rule: Rule, x: str, other: str, first: bool) -> str:
    """squash(X X^T + Y X^T) X on the orientation with the short side first, and back; Y X^T, which is not symmetric,
    is computed first or last."""
    wide, square = MATRIX[:-1] + ", #descent.dims<short, long>>", MATRIX[:-1] + ", #descent.dims<short, short>>"

    def turn(a: npt.NDArray[np.float64], tall: bool) -> npt.NDArray[np.float64]:
        return a.T if tall else a

    def is_tall(w: Value) -> bool:
        rows, cols = np.shape(w)
        return bool(rows > cols)

    def orient(matrix: str) -> str:
        return rule.add(f"descent.orient %{matrix} : {MATRIX} to {wide}", wide,
                        each(lambda a, w: turn(a, is_tall(w))), matrix, "w")

    def square_product(left: str, right: str, symmetric: str = "") -> str:
        return rule.add(f"descent.product %{left}, %{right} transposed{symmetric} : {wide}, {wide} to {square}", square,
                        each(lambda a, b: a @ b.T), left, right)

    o = orient(x)
    cross = square_product(orient(other), o) if first else ""
    gram = square_product(o, o, " symmetric")
    cross = cross or square_product(orient(other), o)
    small = rule.add(f"arith.addf %{gram}, %{cross} : {square}", square, each(np.add), gram, cross)
    rule.add(f"descent.inner %{gram}, %{cross} : {square}", NUMBER, each(lambda a, b: float(np.sum(a * b))), gram,
             cross)
    small = add_squash(rule, small)
    y = rule.add(f"descent.product %{small}, %{o} : {square}, {wide} to {wide}", wide, each(np.matmul), small, o)
    y = add_squash(rule, y)
    return rule.add(f"descent.orient %{y} : {wide} to {MATRIX}", MATRIX, each(lambda a, w: turn(a, is_tall(w))), y, "w")


def add_scaled_sum(rule: Rule, x: str, factor: str) -> str:
    """sum (x z)^2 or sum (x / (1 + |z|))^2 with a number z a row, a column or in all, beside the sums of rows."""
    rows = rule.add(f"descent.reduce sum_squares %{x} : {MATRIX} to {ROWS}", ROWS, each(lambda a: sum_squares(a, 1)), x)
    spread = add_broadcast(rule, factor)
    scaled = rule.add(f"arith.mulf %{x}, %{spread} : {MATRIX}", MATRIX, each(np.multiply), x, spread)
    total = rule.add(f"descent.reduce sum_squares %{scaled} : {MATRIX} to f64", NUMBER,
                     each(lambda a: float(sum_squares(a, None))), scaled)
    add_squash(rule, rows)
    return add_squash(rule, total)


def add_random(rule: Rule, random: np.random.Generator) -> None:
    """One more operation on values that exist."""

    def pick(*kinds: str) -> str:
        return str(random.choice([name for name, kind in rule.types.items() if kind in kinds]))

    choice = random.integers(9)
    if choice <= 2:
        x = pick(MATRIX, MATRIX, ROWS, COLS, NUMBER)
        kind = rule.types[x]
        y = pick(kind)
        op, function = [("addf", np.add), ("subf", np.subtract), ("mulf", np.multiply)][choice]
        add_squash(rule, rule.add(f"arith.{op} %{x}, %{y} : {kind}", kind, each(function), x, y))
    elif choice == 3:
        x = pick(MATRIX)
        target, axis = [(NUMBER, None), (ROWS, 1), (COLS, 0)][random.integers(3)]
        name, function = [("sum", np.sum), ("max", np.max), ("min", np.min)][random.integers(3)]
        reduced = rule.add(f"descent.reduce {name} %{x} : {MATRIX} to {target}", target,
                           each(lambda a: function(a, axis=axis)), x)
        add_squash(rule, reduced)
    elif choice == 4:
        add_broadcast(rule, pick(NUMBER, ROWS, COLS))
    elif choice == 5:
        x, y = pick(MATRIX), pick(MATRIX)
        truth = f"t{len(rule.steps)}"
        rule.lines.append(f"  %{truth} = arith.cmpf ogt, %{x}, %{y} : {MATRIX}")
        rule.add(f"arith.select %{truth}, %{x}, %{y} : tensor<?x?xi1>, {MATRIX}", MATRIX, each(np.maximum), x, y)
    elif choice == 6:
        add_product(rule, pick(MATRIX), pick(MATRIX), bool(random.integers(2)))
    elif choice == 7:
        add_scaled_sum(rule, pick(MATRIX), pick(NUMBER, ROWS, COLS))
    else:
        x = pick(NUMBER)
        name, function = [("sum", np.sum), ("max", np.max), ("min", np.min)][random.integers(3)]
        total = rule.add(f"descent.over_layers {name} %{x} in group", NUMBER,
                         lambda values: [float(function(values))] * len(values), x)
        add_squash(rule, total)


def make_rule(seed: int) -> tuple[Rule, dict[str, str]]:
    """A rule, and the values that it stores in the weight and in every state."""
    random = np.random.default_rng(seed)
    rule = Rule(types={"w": MATRIX, "g": MATRIX, **STATES})
    for _ in range(random.integers(6, 22)):
        add_random(rule, random)
    # Everything that is given is read.
    mixed = rule.add(f"arith.addf %g, %m : {MATRIX}", MATRIX, each(np.add), "g", "m")
    updates = {"w": add_squash(rule, mixed)}
    for state, kind in STATES.items():
        candidates = [name for name, other in rule.types.items() if other == kind and name != state]
        value = str(random.choice(candidates or [state]))
        if not candidates or random.integers(2):
            updates[state] = rule.add(f"arith.addf %{state}, %{value} : {kind}", kind, each(np.add), state, value)
            continue
        # Another value as it is, be it another state. The state itself is read by the weight.
        updates[state] = value
        read = add_squash(rule, state)
        if kind != MATRIX:
            read = add_broadcast(rule, read)
        w = updates["w"]
        updates["w"] = rule.add(f"arith.addf %{w}, %{read} : {MATRIX}", MATRIX, each(np.add), w, read)
    last = [name for name, kind in rule.types.items() if kind == MATRIX][-3]
    updates["w"] = rule.add(f"arith.addf %{updates['w']}, %{last} : {MATRIX}", MATRIX, each(np.add), updates["w"], last)
    return rule, updates


def write(rule: Rule, updates: dict[str, str]) -> str:
    states = ", ".join(f"%{name}: {role}" for name, role in ROLES.items())
    stored = ", ".join(f"%{name} = %{value}" for name, value in updates.items())
    types = ", ".join(rule.types[value] for value in updates.values())
    head = f"descent.optimizer @random(%w: param, %g: grad, {states}) {{\n  %one = arith.constant 1.0 : f64\n"
    return head + "\n".join(rule.lines) + f"\n  descent.update {stored} : {types}\n}}\n"


def run(source: Path, storage: str, *options: str, steps: int = 3) -> dict[str, list[npt.NDArray[np.float64]]]:
    """Weights and states after some steps with random gradients, the same for all storages up to rounding."""
    artifact = descent.compile(source, source.with_name("-".join(("random", storage, *options)) + ".so"), "--storage",
                               storage, "--stored", "out_in", *options)
    random = np.random.default_rng(len(source.read_text()))
    weights = [encode(random.standard_normal(shape), storage) for shape in SHAPES]
    gradients = [encode(np.zeros(shape), storage) for shape in SHAPES]
    layers = [descent.Layer(f"l{i}", w, g) for i, (w, g) in enumerate(zip(weights, gradients, strict=True))]
    with artifact.optimizer(layers, threads=2) as optimizer:
        for _ in range(steps):
            for g in gradients:
                g[...] = encode(random.standard_normal(g.shape), storage)
            optimizer.step()
        states = {name: [np.array(optimizer.states[layer.name][name], np.float64) for layer in layers]
                  for name in STATES}
    return {"w": [decode(w, storage) for w in weights], **states}


# A rule is a chain of at most 30 operations, whose slopes are at most 1 but for sums (of 180 squares at most) and
# differences: an error of a rounding grows a thousandfold at worst.
@pytest.mark.parametrize(("storage", "steps", "bound"), [("f32", 3, 1e3 * EPS["f32"]), ("bf16", 1, 4 * EPS["bf16"])])
@pytest.mark.parametrize("seed", range(60, 72))
def test_fusion_changes_roundings_only(tmp_path: Path, seed: int, storage: str, steps: int, bound: float) -> None:
    source = tmp_path / "random.mlir"
    source.write_text(write(*make_rule(seed)))
    fused, separate = run(source, storage, steps=steps), run(source, storage, "--no-fusion", steps=steps)
    for name, values in fused.items():
        for found, expected in zip(values, separate[name], strict=True):
            np.testing.assert_allclose(found, expected, rtol=bound, atol=bound, err_msg=name)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("options", [(), ("--no-fusion",)], ids=["fused", "separate"])
def test_a_random_rule_equals_its_operations_one_by_one(tmp_path: Path, options: tuple[str, ...], seed: int) -> None:
    rule, updates = make_rule(seed)
    source = tmp_path / "random.mlir"
    source.write_text(write(rule, updates))
    artifact = descent.compile(source, tmp_path / "random.so", "--storage", "f64", "--stored", "out_in",
                               *options)
    random = np.random.default_rng(1000 + seed)
    weights = [random.standard_normal(shape) for shape in SHAPES]
    gradients = [random.standard_normal(shape) for shape in SHAPES]
    values: dict[str, list[Value]] = {"w": [w.copy() for w in weights], "m": [np.zeros(s) for s in SHAPES]}
    values |= {"v": [np.zeros(s) for s in SHAPES], "r": [np.zeros(s[0]) for s in SHAPES]}
    values |= {"c": [np.zeros(s[1]) for s in SHAPES], "h": [0.0 for _ in SHAPES]}
    layers = [descent.Layer(f"l{i}", w, g) for i, (w, g) in enumerate(zip(weights, gradients, strict=True))]
    with artifact.optimizer(layers, threads=2) as optimizer:
        for _ in range(3):
            for g in gradients:
                g[...] = random.standard_normal(g.shape)
            values["g"] = [g.copy() for g in gradients]
            for name, function, operands in rule.steps:
                values[name] = function(*(values[operand] for operand in operands))
            optimizer.step()
            values |= {name: [np.copy(v) for v in values[value]] for name, value in updates.items()}
        for i, w in enumerate(weights):
            np.testing.assert_allclose(w, values["w"][i], rtol=1e-9, atol=1e-9)
            for name in STATES:
                got = np.asarray(optimizer.states[f"l{i}"][name]).reshape(np.shape(values[name][i]))
                np.testing.assert_allclose(got, values[name][i], rtol=1e-9, atol=1e-9, err_msg=name)
