"""Every rule of the library as kernels of a device, which the simulator runs and checks: against the oracles in f64 and
f32, and under every storage policy to the bit.

As on the processor, a step under a policy is the step in f32 from what memory holds, stored as the policy says. The
step in f32 is simulated too, with blocks and threads in another order. Threads take more entries at once the narrower
the types are, so sums go in another order: of f64, which decides about no bit of what is rounded to f32 here.
"""

from __future__ import annotations

from collections.abc import Callable

import descent
import pytest
from harness import TABLE, Case, Run, Tensor
from library import RECIPES, group_name, pick, write_recipe
from test_rules import CASES, compare_directions, compare_steps
from test_storage import POLICIES, Twins

Compile = Callable[..., descent.Artifact]
Library = Callable[..., descent.Artifact]

# Rows that are longer than a tile, rows that tiles cut, a number of entries that no vector divides.
MORE = (Tensor("long", (2, 9001)), Tensor("high", (1500, 9), "padded"))
# Products have tiles of 64 or 128 rows and columns.
MATRICES = tuple(tensor for tensor in TABLE if tensor.name in ("wide", "odd_tall", "one_row", "one_column", "heads"))
ABSENT = ("odd", "heads", "long")
# Blocks of codes that end with a row, that a row cuts, that go on behind a tile.
STORED = (
    Tensor("odd", (13, 7), "padded"),
    Tensor("heads", (2, 11, 6), "interleaved"),
    Tensor("vector", (53,)),
    Tensor("blocks_and_more", (5, 300), "padded"),
)
MORE_STORED = (
    Tensor("tall", (56, 24), "padded"),
    Tensor("one_column", (37, 1)),
    Tensor("blocks", (2, 256)),
    Tensor("long", (2, 8401), "padded"),
)


@pytest.fixture(scope="session")
def library(compile_rule: Compile) -> Library:
    """One of RECIPES in a storage, for the simulator; of a turn, with what it picks."""

    def build(recipe: str, storage: str, *options: str, turn: int | None = None) -> descent.Artifact:
        cases = RECIPES[recipe] if turn is None else pick(RECIPES[recipe], turn)
        options = (*options, "--storage", storage, "--target", "simulator")
        return compile_rule(recipe, *options, text=write_recipe(cases))

    return build


def run_of(library: Library, case: Case, storage: str, seed: int = 0) -> Run:
    recipe, tensors = ("products", MATRICES) if case.iterates else ("sweeps", TABLE + MORE)
    artifact = library(recipe, storage)
    return Run(artifact, case, storage, tensors, simulator_seed=seed, products="own", group=group_name(case))


def test_every_case_is_in_a_recipe() -> None:
    assert sorted(map(str, CASES)) == sorted(str(case) for cases in RECIPES.values() for case in cases)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_steps_equal_the_oracle_in_f64(case: Case, library: Library) -> None:
    compare_steps(run_of(library, case, "f64"), [(), ABSENT])


@pytest.mark.parametrize("case", RECIPES["sweeps"], ids=str)
def test_steps_equal_the_oracle_in_f32(case: Case, library: Library) -> None:
    compare_steps(run_of(library, case, "f32", seed=1), [(), ABSENT])


@pytest.mark.parametrize("case", RECIPES["products"], ids=str)
def test_updates_by_bf16_products_are_near_the_oracle(case: Case, library: Library) -> None:
    compare_directions(run_of(library, case, "f32", seed=1), 1)


@pytest.mark.parametrize("policy", POLICIES)
def test_sweeps_store_what_the_policy_says(policy: str, library: Library) -> None:
    artifacts = library("sweeps", policy), library("sweeps", "f32")
    twins = Twins(RECIPES["sweeps"], policy, STORED + MORE_STORED, *artifacts, sums_alike=False)
    twins.step()
    twins.check()
    kept = twins.bits()
    twins.step(found_inf=1.0)
    assert kept == twins.bits()
    twins.step(absent=ABSENT)
    twins.check(absent=ABSENT)


@pytest.mark.parametrize("policy", POLICIES)
def test_rules_with_products_store_what_the_policy_says(policy: str, library: Library) -> None:
    turn = POLICIES.index(policy)
    cases = pick(RECIPES["products"], turn)
    form = "--form=plain" if turn < len(POLICIES) // 2 else "--form=gram"
    artifacts = library("products", policy, form, turn=turn), library("products", "f32", form)
    twins = Twins(cases, policy, STORED, *artifacts, sums_alike=False)
    twins.step()
    twins.check()
