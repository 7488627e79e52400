"""Steps whose numbers and results lie on a device, and tensors of PyTorch. The device is the simulated one: its memory
is the host's, so that arrays of NumPy and tensors of PyTorch on the host stand for those of a device."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import descent
import numpy as np
import pytest
from descent import Code, Layer
from test_artifact import refused

ROOT = Path(__file__).resolve().parents[2]
Compile = Callable[..., descent.Artifact]
Make = Callable[..., Any]

# Reads every number that a step has, and tells one.
PLAIN = """
descent.optimizer @plain(%w: param, %g: grad, %step: step, %loss: loss, %lr: hyper = 0.1) {
  %a = arith.mulf %step, %lr : f64
  %b = arith.addf %a, %loss : f64
  %w1 = descent.apply %w, %g, %b : tensor<?x?xf64>
  descent.report "rate" = %b
  descent.update %w = %w1 : tensor<?x?xf64>
}
"""
# Skips when the loss is above 0.
GUARDED = """
descent.shared @decision(%loss: loss) {
  descent.skip_when %loss
}
descent.recipe @guarded {
  descent.group "all" uses @plain class any
}
"""
SHAPE = (5, 7)


def numpy_array(value: Any, dtype: str) -> Any:
    return np.array(value, dtype)


def torch_tensor(value: Any, dtype: str) -> Any:
    torch = pytest.importorskip("torch")
    return torch.tensor(value, dtype=getattr(torch, dtype))


both = pytest.mark.parametrize("make", [numpy_array, torch_tensor])


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> descent.Artifact:
    folder = tmp_path_factory.mktemp("plain")
    (folder / "plain.mlir").write_text(PLAIN)
    return descent.compile(folder / "plain.mlir", folder / "plain.so", "--target=simulator", "--storage=f64")


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


@both
def test_numbers_are_read_from_the_device_when_a_step_runs(make: Make, plain: descent.Artifact) -> None:
    w, g = make(random(*SHAPE), "float64"), make(random(*SHAPE, seed=1), "float64")
    expected, gradient = np.asarray(w).copy(), np.asarray(g).copy()
    numbers = {"step": make(3, "int64"), "loss": make(0.25, "float64"), "gradient_scale": make(0.5, "float64")}
    with plain.optimizer([Layer("w", w, g)]) as optimizer:
        hyper = optimizer.device_hyper({"lr": 0.01})
        for step, loss, scale, lr in ((3, 0.25, 0.5, 0.01), (7, -0.5, 2.0, 0.01), (1, 0.0, 1.0, 0.3)):
            for name, value in (("step", step), ("loss", loss), ("gradient_scale", scale)):
                numbers[name][...] = value
            hyper["lr"][...] = lr
            optimizer.launch(hyper=hyper, reports=True, **numbers)
            expected += gradient * scale * (step * lr + loss)
            np.testing.assert_allclose(np.asarray(w), expected, rtol=1e-14)
            result = optimizer.read_result()
            assert not result.skipped and result.first_nonfinite is None
            np.testing.assert_allclose(result.reports["w"]["rate"], step * lr + loss, rtol=1e-14)


@both
def test_a_flag_on_the_device_skips_a_step(make: Make, plain: descent.Artifact) -> None:
    w, g, found_inf = make(random(*SHAPE), "float64"), make(random(*SHAPE, seed=1), "float64"), make([1.0], "float32")
    before = np.asarray(w).copy()
    with plain.optimizer([Layer("w", w, g)]) as optimizer:
        optimizer.launch(found_inf=found_inf)
        assert optimizer.read_result().skipped and (np.asarray(w) == before).all()
        found_inf[...] = 0.0
        optimizer.launch(found_inf=found_inf)
        result = optimizer.read_result()
        assert not result.skipped and not result.reports and (np.asarray(w) != before).any()
        assert optimizer.step(found_inf=found_inf).skipped is False


@both
def test_numbers_of_another_type_are_converted_on_the_device(make: Make, plain: descent.Artifact) -> None:
    w, g = make(random(*SHAPE), "float64"), make(random(*SHAPE, seed=1), "float64")
    expected = np.asarray(w).copy() + 4 * 0.1 * np.asarray(g).copy()
    with plain.optimizer([Layer("w", w, g)]) as optimizer:
        optimizer.launch(step=make(4.0, "float32"), gradient_scale=make(1.0, "float32"))
        np.testing.assert_allclose(np.asarray(w), expected, rtol=1e-14)


@both
def test_a_plans_memory_may_be_the_callers(make: Make, plain: descent.Artifact) -> None:
    asked: list[int] = []

    def give(count: int) -> Any:
        asked.append(count)
        return make([0] * count, "uint8")

    w, g = make(random(*SHAPE), "float64"), make(random(*SHAPE, seed=1), "float64")
    alone = np.asarray(w).copy()
    with plain.optimizer([Layer("w", alone, np.asarray(g).copy())]) as optimizer:
        optimizer.step(1)
    with plain.optimizer([Layer("w", w, g)], allocator=give) as optimizer:
        assert sum(asked) > optimizer.workspace_bytes
        optimizer.step(1)
    assert (np.asarray(w) == alone).all()


def test_lent_memory_is_held_as_long_as_the_plan(plain: descent.Artifact) -> None:
    given = []

    def give(count: int) -> np.ndarray:
        block = np.empty(count, np.uint8)
        given.append(weakref.ref(block))
        return block

    w, g = random(*SHAPE), random(*SHAPE, seed=1)
    optimizer = plain.optimizer([Layer("w", w, g)], allocator=give)
    gc.collect()
    assert given and all(block() is not None for block in given)
    optimizer.step(1)
    optimizer.close()
    gc.collect()
    assert all(block() is None for block in given)


def test_wrong_memory_of_the_callers_is_refused(plain: descent.Artifact) -> None:
    layers = [Layer("w", random(*SHAPE), random(*SHAPE, seed=1))]

    def fail(count: int) -> np.ndarray:
        raise MemoryError(f"no room for {count}")

    with pytest.raises(MemoryError, match="no room for"):
        plain.optimizer(layers, allocator=fail)
    with refused(Code.INVALID_LAYER, "the allocator's memory has type 'float32'"):
        plain.optimizer(layers, allocator=lambda count: np.zeros(count, np.float32))
    with refused(Code.INVALID_ARGUMENT, "bytes in a row, and gave an array of shape"):
        plain.optimizer(layers, allocator=lambda count: np.zeros(count - 1, np.uint8))


def test_a_guard_reads_the_loss_on_the_device(tmp_path: Path) -> None:
    (tmp_path / "guarded.mlir").write_text(PLAIN + GUARDED)
    options = ("--target=simulator", "--storage=f64", "--name=guarded")
    artifact = descent.compile(tmp_path / "guarded.mlir", tmp_path / "guarded.so", *options)
    w, g, loss = random(*SHAPE), random(*SHAPE, seed=1), np.array(1.0)
    before = w.copy()
    with artifact.optimizer([Layer("w", w, g)]) as optimizer:
        optimizer.launch(loss=loss)
        assert optimizer.read_result().skipped and (w == before).all()
        loss[...] = -2.0
        optimizer.launch(loss=loss)
        assert not optimizer.read_result().skipped and (w != before).any()


@pytest.mark.parametrize("storage", ["f32", "param = bf16, states = q8, rounding = stochastic"])
@pytest.mark.parametrize("target", ["cpu:native", "simulator"])
def test_tensors_of_pytorch_have_the_bits_of_arrays(compiled: Compile, storage: str, target: str) -> None:
    torch = pytest.importorskip("torch")
    artifact = compiled("adamw", "--storage", storage, "--target", target)
    (group,) = artifact.groups
    shapes = {"matrix": (5, 70), "batch": (3, 4, 6), "vector": (9,)}
    encode = descent.bfloat16.to_bfloat16 if group.weight == "bf16" else np.float32
    made = {name: [encode(random(*shape, seed=i)) for i in range(2)] for name, shape in shapes.items()}

    def tensor(array: Any) -> Any:
        if array.dtype == np.uint16:
            return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(array)

    weights = {name: tensor(pair[0].copy()).requires_grad_() for name, pair in made.items()}
    theirs = [Layer(name, weights[name], tensor(pair[1].copy())) for name, pair in made.items()]
    ours = [Layer(name, *pair) for name, pair in made.items()]
    with artifact.optimizer(ours, seed=5) as one, artifact.optimizer(theirs, seed=5) as other:
        for t in (1, 2):
            one.step(t)
            other.step(t, gradients={"batch": theirs[1].gradient.clone()})
        for name, pair in made.items():
            assert torch.equal(weights[name].detach(), tensor(pair[0]))
        saved, wanted = other.save(), one.save()
        for name, states in wanted["states"].items():
            assert all(isinstance(other.states[name][state], torch.Tensor) for state in states)
            for state, array in states.items():
                np.testing.assert_array_equal(saved["states"][name][state], array, err_msg=state)
        one.load(saved)
        one.step(3)
        other.step(3)
        other.load(one.save())
        assert torch.equal(weights["vector"].detach(), tensor(made["vector"][0]))


def test_states_may_be_tensors_of_the_caller(compiled: Compile) -> None:
    torch = pytest.importorskip("torch")
    artifact = compiled("sgd", "--target", "simulator")
    states = {"w": {"m": torch.full(SHAPE, 2.0)}}
    w, g = torch.zeros(SHAPE), torch.ones(SHAPE)
    with artifact.optimizer([Layer("w", w, g)], states=states, initialize=False) as optimizer:
        optimizer.step(1, hyper={"lr": 1.0, "momentum": 0.5})
    assert (states["w"]["m"] == 2.0).all() and (w == -2.0).all()


def test_numbers_of_the_host_may_be_tensors(adamw: descent.Artifact) -> None:
    torch = pytest.importorskip("torch")
    weights = [np.ones(SHAPE, np.float32) for _ in range(2)]
    gradient = np.ones(SHAPE, np.float32)
    one, other = (adamw.optimizer([Layer("w", weight, gradient)]) for weight in weights)
    one.step(2, hyper={"lr": 0.25}, gradient_scale=0.5)
    other.launch(torch.tensor(2), hyper={"lr": torch.tensor(0.25)}, gradient_scale=torch.tensor(0.5))
    np.testing.assert_array_equal(*weights)
    assert not other.read_result().skipped
    other.launch(found_inf=torch.tensor([1.0]))
    assert other.read_result().skipped


def test_what_cannot_be_read_is_refused(
    compiled: Compile, plain: descent.Artifact, adamw: descent.Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    with refused(Code.INVALID_LAYER, "tensor of layout 'torch.strided' on the device 'meta'"):
        Layer("w", torch.empty(SHAPE, device="meta"))
    with refused(Code.INVALID_LAYER, "has type 'torch.float64', wanted 'torch.float32'"):
        adamw.optimizer([Layer("w", torch.zeros(SHAPE, dtype=torch.float64))])
    with refused(Code.INVALID_LAYER, "last axis .* not contiguous"):
        adamw.optimizer([Layer("w", torch.zeros(SHAPE).T)])
    with plain.optimizer([Layer("w", random(*SHAPE), random(*SHAPE))]) as optimizer:
        with refused(Code.INVALID_ARGUMENT, "'loss' is one number, found an array of shape \\(2,\\)"):
            optimizer.launch(loss=np.zeros(2))
        with refused(Code.INVALID_ARGUMENT, "no group has a hyperparameter 'beta'; known are 'lr'"):
            optimizer.device_hyper()["beta"]
        assert float(optimizer.device_hyper()["all"]["lr"]) == 0.1
    with adamw.optimizer([Layer("w", np.zeros(SHAPE, np.float32))]) as optimizer:
        with refused(Code.INVALID_ARGUMENT, "run on the processor: there is no device"):
            optimizer.device_hyper()
    layer = Layer("w", torch.zeros(SHAPE))
    monkeypatch.setattr("descent.arrays.device_of", lambda array: 1)
    with refused(Code.INVALID_LAYER, "'weight' of layer 'w' lies in memory of the device 'cuda:1', but 'adamw'"):
        adamw.optimizer([layer])
    with refused(Code.INVALID_ARGUMENT, "hyperparameter 'lr' lies in memory of the device 'cuda:1'; copy it into"):
        adamw.hyper_numbers({"lr": torch.tensor(0.1)})


DRIVEN = """
import sys
import descent
import numpy as np

weights = [np.ones((8, 8), np.float32) for _ in range(3)]
layers = [descent.Layer(f"w{i}", weight, np.ones_like(weight)) for i, weight in enumerate(weights)]
with descent.load(sys.argv[1]).optimizer(layers) as optimizer:
    optimizer.launch(1, hyper={"lr": 0.1})
    optimizer.launch(2, optimizer.device_hyper({"lr": 0.2}))
    optimizer.launch(3, gradients=[layer.gradient for layer in layers])
    print(optimizer.target, optimizer.artifact.kind)
"""


@pytest.mark.skipif(shutil.which("ptxas") is None, reason="no assembler of CUDA in PATH")
def test_kernels_for_cuda_are_launched_through_the_driver(compiled: Compile) -> None:
    """A driver that is a fake, whose devices are said to reach all memory."""
    artifact = compiled("adamw", "--target", "cuda:sm_80")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "python")}
    command = [sys.executable, "-c", DRIVEN, artifact.path]
    fake = {"LD_LIBRARY_PATH": str(Path(os.environ["DESCENT_BUILD"]) / "test" / "Runtime")}
    done = subprocess.run(
        command, env=environment | fake | {"FAKE_CUDA_CAPABILITY": "80"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout == "cuda:sm_80 cuda\n", done.stderr
    done = subprocess.run(
        command, env=environment | fake | {"FAKE_CUDA_CAPABILITY": "75"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "are for cuda:sm_80, but the device is" in done.stderr
