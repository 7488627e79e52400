"""gpt-train: gradients, reproducible runs, checkpoints, messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from trainer import Train, program, run

RULES = ["lanton", "adamw"]


def steps_of(log: Path) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in log.read_text().splitlines()]
    return [record for record in records if "step" in record]


def trained(train: Train, *options: str | Path) -> None:
    result = train(*options)
    assert result.returncode == 0, result.stderr


def refusal(train: Train, *options: str | Path) -> str:
    """What the trainer says when it refuses."""
    result = train(*options)
    assert result.returncode == 1, f"exit status {result.returncode}: {result.stdout}{result.stderr}"
    assert result.stderr.startswith("gpt-train: ") and result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@pytest.fixture
def checkpoint(train: Train, tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint"
    trained(train, "--rule", "adamw", "--steps", "8", "--stop-after", "4", "--save", path)
    return path


def test_gradients_agree_with_finite_differences() -> None:
    result = run(program("gpt-gradcheck"))
    assert result.returncode == 0 and result.stdout.endswith("PASS\n"), result.stdout


@pytest.mark.parametrize("rule", RULES)
def test_training_learns(train: Train, tmp_path: Path, rule: str) -> None:
    log = tmp_path / "log"
    trained(train, "--rule", rule, "--steps", "60", "--eval-every", "20", "--log", log)
    steps = steps_of(log)
    assert [record["step"] for record in steps] == list(range(1, 61))
    assert [record["step"] for record in steps if "validation_loss" in record] == [20, 40, 60]
    assert all(0 < record["optimizer_seconds"] < record["seconds"] and not record["skipped"] for record in steps)
    assert steps[-1]["loss"] < steps[0]["loss"] - 0.5
    assert steps[-1]["validation_loss"] < steps[0]["loss"] - 0.5


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("threads", ["1", "2"])
def test_resumed_run_repeats_the_uninterrupted_one(train: Train, tmp_path: Path, rule: str, threads: str) -> None:
    whole, part, resumed = tmp_path / "whole", tmp_path / "part", tmp_path / "resumed"
    common = ["--rule", rule, "--steps", "12"]
    trained(train, *common, "--threads", "1", "--save", whole)
    trained(train, *common, "--threads", "1", "--save", part, "--stop-after", "5")
    assert part.read_bytes() != whole.read_bytes()
    trained(train, *common, "--threads", threads, "--resume", part, "--save", resumed)
    assert resumed.read_bytes() == whole.read_bytes()


def test_resumed_log_goes_on(train: Train, tmp_path: Path) -> None:
    whole, parts, saved = tmp_path / "whole", tmp_path / "parts", tmp_path / "saved"
    trained(train, "--steps", "8", "--log", whole)
    trained(train, "--steps", "8", "--stop-after", "3", "--save", saved, "--log", parts)
    trained(train, "--steps", "8", "--resume", saved, "--log", parts)
    losses = [(record["step"], record["loss"]) for record in steps_of(whole)]
    assert [(record["step"], record["loss"]) for record in steps_of(parts)] == losses


def test_save_every_replaces_the_file(train: Train, tmp_path: Path) -> None:
    often, once = tmp_path / "often", tmp_path / "once"
    trained(train, "--steps", "6", "--save-every", "2", "--save", often)
    trained(train, "--steps", "6", "--save", once)
    assert often.read_bytes() == once.read_bytes()
    assert not list(tmp_path.glob("*.tmp"))


def test_seed_decides_the_run(train: Train, tmp_path: Path) -> None:
    losses = []
    for seed in ("1", "2", "1"):
        log = tmp_path / f"log{seed}"
        trained(train, "--steps", "3", "--seed", seed, "--log", log)
        losses.append([record["loss"] for record in steps_of(log)])
    assert losses[0] == losses[2] != losses[1]


def test_loss_scale_of_a_power_of_two_changes_no_bit(train: Train, tmp_path: Path) -> None:
    plain, scaled = tmp_path / "plain", tmp_path / "scaled"
    trained(train, "--rule", "adamw", "--steps", "6", "--save", plain)
    trained(train, "--rule", "adamw", "--steps", "6", "--save", scaled, "--loss-scale", "1024")
    assert plain.read_bytes() == scaled.read_bytes()


def test_accumulated_batches_equal_one_large_batch(train: Train, tmp_path: Path) -> None:
    large, small = tmp_path / "large", tmp_path / "small"
    trained(train, "--rule", "adamw", "--steps", "6", "--batch", "8", "--log", large)
    trained(train, "--rule", "adamw", "--steps", "6", "--batch", "2", "--accumulate", "4", "--log", small)
    for one, other in zip(steps_of(large), steps_of(small), strict=True):
        # Only the order of sums differs: eps = 6e-8 of float, which Adam's division may enlarge for tiny gradients.
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)
        assert one["gradient_norm"] == pytest.approx(other["gradient_norm"], rel=1e-3)


def test_steps_without_finite_gradient_are_skipped(train: Train, tmp_path: Path) -> None:
    log, saved, resumed = tmp_path / "log", tmp_path / "saved", tmp_path / "resumed"
    common = ["--rule", "adamw", "--steps", "6", "--lr", "1e40"]
    trained(train, *common, "--stop-after", "3", "--save", saved)
    trained(train, *common, "--resume", saved, "--save", resumed, "--log", log)
    assert all(record["skipped"] and record["loss"] is None for record in steps_of(log))
    # All that changed is the number of the step, and with it the checksum at the end.
    differing = [i for i, (a, b) in enumerate(zip(saved.read_bytes(), resumed.read_bytes(), strict=True)) if a != b]
    assert differing[0] < 128 and all(i < 128 or i >= saved.stat().st_size - 8 for i in differing)


@pytest.mark.parametrize("keep", [0, 7, 60, 150, 5000, -9, -1])
def test_truncated_checkpoint_is_refused(train: Train, checkpoint: Path, keep: int) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:keep])
    message = refusal(train, "--rule", "adamw", "--steps", "8", "--resume", checkpoint)
    assert "truncated" in message or (keep < 8 and "not a checkpoint" in message)


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9, 1.0])
def test_damaged_checkpoint_is_refused(train: Train, checkpoint: Path, place: float) -> None:
    data = bytearray(checkpoint.read_bytes())
    data[int(place * (len(data) - 1))] ^= 0x10
    checkpoint.write_bytes(data)
    assert "checksum" in refusal(train, "--rule", "adamw", "--steps", "8", "--resume", checkpoint)


def test_any_damage_to_the_header_is_refused(train: Train, checkpoint: Path) -> None:
    whole = checkpoint.read_bytes()
    for byte in range(0, 104, 5):
        data = bytearray(whole)
        data[byte] ^= 0x81
        checkpoint.write_bytes(data)
        refusal(train, "--rule", "adamw", "--steps", "8", "--resume", checkpoint)


FOREIGN = [
    (["--rule", "lanton"], "check_signature"),
    (["--rule", "adamw", "--layers", "3"], "its model has 2 layers"),
    (["--rule", "adamw", "--heads", "2"], "3 heads"),
    (["--rule", "adamw", "--seed", "2"], "--seed 1"),
    (["--rule", "adamw", "--stop-after", "4"], "already"),
]


@pytest.mark.parametrize(("options", "reason"), FOREIGN, ids=[reason for _, reason in FOREIGN])
def test_foreign_checkpoint_is_refused(train: Train, checkpoint: Path, tmp_path: Path, options: list[str],
                                       reason: str) -> None:
    log, before = tmp_path / "log", checkpoint.read_bytes()
    message = refusal(train, "--steps", "8", "--resume", checkpoint, "--save", checkpoint, "--log", log, *options)
    assert "cannot be resumed" in message and reason in message
    assert checkpoint.read_bytes() == before and not log.exists()


def test_checkpoint_of_another_text_is_refused(train: Train, checkpoint: Path, text: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(text.read_text().replace("e", "E"))
    assert "other characters" in refusal(train, "--rule", "adamw", "--data", other, "--resume", checkpoint)


def test_file_of_another_program_is_refused(train: Train, text: Path) -> None:
    assert "not a checkpoint" in refusal(train, "--resume", text)


MESSAGES = [
    (["--data", "no-such-file.txt"], "cannot read data file 'no-such-file.txt': No such file"),
    (["--data", "."], "cannot read data file '.'"),
    (["--context", "9999"], "is too small: it has"),
    (["--rule", "sgd"], "'sgd'"),
    (["--steps", "0"], "--steps"),
    (["--steps", "ten"], "'ten'"),
    (["--lr", "-1"], "--lr"),
    (["--lr", "nan"], "--lr"),
    (["--width", "35"], "--width 35 cannot be divided among --heads 3"),
    (["--no-such-option"], "--no-such-option"),
    (["--steps"], "--steps wants a value"),
    (["more"], "'more'"),
    (["--save-every", "2"], "--save FILE"),
    (["--resume", "no-such-checkpoint"], "cannot read checkpoint 'no-such-checkpoint'"),
    (["--log", "no-such-folder/log"], "cannot write log"),
    (["--steps", "1", "--save", "no-such-folder/checkpoint"], "cannot write checkpoint"),
]


@pytest.mark.parametrize(("options", "reason"), MESSAGES, ids=[" ".join(options) for options, _ in MESSAGES])
def test_what_cannot_work_gets_a_message(train: Train, options: list[str], reason: str) -> None:
    assert reason in refusal(train, *options)


def test_data_is_needed() -> None:
    result = run(program("gpt-train"))
    assert result.returncode == 1 and "--data" in result.stderr


def test_help_names_every_option() -> None:
    result = run(program("gpt-train"), "--help")
    assert result.returncode == 0 and "--loss-scale" in result.stdout and not result.stderr
