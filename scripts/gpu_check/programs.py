"""What is compiled: every rule under every storage policy, and what is timed."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "test" / "Integration")]


@dataclass(frozen=True)
class Program:
    """`source`: a rule of the library, a file of this repository, or a recipe's text that begins a line of its own."""

    name: str
    source: str
    options: tuple[str, ...] = ()
    on_simulator: bool = False  # compiled for the simulator as well, whose bits are compared
    chips: str = ""  # of CUDA, in place of those that are asked for


NEWTON_SCHULZ = "benchmarks/recipes/newton_schulz_bf16.mlir"
MATRICES = ("--class=matrix", "--stored=out_in")
TIMED = (
    Program("adamw-f32", "adamw", ("--class=any",)),
    Program("adamw-bf16", "adamw", ("--class=any", "--storage=bf16")),
    Program("adamw-bf16-states", "adamw", ("--class=any", "--storage=param = bf16, states = bf16")),
    Program("muon", "muon_torch", MATRICES),
    Program("newton-schulz", NEWTON_SCHULZ, MATRICES),
    Program("newton-schulz-plain", NEWTON_SCHULZ, (*MATRICES, "--form=plain")),
    # Products of a warp, which later chips run too, beside those that only theirs have.
    Program("newton-schulz-sm_80", NEWTON_SCHULZ, (*MATRICES, "--form=plain"), chips="sm_80"),
)


def file_name(name: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in name)


def checked(quick: bool) -> list[Program]:
    """The library as recipes (test/Integration/library.py), in every storage."""
    from library import RECIPES, write_recipe
    from test_storage import POLICIES

    policies = ("f64", "f32", *POLICIES)
    made = []
    for recipe, cases in RECIPES.items():
        for policy in policies:
            if quick and (recipe, policy) not in QUICK:
                continue
            exact = recipe == "sweeps"
            made.append(Program(f"{recipe}, {policy}", write_recipe(cases), (f"--storage={policy}",), exact))
    return made


# What the test of these scripts compiles.
QUICK = {("sweeps", "f64"), ("sweeps", "f32"), ("sweeps", "param = f32, states = q8")}
QUICK_TIMED = ("adamw-f32", "newton-schulz", "newton-schulz-plain", "newton-schulz-sm_80")


def programs(quick: bool = False) -> list[Program]:
    return checked(quick) + [program for program in TIMED if not quick or program.name in QUICK_TIMED]
