"""Artifacts for the simulator whose plan or kernels a test has changed, by the compiler's passes one by one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import descent

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("DESCENT_BUILD", ROOT / "build"))
LLVM = Path(os.environ.get("LLVM_PREFIX", "/usr/lib/llvm-22")) / "bin"
KERNELS = ("-plan-reuse-scratch", "-convert-plan-to-gpu", "-canonicalize", "-cse", "-gpu-add-driver")

Edit = Callable[[str], str]


def call(program: Path, *arguments: object) -> None:
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def as_it_is(text: str) -> str:
    return text


def without_plan(module: str) -> str:
    """The kernels alone, where they were: an empty line for each of the plan's."""
    begin, end = module.index("  plan.program"), module.index("  gpu.module @kernels")
    return module[:begin] + "\n" * module.count("\n", begin, end) + module[end:]


def assemble(folder: Path, rule: str, *options: str, plan: Edit = as_it_is, kernels: Edit = as_it_is,
             ) -> descent.Artifact:
    """Compiles a rule in the folder; `plan` and `kernels` change the text of either. Kernels lie in kernels.mlir."""
    source, module, tables, code = (folder / f"{name}.mlir" for name in ("plan", "module", "tables", "kernels"))
    call(BUILD / "bin" / "descent-compile", rule, *options, "--target=simulator", "--emit=plan", "-o", source)
    source.write_text(plan(source.read_text()))
    call(BUILD / "bin" / "descent-opt", source, *KERNELS, "-o", module)
    call(BUILD / "bin" / "descent-opt", module, "-gpu-emit-artifact=target=simulator", "-o", tables)
    code.write_text(kernels(without_plan(module.read_text())))
    call(BUILD / "bin" / "descent-opt", code, "-gpu-to-simulator", "-o", folder / "lowered.mlir")
    for name in ("tables", "lowered"):
        call(LLVM / "mlir-translate", folder / f"{name}.mlir", "--mlir-to-llvmir", "-o", folder / f"{name}.ll")
    inputs = (folder / "tables.ll", folder / "lowered.ll")
    libraries = ("-ldescent_runtime", "-ldescent_simulator", "-lm", "-pthread")
    call(LLVM / "clang", "-O1", "-shared", "-fPIC", "-Wno-override-module", *inputs, f"-L{BUILD / 'lib'}", *libraries,
         "-o", folder / "rule.so")
    return descent.load(folder / "rule.so", rule)
