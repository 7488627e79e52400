"""descent-run from its command line to its output."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import descent
import numpy as np
import pytest
from descent.run import limits, main, rounds, workload

ROOT = Path(__file__).resolve().parents[2]
MODEL = "48x80x2,80x48,33"
NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")
MACHINE = ("processor", "caches", "system", "load")


def run(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    found = main.main([*arguments, *(() if "--steps" in arguments else ("--steps", "2"))])
    captured = capsys.readouterr()
    assert found == status, captured.err
    return captured.err if status == 2 else captured.out


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(capsys, *arguments, "--json", status=status))
    return found


def test_the_table_has_a_line_for_each_stage(capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "adamw", "--shapes", MODEL, "--threads", "1,2", "--check", "--no-limits")
    lines = [line for line in text.splitlines() if line and not line.startswith(MACHINE)]
    lines = [" ".join(NUMBER.sub("N", line).split()) for line in lines]
    assert lines[0] == "adamw on NxNxN,NxN,N: N tensors (N matrix -> all, N vector -> all), N,N elements"
    assert lines[1] == "check: equals storage fN in N steps, within rounding"
    assert re.match(r"worst entry: (\w of )?tensor[N.]+\[N, N\] is N after step N, fN has N; N of the bound", lines[2])
    for threads in ("N thread: ", "N threads: "):
        assert any(line.startswith(f"{threads}N ms a step (least N") for line in lines), text
    assert lines.count("stage layers ms GB/s GFLOP/s of limit") == 2
    assert sum(line.startswith("all N sweep rows x cols N N N N") for line in lines) == 2


def test_json_says_the_same_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    found = run_json(capsys, "muon", "--shapes", MODEL, "--check")
    assert (found["name"], found["shapes"], found["elements"]) == ("muon", MODEL, 3 * 48 * 80)
    assert [tensor["group"] for tensor in found["tensors"]] == ["matrices"] * 3
    assert found["left_out"] == [{"name": "tensor2", "shape": [33], "kind": "vector"}]
    assert found["check"]["good"] and 0 < found["check"]["worst"]["share"] < 1
    (timed,) = found["runs"]
    assert timed["threads"] == 1 and timed["steps"] == 2
    assert 0 < timed["seconds"]["least"] <= timed["seconds"]["median"] <= timed["seconds"]["most"]
    assert timed["limits"]["bytes_per_second"] > 1e8 and timed["limits"]["flops_per_second"]["f32"] > 1e8
    stages = {stage["name"] for stage in timed["stages"]}
    assert {"sweep", "product"} <= stages
    # These layers are small and nearly square: they run the plain form, and no stage that is the Gram form's alone.
    idle = [stage for stage in timed["stages"] if stage["layers"] == 0]
    assert idle and not any(stage["seconds"] or stage["flops"] for stage in idle)
    for stage in [stage for stage in timed["stages"] if stage["layers"]]:
        assert stage["layers"] == 3 and stage["group"] == "matrices" and stage["seconds"] >= 0
        assert (stage["factors"] == "bf16") == (stage["name"] == "product")
        if stage["name"] == "product":
            assert stage["flops"] > 0 and stage["share_of_limit"] > 0
    total = sum(stage["seconds"] for stage in timed["stages"]) + timed["remainder"]
    assert total == pytest.approx(timed["seconds"]["median"])


def test_a_recipe_takes_every_kind(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "model.txt"
    file.write_text("90x24 embed embedding\n24x48 up\n48x24 down\n24 bias\n")
    recipe = ROOT / "examples" / "gpt" / "lanton.mlir"
    found = run_json(capsys, str(recipe), "--shapes", str(file), "--check", "--no-limits", "--threads", "2")
    assert [tensor["group"] for tensor in found["tensors"]] == ["embed", "hidden", "hidden", "vectors"]
    assert found["left_out"] == [] and found["check"]["good"] and found["runs"][0]["limits"] is None


RIGHT = {
    "sgd": ("--storage", "f64"),
    "sgd_nesterov": ("--storage", "param = bf16, rounding = stochastic"),
    "sgdw": ("--storage", "f16"),
    "sgdw_nesterov": ("--storage", "param = bf16, master = remainder"),
    "adamw": ("--storage", "param = bf16, states = q8, rounding = stochastic"),
    "lion": ("--storage", "param = bf16, states = bf16, rounding = stochastic"),
    "muon": ("--storage", "param = bf16, master = f32, states = q8"),
    "muon_torch": ("--stored", "out_in"),
    "muon_match_rms": ("--storage", "states = q8<64>"),
    "normuon": ("--storage", "param = bf16, states = f16"),
    "scion": ("--norm", "#descent.max"),
    "scion_constrained": ("--norm", "#descent.column"),
    "lanton": ("--norm", "#descent.rms_to_rms", "--class", "matrix", "--stored", "in_out"),
}


@pytest.mark.parametrize("storage", ["f32", "bf16", "own"])
@pytest.mark.parametrize("rule", RIGHT)
def test_every_rule_passes_the_check(rule: str, storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = RIGHT[rule] if storage == "own" or "--storage" not in RIGHT[rule] else ()
    options += () if "--storage" in options or storage == "own" else ("--storage", storage)
    found = run_json(capsys, rule, *options, "--shapes", "70x130,9x5x2", "--check", "--no-limits")
    assert found["check"]["good"]


@pytest.mark.parametrize("storage", ["f32", "bf16", "param = bf16, states = bf16", "states = q8"])
def test_one_wrong_sign_in_a_hundred_fails_the_check(
    storage: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = workload.Workload.step

    def wrong(self: workload.Workload, **options: Any) -> None:
        before = self.weight(0).copy()
        right(self, **options)
        if self.t == 2 and self.weights[0].dtype != np.float64:
            mirrored = workload.encode(2 * before - self.weight(0), self.job.artifact.groups[0].weight)
            self.weights[0].ravel()[::100] = mirrored.ravel()[::100]

    monkeypatch.setattr(workload.Workload, "step", wrong)
    arguments = ("lion", "--shapes", "64x96", "--check", "--storage", storage)
    assert "DIFFERS FROM" in run(capsys, *arguments, status=1)


@pytest.mark.parametrize("storage", ["f32", "bf16", "param = bf16, states = bf16", "states = q8"])
@pytest.mark.parametrize(("rule", "beta"), [("lion", "%beta2: hyper = 0.99"), ("adamw", "%beta2: hyper = 0.999")])
def test_a_wrong_memory_of_a_state_fails_the_check(
    rule: str,
    beta: str,
    storage: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Lion's parameter does not see it in three steps."""
    text = (ROOT / "lib" / "Optimizers" / f"{rule}.mlir").read_text()
    assert beta in text
    changed = tmp_path / f"{rule}.mlir"
    changed.write_text(text.replace(beta, f"{beta[:-1]}8"))
    right = main.compile_rule

    def wrong(rule_given: str, output: Path, *options: str) -> descent.Artifact:
        return right(rule_given if "--storage=f64" in options else str(changed), output, *options)

    monkeypatch.setattr(main, "compile_rule", wrong)
    text = run(capsys, rule, "--shapes", "64x96", "--check", "--storage", storage, status=1)
    assert "DIFFERS FROM" in text and (rule != "lion" or "worst entry: m of tensor0[" in text)


WRONG = [("sgd", "sgd_nesterov"), ("muon", "muon_torch"), ("sgdw", "sgdw_nesterov")]


@pytest.mark.parametrize(("rule", "other"), WRONG)
def test_a_wrong_artifact_fails_the_check(
    rule: str, other: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = main.compile_rule

    def wrong(rule_given: str, output: Path, *options: str) -> descent.Artifact:
        return right(other if "--storage=f64" in options else rule_given, output, *options)

    monkeypatch.setattr(main, "compile_rule", wrong)
    text = run(capsys, rule, "--shapes", "64x96", "--check", status=1)
    assert "DIFFERS FROM storage f64" in text and "worst entry: tensor0[" in text and "a step" not in text
    assert run_json(capsys, rule, "--shapes", "64x96", "--check", status=1)["runs"] == []


def test_one_wrong_entry_fails_the_check(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    right = workload.Workload.step

    def wrong(self: workload.Workload, **options: Any) -> None:
        right(self, **options)
        if self.weights[0].dtype == np.float32:
            self.weights[0][3, 5] = np.nan if self.t == 3 else self.weights[0][3, 5]

    monkeypatch.setattr(workload.Workload, "step", wrong)
    assert "tensor0[3, 5] is nan" in run(capsys, "adamw", "--shapes", "64x96", "--check", status=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no_such_rule", "--shapes", "8x8"), "no_such_rule"),
        (("adamw", "--shapes", "model"), "neither a model"),
        (("muon", "--shapes", "8,9"), "none of the shapes fits a group: they are of the kinds vector.*'matrices'"),
        (("adamw", "--shapes", "8x8", "--threads", "0"), "--threads takes numbers from 1 to 256.*found '0'"),
        (("adamw", "--shapes", "8x8", "--threads", "two"), "found 'two'"),
        (("adamw", "--shapes", "8x8", "--steps", "0"), "--steps is 1 or more, found 0"),
        (("adamw", "--shapes", "8x8", "--budget", "-1"), "--budget is a number of seconds above 0, found -1.0"),
        (("adamw", "--shapes", "8x8", "--storage", "f8"), "f8"),
        (("adamw", "--shapes", "8x8", "--option=--nonsense"), "nonsense"),
        (("adamw", "--shapes", "8x8", "--group", "matrix=x"), "no group 'x'"),
        (("adamw", "--shapes", "100000x1000000"), "takes 1490.1 GiB, and .* can be used; take fewer or smaller"),
        (("lion", "--shapes", "60000x20000", "--check"), "GiB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_what_cannot_be_run_is_refused_in_a_sentence(
    arguments: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workload, "available_bytes", lambda: 2**30)
    text = run(capsys, *arguments, status=2)
    assert text.startswith("descent-run: ") and re.search(message, text, re.DOTALL), text
    assert "Traceback" not in text


def test_a_missing_c_compiler_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits.shutil, "which", lambda name: None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(main, "build", lambda options, folder: pytest.fail("the build comes first"))
    with pytest.raises(main.Refused, match="no C compiler .*set CC, or give --no-limits"):
        limits.Meter()


def test_a_missing_pytorch_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    text = run(capsys, "adamw", "--shapes", "8x8", "--against", "torch", status=2)
    assert "needs PyTorch" in text and "scripts/setup.sh --tests" in text


RULES = {
    "sgd": (),
    "sgd_nesterov": (),
    "sgdw": (),
    "sgdw_nesterov": (),
    "adamw": (),
    "lion": (),
    "muon": ("--stored", "out_in"),
    "muon_torch": ("--stored", "out_in"),
    "muon_match_rms": ("--stored", "out_in"),
    "normuon": ("--stored", "out_in"),
    "scion": ("--norm", "#descent.row", "--class", "matrix"),
    "scion_constrained": ("--norm", "#descent.rms"),
    "lanton": ("--norm", "#descent.rms_to_rms", "--stored", "out_in", "--class", "matrix"),
}


@pytest.mark.parametrize("rule", RULES)
def test_rules_are_compared_with_pytorch(rule: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", minversion="2.9")
    options = (*RULES[rule], "--no-limits", "--no-compile", "--budget", "0.01")
    found = run_json(capsys, rule, "--shapes", "40x24,24x40", "--against", "torch", *options)
    names = [against["name"] for against in found["runs"][0]["against"]]
    assert names == (["torch fused", "torch foreach"] if rule == "adamw" else ["torch eager"])
    for against in found["runs"][0]["against"]:
        assert against["ratio"] > 0 and against["kept"] <= against["all"] and against["own"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("scion", "--norm", "#descent.l1"), "no PyTorch version of the norm '#descent.l1'"),
        (("adamw", "--storage", "bf16"), "storage f32, found 'bf16'"),
        (("muon", "--stored", "in_out"), "stored as out_in"),
        ((str(ROOT / "examples" / "gpt" / "adamw.mlir"),), "without clipping"),
    ],
    ids=["norm", "storage", "stored", "clipping"],
)
def test_what_pytorch_lacks_is_refused(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", minversion="2.9")
    text = run(capsys, *arguments, "--shapes", "40x24", "--against", "torch", "--no-limits", status=2)
    assert re.search(message, text), text


def test_a_different_rule_is_not_timed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", minversion="2.9")
    from descent.run import torch_rules

    monkeypatch.setitem(torch_rules.RULES, "sgd", torch_rules.RULES["sgd_nesterov"])
    text = run(capsys, "sgd", "--shapes", "40x24", "--against", "torch", "--no-limits", status=2)
    assert "computes something else: after 2 steps 'tensor0' differs" in text


def test_rounds_take_turns_and_give_the_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(rounds.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(rounds.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(rounds, "busy_seconds", lambda: 0.0)

    def taking(seconds: float) -> rounds.Step:
        def step() -> None:
            clock[0] += seconds

        return step

    found = rounds.compare(taking(0.1), taking(0.25), budget=5.0)
    assert (found.own, found.other, found.ratio) == pytest.approx((0.1, 0.25, 2.5))
    assert found.lowest == pytest.approx(2.5) and 3 <= found.kept == found.all <= rounds.MOST
    # Other programs take all of the machine: every round is disturbed, and all are kept for want of better ones.
    monkeypatch.setattr(rounds, "busy_seconds", lambda: 10.0 * clock[0])
    disturbed = rounds.compare(taking(0.1), taking(0.25), budget=1.0)
    assert disturbed.kept == disturbed.all >= 9 and disturbed.ratio == pytest.approx(2.5)
