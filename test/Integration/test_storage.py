"""Every rule with every storage policy, to the bit.

A step under a policy is the step in f32 from the numbers that memory holds, each result then stored as the policy says:
the f32 artifact, which other tests compare with the oracles, computes the former, `oracles.storage` models the latter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import descent
import numpy as np
import pytest
from descent.manifest import Group
from harness import Case, Tensor, make_layer_entry
from oracles import storage as model
from test_rules import CASES, REPRESENTATIVES

Compile = Callable[[Case, str], descent.Artifact]
Stored = np.ndarray[Any, Any]

POLICIES = (
    "bf16",
    "f16",
    "param = f16, grad = f32, states = f16",
    "param = f32, grad = bf16, states = bf16",
    "param = bf16, master = f32",
    "param = f16, master = f32, states = bf16",
    "param = bf16, grad = f32, master = remainder",
    "param = bf16, master = remainder, states = f16",
    "param = bf16, master = remainder, states = bf16, rounding = stochastic",
    "param = f32, grad = f16, states = q8<64>",
    "param = bf16, rounding = stochastic",
    "param = f32, states = bf16, rounding = stochastic",
    "param = bf16, master = f32, states = bf16, rounding = stochastic",
    "param = f32, states = q8",
    "param = bf16, states = q8<64>, rounding = stochastic",
    "param = bf16, master = remainder, states = q8<128, signed>",
)
TENSORS = (
    Tensor("wide", (24, 56)),
    Tensor("tall", (56, 24), "padded"),
    Tensor("odd", (13, 7), "padded"),
    Tensor("one_column", (37, 1)),
    Tensor("one_element", (1, 1)),
    Tensor("experts", (3, 9, 14)),
    Tensor("heads", (2, 11, 6), "interleaved"),
    Tensor("vector", (53,)),
    Tensor("blocks", (2, 256)),
    Tensor("blocks_and_more", (5, 300), "padded"),
)
# With several tiles, and parts of blocks at the ends of rows.
LARGE = (Tensor("large", (310, 450), "padded"), Tensor("long", (2, 70001)))

SEED = 2**63 + 12345
DTYPES = {"f32": np.float32, "bf16": np.uint16, "f16": np.float16}


def allocate(tensor: Tensor, dtype: Any, padding: int) -> Stored:
    *batch, rows, cols = (1, *tensor.shape) if len(tensor.shape) == 1 else tensor.shape
    if tensor.layout == "interleaved":
        base = np.zeros((rows, batch[0] * cols + padding), dtype)
        return base[:, : batch[0] * cols].reshape(rows, batch[0], cols).transpose(1, 0, 2)
    base = np.zeros((*batch, rows, cols + (padding if tensor.layout == "padded" else 0)), dtype)[..., :cols]
    return base[0] if len(tensor.shape) == 1 else base


def decode(array: Stored, type_name: str) -> Stored:
    return model.bf16_widen(array) if type_name == "bf16" else array.astype(np.float32)


def encode(values: Stored, type_name: str) -> Stored:
    with np.errstate(over="ignore"):
        return model.bf16_nearest(values) if type_name == "bf16" else values.astype(DTYPES[type_name])


class Storage:
    """What a group's layers have in memory."""

    def __init__(self, group: Group) -> None:
        self.types = {"w": group.weight, "g": group.gradient} | {s.name: s.type for s in group.states}
        self.scopes = {s.name: s.scope for s in group.states}
        self.blocks = {s.name.removesuffix("_scale"): s.block for s in group.states if s.scope == "block"}
        tensors = [s.name for s in group.states if s.scope not in ("layer", "block")]
        self.streams = {"w": 0} | {name: 1 + place for place, name in enumerate(tensors)}


@dataclass
class Twins:
    """An optimizer under a policy, and one in f32 that always starts from the same numbers. Every group of the artifact
    has a case and all tensors."""

    cases: Sequence[Case]
    policy: str
    tensors: tuple[Tensor, ...]
    artifact: descent.Artifact
    plain: descent.Artifact
    threads: int = 1
    # Both sum in the same order. If not, numbers a layer, which are f64, differ in last places.
    sums_alike: bool = True

    def __post_init__(self) -> None:
        self.shapes: list[Tensor] = []
        self.storages: list[Storage] = []
        self.layers: list[descent.Layer] = []
        self.plain_layers: list[descent.Layer] = []
        self.hyper = {}
        for group, case in zip(self.artifact.groups, self.cases, strict=True):
            self.hyper[group.name] = {"lr": 0.05, **case.hyper}
            for tensor in self.tensors:
                self._add(group, tensor)
        self.optimizer = self.artifact.optimizer(self.layers, threads=self.threads, seed=SEED, products="own")
        # Where kernels are simulated, blocks and threads run in another order.
        self.twin = self.plain.optimizer(self.plain_layers, simulator_seed=1, products="own")
        self.t = 0

    def _add(self, group: Group, tensor: Tensor) -> None:
        storage, name = Storage(group), f"{group.name} {tensor.name}"
        weight, gradient = (allocate(tensor, DTYPES[storage.types[key]], 3) for key in "wg")
        weight[...] = encode(self._random(tensor, 0).astype(np.float32), storage.types["w"])
        pair = (allocate(tensor, np.float32, 5) for _ in range(2))
        self.shapes.append(tensor)
        self.storages.append(storage)
        self.layers.append(make_layer_entry(group, name, weight, gradient))
        self.plain_layers.append(make_layer_entry(group, name, *pair))

    def _random(self, tensor: Tensor, t: int) -> Stored:
        generator = np.random.default_rng([t, *tensor.name.encode()])
        return generator.standard_normal(tensor.shape)

    def weight(self, index: int) -> Stored:
        """The parameter at its full precision."""
        layer = self.layers[index]
        states = self.optimizer.states[layer.name]
        if "master" in states:
            return states["master"].copy()
        if "remainder" in states:
            return model.join(layer.weight, states["remainder"])
        return decode(layer.weight, self.storages[index].types["w"])

    def state(self, index: int, name: str) -> Stored:
        storage, states = self.storages[index], self.optimizer.states[self.layers[index].name]
        array = states[name]
        if name in storage.blocks:
            signed, block = storage.types[name] == "q8_signed", storage.blocks[name]
            return model.q8_decode(array, states[f"{name}_scale"], signed, block)
        return array.copy() if storage.scopes[name] == "layer" else decode(array, storage.types[name])

    def step(self, absent: Sequence[str] = (), found_inf: float = 0.0) -> None:
        """`absent`: names of tensors."""
        self.t += 1
        for index, (layer, plain) in enumerate(zip(self.layers, self.plain_layers, strict=True)):
            assert layer.gradient is not None and plain.gradient is not None
            type_name = self.storages[index].types["g"]
            layer.gradient[...] = encode(self._random(self.shapes[index], self.t), type_name)
            plain.gradient[...] = decode(layer.gradient, type_name)
            plain.weight[...] = self.weight(index)
            for name, array in self.twin.states[layer.name].items():
                array[...] = self.state(index, name)
        for optimizer, layers in ((self.optimizer, self.layers), (self.twin, self.plain_layers)):
            given = [None if shape.name in absent else layer.gradient
                     for shape, layer in zip(self.shapes, layers, strict=True)]
            optimizer.step(self.t, hyper=self.hyper, gradients=given, found_inf=found_inf)

    def check(self, absent: Sequence[str] = ()) -> None:
        for index, layer in enumerate(self.layers):
            if self.shapes[index].name in absent:
                continue
            new = self.twin.states[layer.name]
            for name, array in self.expected(index, self.plain_layers[index].weight, new).items():
                found = self.layers[index].weight if name == "w" else self.optimizer.states[layer.name][name]
                same = np.ascontiguousarray(found).tobytes() == np.ascontiguousarray(array).tobytes()
                if self.sums_alike or self.storages[index].scopes.get(name) != "layer":
                    assert same, f"{layer.name}: '{name}' differs\n{found}\n{array}"
                else:
                    np.testing.assert_allclose(found, array, rtol=1e-13, err_msg=f"{layer.name}: {name}")

    def expected(self, index: int, weight: Stored, states: dict[str, Stored]) -> dict[str, Stored]:
        """What memory holds after a step whose results in f32 these are."""
        stored, storage = {}, self.storages[index]
        for name, values in states.items():
            if name in storage.blocks:
                signed, block = storage.types[name] == "q8_signed", storage.blocks[name]
                stored[name], stored[f"{name}_scale"] = model.q8_encode(values, signed, block)
            else:
                stored[name] = values if storage.scopes[name] == "layer" else self.store(index, name, values)
        kept = self.optimizer.states[self.layers[index].name]
        if "remainder" in kept:
            stored["w"], stored["remainder"] = model.split(weight)
            return stored
        if "master" in kept:
            stored["master"] = weight
        stored["w"] = self.store(index, "w", weight)
        return stored

    def store(self, index: int, name: str, values: Stored) -> Stored:
        """Rounded as the policy says; random numbers are of the logical layer, and number its elements."""
        storage, layer = self.storages[index], self.layers[index]
        if storage.types[name] != "bf16" or "stochastic" not in self.policy:
            return encode(values, storage.types[name])
        rounded = []
        for member, values_of_one in enumerate(values if layer.weight.ndim == 3 else [values]):
            matrix = np.atleast_2d(values_of_one)
            bits = model.random_bits(
                model.random_key(SEED, self.t, layer.id, member), storage.streams[name], matrix.shape
            )
            rounded.append(model.bf16_stochastic(matrix, bits >> 16))
        return np.stack(rounded).reshape(values.shape)

    def bits(self) -> list[bytes]:
        """What memory holds."""
        return [a.tobytes() for x in self.layers for a in (x.weight, *self.optimizer.states[x.name].values())]


def twins(compiled: Compile, case: Case, policy: str, tensors: tuple[Tensor, ...], threads: int = 1) -> Twins:
    return Twins((case,), policy, tensors, compiled(case, policy), compiled(case, "f32"), threads)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_step_stores_what_the_policy_says(case: Case, policy: str, compiled: Compile) -> None:
    pair = twins(compiled, case, policy, TENSORS)
    for _ in range(3):
        pair.step()
        pair.check()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("case", REPRESENTATIVES, ids=str)
def test_large_layers_on_two_threads(case: Case, policy: str, compiled: Compile) -> None:
    pair = twins(compiled, case, policy, LARGE, threads=2)
    pair.step()
    pair.check()


def test_the_model_agrees_with_published_vectors() -> None:
    """bitsandbytes' codes of a decaying wave, and stochastic rounding with given random numbers."""
    i = np.arange(300)
    codes, scales = model.q8_encode((np.sin(0.05 * i) * np.exp(-i / 100)).astype(np.float32)[np.newaxis], True, 256)
    np.testing.assert_allclose(scales, [[0.7448472, 0.06034851]], rtol=1e-7)
    assert [int(codes[0, k]) for k in (0, 1, 2, 50, 100, 200, 299)] == [127, 179, 193, 218, 37, 64, 224]
    assert int(codes.sum()) == 45111
    x = np.array([0x3F804000, 0x3F804000, 0xBF806D3A, 0xBF806D3A], np.uint32).view(np.float32)
    rounded = model.bf16_stochastic(x, [0xBFFF, 0xC000, 0x92C5, 0x92C6])
    assert rounded.tolist() == [0x3F80, 0x3F81, 0xBF80, 0xBF81]


def store_by_sgd(compiled: Compile, policy: str, values: Stored, seed: int = 0) -> tuple[Stored, dict[str, Stored]]:
    """Weight and states after a step from zero, of which the gradient is the momentum and its negative the weight."""
    artifact = compiled(Case("sgd"), policy)
    (group,) = artifact.groups
    weight, gradient = np.zeros(values.shape, DTYPES[group.weight]), np.ascontiguousarray(values, np.float32)
    optimizer = artifact.optimizer([descent.Layer("w", weight, gradient, id=5)], seed=seed)
    optimizer.step(3, hyper={"lr": 1.0, "momentum": 1.0, "weight_decay": 0.0})
    return weight, dict(optimizer.states["w"])


def hard_numbers() -> Stored:
    """Bit patterns of all exponents, with the mantissas near which formats round."""
    exponents = np.arange(256, dtype=np.uint32)[:, np.newaxis] << 23
    ends = np.array([0, 1, 2, 0x7FFF, 0x8000, 0x8001, 0xFFFF, 0x0FFF, 0x1000, 0x1001, 0x1FFF], np.uint32)
    middles = np.array([0, 0x10000, 0x2000, 0x7F0000, 0x3F2000, 0x400000], np.uint32)
    mantissas = (ends[:, np.newaxis] | middles).reshape(1, -1)
    bits = (exponents | mantissas).reshape(-1)
    return np.stack([bits, bits | 0x80000000]).view(np.float32)


def negated(values: Stored) -> Stored:
    """0 - values: zeros are positive."""
    with np.errstate(invalid="ignore"):  # of signalling NaNs
        return np.float32(0) - values


@pytest.mark.parametrize("policy", ["f16", "bf16"])
def test_every_kind_of_number_is_rounded_to_nearest_even(policy: str, compiled: Compile) -> None:
    values = hard_numbers()
    weight, _ = store_by_sgd(compiled, f"param = {policy}, grad = f32", values)
    expected = encode(negated(values), policy)
    nan = np.isnan(values)
    np.testing.assert_array_equal(weight[~nan].view(np.uint16), expected[~nan].view(np.uint16))
    assert np.isnan(decode(weight, policy)[nan]).all()


def test_every_kind_of_number_is_rounded_by_chance(compiled: Compile) -> None:
    values = hard_numbers()
    weight, _ = store_by_sgd(compiled, "param = bf16, grad = f32, rounding = stochastic", values, seed=9)
    bits = model.random_bits(model.random_key(9, 3, 5, 0), 0, (values.shape[0], values.shape[1]))
    expected = model.bf16_stochastic(negated(values), bits >> 16)
    nan = np.isnan(values)
    np.testing.assert_array_equal(weight[~nan], expected[~nan])
    assert np.isnan(model.bf16_widen(weight)[nan]).all()


def test_chance_is_right_on_average(compiled: Compile) -> None:
    """1 + 1/512 is a quarter of the way from 1 to the next bf16; the mean of n draws is off by sqrt(3 / 16 / n)."""
    values = np.full((500, 600), -1.0 - 1.0 / 512, np.float32)
    weight, _ = store_by_sgd(compiled, "param = bf16, grad = f32, rounding = stochastic", values, seed=1)
    ups = weight == 0x3F81
    assert set(np.unique(weight)) == {0x3F80, 0x3F81}
    for part in (ups, ups[::2], ups[:, ::2], ups[:100], ups[:, :100]):
        assert abs(part.mean() - 0.25) < 5 * np.sqrt(3 / 16 / part.size)
    other, _ = store_by_sgd(compiled, "param = bf16, grad = f32, rounding = stochastic", values, seed=2)
    assert abs(np.corrcoef(ups.ravel(), (other == 0x3F81).ravel())[0, 1]) < 5 / np.sqrt(ups.size)


@pytest.mark.parametrize("sign", ["signed", "unsigned"])
def test_codes_are_the_nearest_at_every_boundary(sign: str, compiled: Compile) -> None:
    signed = sign == "signed"
    numbers = model.code_map(signed)
    middles = ((numbers[1:].astype(np.float64) + numbers[:-1]) / 2).astype(np.float32)
    above, below = (np.nextafter(middles, np.float32(end)) for end in (2, -2))
    near = np.concatenate([middles, above, below, numbers])
    rows = []
    for scale in (1.0, 0.7448472, 3.1e-20, 2.0e30, 2.0**-126, 3.4028235e38):
        entries = (near * np.float32(scale)).astype(np.float32)
        blocks = entries[: entries.size // 255 * 255].reshape(-1, 255)
        rows.append(np.concatenate([np.full((len(blocks), 1), scale, np.float32), blocks], axis=1).reshape(1, -1))
    values = np.concatenate(rows)
    _, states = store_by_sgd(compiled, f"states = q8<256, {sign}>", values)
    codes, scales = model.q8_encode(values, signed, 256)
    np.testing.assert_array_equal(states["m_scale"], scales)
    np.testing.assert_array_equal(states["m"], codes)


def test_blocks_of_zeros_and_of_what_is_not_finite(compiled: Compile) -> None:
    values = np.random.default_rng(0).standard_normal((6, 700)).astype(np.float32)
    values[0] = 0.0
    values[1, :256] = 2.0**-127
    values[2, 300], values[3, 699], values[4, 0] = np.inf, np.nan, -np.inf
    _, states = store_by_sgd(compiled, "states = q8", values)
    codes, scales = model.q8_encode(values, True, 256)
    np.testing.assert_array_equal(states["m_scale"], scales)
    np.testing.assert_array_equal(states["m"], codes)
    assert np.isnan(scales).sum() == 3


def test_a_skipped_step_and_an_absent_layer_leave_codes_alone(compiled: Compile) -> None:
    pair = twins(compiled, next(c for c in CASES if c.rule == "adamw"), "param = bf16, states = q8", TENSORS)
    pair.step()
    kept = pair.bits()
    pair.optimizer.step(2, found_inf=1.0)
    pair.optimizer.step(2, gradients=[None] * len(TENSORS))
    assert kept == pair.bits()


def test_bits_do_not_depend_on_threads_or_on_where_rows_lie(compiled: Compile) -> None:
    policy = "param = bf16, states = q8<64>, rounding = stochastic"
    case = next(c for c in CASES if c.rule == "adamw")
    packed = tuple(Tensor(tensor.name, tensor.shape) for tensor in LARGE)
    tables = ((LARGE, 1), (LARGE, 3), (packed, 2))
    runs = [twins(compiled, case, policy, tensors, threads) for tensors, threads in tables]
    for run in runs:
        run.step()
    for index, layer in enumerate(runs[0].layers):
        for other in runs[1:]:
            assert layer.weight.tobytes() == other.layers[index].weight.tobytes()
            for name, array in runs[0].optimizer.states[layer.name].items():
                assert array.tobytes() == other.optimizer.states[layer.name][name].tobytes(), name


def test_a_checkpoint_of_another_policy_is_refused(compiled: Compile) -> None:
    case = next(c for c in CASES if c.rule == "adamw")
    policies = ("f32", "states = bf16", "states = q8", "states = q8<64>", "param = bf16, master = f32",
                "param = bf16, master = remainder", "states = q8, v = q8<256, signed>")
    made = {policy: twins(compiled, case, policy, TENSORS[:2]).optimizer for policy in policies}
    for one, optimizer in made.items():
        for other, target in made.items():
            if one == other:
                target.load(optimizer.save())
                continue
            with pytest.raises(descent.Error) as error:
                target.load(optimizer.save())
            assert error.value.code == descent.Code.FOREIGN_STATE


def quadratic(compiled: Compile, policy: str, steps: int = 300) -> float:
    """The loss that AdamW reaches on a badly scaled quadratic with noise."""
    artifact = compiled(next(c for c in CASES if c.rule == "adamw"), policy)
    (group,) = artifact.groups
    random = np.random.default_rng(0)
    target, scale = random.standard_normal((40, 512)), np.geomspace(1e-3, 1.0, 512)
    weight = np.zeros(target.shape, DTYPES[group.weight])
    gradient = np.zeros(target.shape, DTYPES[group.gradient])
    with artifact.optimizer([descent.Layer("w", weight, gradient)], seed=3) as optimizer:
        for step in range(1, steps + 1):
            error = decode(weight, group.weight) - target
            noise = 0.1 * random.standard_normal(target.shape)
            gradient[...] = encode(((error + noise) * scale).astype(np.float32), group.gradient)
            optimizer.step(step, hyper={"lr": 0.03 * (1 - step / (steps + 1)), "weight_decay": 0.0})
    return float((scale * (decode(weight, group.weight) - target) ** 2).mean())


def test_small_policies_learn_as_f32_does(compiled: Compile) -> None:
    start, plain = quadratic(compiled, "f32", steps=0), quadratic(compiled, "f32")
    assert plain < 0.01 * start
    codes = ("states = q8", "param = bf16, states = q8, rounding = stochastic")
    for policy in (*codes, "param = bf16, master = remainder"):
        assert quadratic(compiled, policy) < 1.5 * plain + 1e-4 * start, policy


WIDE = "tensor<?x?xf64, #descent.dims<short, long>>"
UNUSUAL = {
    # The old state and the weight are factors of products, in the other orientation.
    "factors": f"""
  %x = descent.orient %m : tensor<?x?xf64> to {WIDE}
  %y = descent.orient %w : tensor<?x?xf64> to {WIDE}
  %a = descent.product %x, %y transposed : {WIDE}, {WIDE} to tensor<?x?xf64, #descent.dims<short, short>>
  %z = descent.product %a, %x : tensor<?x?xf64, #descent.dims<short, short>>, {WIDE} to {WIDE}
  %u = descent.orient %z : {WIDE} to tensor<?x?xf64>
  %m1 = arith.addf %m, %g : tensor<?x?xf64>""",
    # An epilogue reads and writes the state.
    "epilogue": """
  %a = descent.product %g, %g transposed symmetric : tensor<?x?xf64>, tensor<?x?xf64>
      to tensor<?x?xf64, #descent.dims<rows, rows>>
  %y = descent.product %a, %g : tensor<?x?xf64, #descent.dims<rows, rows>>, tensor<?x?xf64> to tensor<?x?xf64>
  %m1 = arith.addf %m, %y : tensor<?x?xf64>
  %u = arith.mulf %m1, %m1 : tensor<?x?xf64>""",
    # A reduction of the state decides about the step.
    "reduction": """
  %m1 = arith.addf %m, %g : tensor<?x?xf64>
  %s = descent.reduce sum_squares %m1 : tensor<?x?xf64> to f64
  %r = math.rsqrt %s : f64
  %b = descent.broadcast %r : f64 to tensor<?x?xf64>
  %u = arith.mulf %m, %b : tensor<?x?xf64>""",
}


@pytest.mark.parametrize("policy", ["param = bf16, master = remainder, states = q8", "param = bf16, states = q8<64>"])
@pytest.mark.parametrize("body", UNUSUAL)
def test_states_and_weights_that_are_not_read_entry_by_entry(body: str, policy: str, tmp_path: Path) -> None:
    source = tmp_path / "unusual.mlir"
    source.write_text(
        f"""descent.optimizer @unusual(%w: param, %g: grad, %m: state, %lr: hyper = 0.01) {{{UNUSUAL[body]}
  %rate = descent.broadcast %lr : f64 to tensor<?x?xf64>
  %step = arith.mulf %u, %rate : tensor<?x?xf64>
  %w1 = arith.subf %w, %step : tensor<?x?xf64>
  descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
}}"""
    )
    options = ("--class", "matrix", "--stored", "out_in")
    matrices = tuple(tensor for tensor in TENSORS if len(tensor.shape) > 1)
    artifacts = [
        descent.compile(source, tmp_path / f"unusual{i}.so", *options, "--storage", storage)
        for i, storage in enumerate((policy, "f32"))
    ]
    pair = Twins((Case("sgd"),), policy, matrices, *artifacts)
    for _ in range(3):
        pair.step()
        pair.check()
