"""All code paths of an artifact that this machine can run compute the same, up to rounding."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import descent
import numpy as np
import pytest
from descent.errors import Code
from harness import EPS, LARGE_TABLE, TABLE, Case, Run

CASES = [
    (Case("adamw"), "f32"),
    (Case("adamw"), "bf16"),
    (Case("scion", "#descent.column", "matrix"), "f32"),
    (Case("lanton", "#descent.rms_to_rms", "matrix", "in_out"), "f64"),
    (Case("muon", group_class="matrix", stored="out_in"), "f64"),
    (Case("normuon", group_class="matrix", stored="out_in"), "f32"),
    (Case("muon", group_class="matrix", stored="in_out"), "bf16"),
]
GUARDED = Path(__file__).with_name("guarded.py")

Build = Callable[[Case, str], descent.Artifact]


@pytest.fixture(scope="session")
def portable(compile_rule: Callable[..., descent.Artifact]) -> Build:
    """A case compiled for all processors of this architecture."""
    return lambda case, storage: compile_rule(case.rule, *case.options, "--storage", storage, "--target", "cpu")


def runnable(artifact: descent.Artifact) -> list[str]:
    """The targets that a plan takes on this machine; the others are refused by name."""
    layer = descent.Layer("one", *(np.zeros((2, 3), np.float32) for _ in range(2)))
    found = []
    for target in artifact.targets:
        try:
            with artifact.optimizer([layer], target=target) as optimizer:
                assert optimizer.target == target
                found.append(target)
        except descent.Error as error:
            assert error.code == Code.UNSUPPORTED_CPU and "this processor lacks" in str(error)
    return found


# As the compiler's macros spell them, but for what every processor of 64 bits with SSE4.2 and AVX2 has.
LEVELS = {
    "cpu:sse4": ("x86-64-v2",),
    "cpu:avx2": ("x86-64-v3",),
    "cpu:avx512": ("x86-64-v4",),
    "cpu:avx512bf16": ("x86-64-v4", "-mavx512bf16", "-mavx512vbmi"),
}
CLANG = Path(os.environ.get("LLVM_PREFIX", "/usr/lib/llvm-22")) / "bin" / "clang"
IMPLIED = {"AVX", "SSE3", "SSSE3", "SSE4_1", "CRC32", "XSAVE", "LAHF_SAHF", "EVEX512", "EVEX256", "POPCNT"}


def extensions(level: str, *options: str) -> set[str]:
    """The instruction sets that a compiler may use."""
    command = [str(CLANG), f"-march={level}", *options, "-dM", "-E", "-x", "c", "/dev/null"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"^#define __([A-Z0-9_]+)__ 1$", text, re.MULTILINE))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="asks for the extensions of x86-64")
@pytest.mark.parametrize("target", LEVELS)
def test_a_processor_is_asked_for_all_that_code_may_use(target: str, compile_rule: Callable[..., Any]) -> None:
    paths = compile_rule("sgd", "--target", "cpu").manifest["targets"]
    (asked,) = [path["cpu_features"].upper().replace(".", "_") for path in paths if path["name"] == target]
    wanted = set(asked.split(","))
    used = extensions(*LEVELS[target]) - extensions("x86-64") - IMPLIED
    assert used - wanted <= ({"SSE4_2"} if "AVX2" in wanted else set())


@pytest.fixture(scope="session")
def targets(portable: Build) -> list[str]:
    return runnable(portable(Case("adamw"), "f32"))


def test_the_best_that_runs_is_taken(portable: Build, targets: list[str]) -> None:
    artifact = portable(Case("adamw"), "f32")
    layer = descent.Layer("one", *(np.zeros((2, 3), np.float32) for _ in range(2)))
    assert len(artifact.targets) > 1 or len(targets) == 1
    assert artifact.optimizer([layer]).target == targets[0]
    with pytest.raises(descent.Error, match="'cpu:z80'.*compiled for '"):
        artifact.optimizer([layer], target="cpu:z80")


def tolerance(case: Case, storage: str) -> float:
    """Of weights of size 1. Newton-Schulz rounds to bf16 on the way, unless all is f64."""
    if storage == "f64":
        return 1e-10
    return 0.05 if case.iterates or storage == "bf16" else 64 * EPS[storage]


@pytest.mark.parametrize(("case", "storage"), [pytest.param(c, s, id=f"{c}-{s}") for c, s in CASES])
def test_code_paths_agree(case: Case, storage: str, portable: Build, targets: list[str]) -> None:
    tensors = [t for t in (*TABLE, LARGE_TABLE[0]) if case.group_class == "any" or len(t.shape) > 1]
    weights = {}
    for target in targets:
        run = Run(portable(case, storage), case, storage, tensors, threads=2, target=target)
        for _ in range(3):
            run.step(follow=False)
        run.check_surroundings()
        weights[target] = [np.concatenate([m.ravel() for m in run.found(i)]) for i in range(len(tensors))]
    for target in targets[1:]:
        for tensor, best, other in zip(tensors, weights[targets[0]], weights[target], strict=True):
            assert np.allclose(other, best, rtol=0, atol=tolerance(case, storage)), f"{target}, {tensor.name}"


@pytest.mark.parametrize(("case", "storage"), [pytest.param(c, s, id=f"{c}-{s}") for c, s in CASES])
def test_every_path_stays_within_its_tensors(case: Case, storage: str, portable: Build, targets: list[str]) -> None:
    for target in targets[1:]:
        command = [sys.executable, str(GUARDED), portable(case, storage).path, storage, target]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert result.returncode == 0, f"status {result.returncode} (negative: a signal)\n{result.stderr[-3000:]}"
        assert result.stdout == "equal\n"
