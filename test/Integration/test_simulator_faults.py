"""What the simulator says of kernels that are wrong, as an error of a step; and that a program goes on after it."""

from __future__ import annotations

import re
from pathlib import Path

import descent
import numpy as np
import pytest
from assembled import assemble

# The sweep that reduces a layer: each warp's first thread leaves a number in workgroup memory.
RULE = ("scion", "--norm=#descent.l2")
KERNEL = "all_1_sweep"
LEAVES = re.compile(r"( *memref\.store %\S+, %\S+)\[%\S+\]( : memref<8xf64, #gpu\.address_space<workgroup>>\n)")
LOADS = re.compile(r"(vector\.load %\w+)\[(%\S+), %\S+\]( \{alignment = )16( : i64\})")
# Loads momentum and gradient, and stores the momentum.
STORES = re.compile(r"(vector\.load %\w+\[.*?\n.*?vector\.load (%\w+)\[.*?vector\.store %\w+, )%\w+", re.DOTALL)
AT = r" at \S+kernels\.mlir:\d+:\d+"


def change(pattern: re.Pattern[str], text: str, module: str) -> str:
    """The first place in the sweep. Lines stay where they are."""
    begin = module.index(f"gpu.func @{KERNEL}")
    changed, count = pattern.subn(text, module[begin:], count=1)
    assert count == 1 and changed.count("\n") == module.count("\n", begin)
    return module[:begin] + changed


FAULTS = {
    "no barrier": (
        re.compile(r"gpu\.barrier"),
        "",
        rf"memref\.load{AT}: reads 8 bytes of workgroup memory that nobody has written",
    ),
    "two writers": (
        LEAVES,
        r"\1[%c0]\2",
        rf"memref\.store{AT}: writes workgroup memory that thread \d+ writes \(memref\.store{AT}\), with no barrier in",
    ),
    "nobody writes": (
        LEAVES,
        "\n",
        rf"memref\.load{AT}: reads 8 bytes of workgroup memory that nobody has written",
    ),
    "a barrier for some": (
        LEAVES,
        r"gpu.barrier \g<0>",
        rf"gpu\.barrier(?: #\d+)?{AT}: waits at a barrier that thread \d+ does not reach: it waits at a barrier, "
        rf"gpu\.barrier(?: #\d+)?{AT}",
    ),
    "beyond a tensor": (
        LOADS,
        r"\1[\2, %c1024]\g<3>16\4",
        rf"vector\.load{AT}: has indices 1024 to 1027 in columns of size 36",
    ),
    "not aligned": (
        LOADS,
        r"\1[\2, %c4]\g<3>4096\4",
        rf"vector\.load{AT}: reads 16 bytes at an address that is no multiple of 4096",
    ),
    "the gradient": (
        STORES,
        r"\1\2",
        rf"vector\.store{AT}: writes 16 bytes of a constant",
    ),
}


def step(artifact: descent.Artifact) -> np.ndarray:
    """The weight after two steps, of which the second also begins with what the first left."""
    w, g = np.ones((8, 36), np.float32), np.linspace(-1, 1, 288, dtype=np.float32).reshape(8, 36)
    with artifact.optimizer([descent.Layer("w", w, g)]) as optimizer:
        optimizer.step(1)
        optimizer.step(2)
    return w


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """What the kernels as they are do, assembled as those that are wrong."""
    found = step(assemble(tmp_path_factory.mktemp("good"), *RULE))
    compiled = descent.compile(RULE[0], tmp_path_factory.mktemp("compiled") / "rule.so", *RULE[1:])
    np.testing.assert_allclose(found, step(compiled), rtol=1e-6)
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_an_error_of_the_step(fault: str, tmp_path: Path, good: np.ndarray) -> None:
    pattern, text, message = FAULTS[fault]
    artifact = assemble(tmp_path, *RULE, kernels=lambda module: change(pattern, text, module))
    for _ in range(2):
        with pytest.raises(descent.Error) as error:
            step(artifact)
        assert error.value.code == descent.Code.DEVICE_FAULT
        expected = rf"the simulator found a fault: kernel '{KERNEL}', block 0, thread \d+, {message}"
        assert re.search(expected, str(error.value)), str(error.value)
    (tmp_path / "again").mkdir()
    assert (step(assemble(tmp_path / "again", *RULE)) == good).all()


def test_an_optimizer_goes_on_after_a_fault(tmp_path: Path, good: np.ndarray) -> None:
    """Every step of it is refused, and nothing is left locked."""
    pattern, text, _ = FAULTS["two writers"]
    artifact = assemble(tmp_path, *RULE, kernels=lambda module: change(pattern, text, module))
    w = np.ones((8, 36), np.float32)
    with artifact.optimizer([descent.Layer("w", w, np.ones_like(w))]) as optimizer:
        for t in (1, 2):
            with pytest.raises(descent.Error, match="with no barrier in between"):
                optimizer.step(t)
        optimizer.step(3, found_inf=1.0)  # launches nothing that is wrong
    assert good.shape == w.shape
