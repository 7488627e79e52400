"""The fuzz test as part of the suite: bounded in time, the same mutations in every run on machines alike.

DESCENT_FUZZ_SECONDS: the time of all tests here together (60). DESCENT_FUZZ_SEED: another sequence (1).
"""

import os
import random
import subprocess
from pathlib import Path

import pytest

from fuzz import FOLDERS, Tool, fuzz, mutate, read_corpus

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("DESCENT_BUILD", ROOT / "build"))
SECONDS = float(os.environ.get("DESCENT_FUZZ_SECONDS", "60"))
SEED = int(os.environ.get("DESCENT_FUZZ_SEED", "1"))

# Many modules a run: starting the program takes as long as fifty modules.
OPT = [str(BUILD / "bin" / "descent-opt"), "%s", "-split-input-file"]
COMPILE = [str(BUILD / "bin" / "descent-compile"), "%s"]
MATRICES = ["--class=matrix", "--stored=out_in", "--norm=#descent.rms_to_rms"]
TOOLS = {
    "opt-parse": Tool(OPT, 50),
    "opt-canonicalize": Tool([*OPT, "-canonicalize", "-cse"], 50),
    "opt-expand": Tool([*OPT, "-descent-expand"], 50),
    "opt-plan": Tool([*OPT, "-descent-expand", "-convert-descent-to-plan"], 50),
    "opt-cpu": Tool([*OPT, "-plan-to-cpu"], 50),
    "opt-gpu": Tool([*OPT, "-convert-plan-to-gpu=products=fma"], 50),
    "opt-cuda": Tool([*OPT, "-plan-to-cuda"], 50),
    "opt-simulator": Tool([*OPT, "-convert-plan-to-gpu", "-gpu-to-simulator"], 50),
    "compile-recipe": Tool([*COMPILE, "-o", "%t.ll"]),
    "compile-simulator": Tool([*COMPILE, *MATRICES, "--target=simulator", "-o", "%t.ll"]),
    "compile-ptx": Tool([*COMPILE, *MATRICES, "--target=cuda:sm_90a", "-o", "%t.ptx"]),
    "compile-rule": Tool([*COMPILE, *MATRICES, "-o", "%t.ll"]),
    "compile-explain": Tool([*COMPILE, "--class=vector", "--norm=#descent.max", "--explain"]),
}


@pytest.fixture(scope="module")
def corpus() -> list[str]:
    modules = read_corpus([ROOT / folder for folder in FOLDERS])
    assert modules, "there is no .mlir file to mutate"
    return modules


@pytest.mark.parametrize("name", TOOLS)
def test_mutated_modules_never_crash(name: str, corpus: list[str]) -> None:
    outcome = fuzz(TOOLS[name], corpus, SEED, SECONDS / len(TOOLS), BUILD / "fuzz")
    assert not outcome.problem, f"{outcome.problem}\ninput: {outcome.reproducer}\n{outcome.reproducer.read_text()}"
    assert outcome.modules, "not one module was tried"


@pytest.mark.parametrize("name", TOOLS)
def test_some_module_passes_before_its_mutations(name: str, corpus: list[str], tmp_path: Path) -> None:
    """Else the mutations would test the parser only."""
    source = tmp_path / "module.mlir"
    for module in corpus:
        source.write_text(module)
        if subprocess.run(TOOLS[name].words(source), capture_output=True).returncode == 0:
            return
    pytest.fail(f"{name} refuses every module of the corpus as it is")


@pytest.mark.parametrize("script, words", [
    ("kill -SEGV $$", "SIGSEGV"),
    ("echo 'LLVM ERROR: out of luck' >&2; exit 1", "LLVM ERROR"),
    ("exit 1", "without a diagnostic"),
    ("exit 3", "exit status 3"),
])
def test_a_crash_is_found_and_its_input_stored(script: str, words: str, tmp_path: Path) -> None:
    outcome = fuzz(Tool(["/bin/sh", "-c", script], 4), ["func.func @f() { return }\n"], 1, 10, tmp_path)
    assert words in outcome.problem
    assert outcome.reproducer and outcome.reproducer.read_text()


def test_a_diagnostic_is_no_crash(tmp_path: Path) -> None:
    tool = Tool(["/bin/sh", "-c", "echo 'a.mlir:1:1: error: expected a type' >&2; exit 1"])
    assert not fuzz(tool, ["func.func @f() { return }\n"], 1, 0.2, tmp_path).problem


def test_the_seed_decides_the_mutations(corpus: list[str]) -> None:
    def sequence(seed: int) -> list[str]:
        rng = random.Random(seed)
        return [mutate(corpus[0], rng) for _ in range(20)]

    assert sequence(1) == sequence(1)
    assert sequence(1) != sequence(2)
