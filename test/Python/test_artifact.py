"""Finding, loading and describing artifacts."""

from __future__ import annotations

import pickle
from pathlib import Path

import descent
import pytest
from descent import Code


def refused(code: Code, match: str) -> pytest.RaisesExc:
    return pytest.RaisesExc(descent.Error, match=match, check=lambda error: error.code == code)


def test_an_artifact_describes_itself(adamw: descent.Artifact) -> None:
    assert adamw.manifest["abi_version"] == 2
    assert adamw.signature == adamw.manifest["signature"]
    assert adamw.fingerprint == int(adamw.manifest["fingerprint"], 16)
    assert [group.name for group in adamw.groups] == [group["name"] for group in adamw.manifest["groups"]]
    adamw.check_signature(adamw.signature)


def test_defaults_are_those_of_the_manifest_and_cannot_be_changed(adamw: descent.Artifact) -> None:
    name = adamw.groups[0].name
    wanted = {hyper["name"]: hyper["default"] for hyper in adamw.manifest["groups"][0]["hypers"]}
    assert adamw.hyper_defaults == {name: wanted}
    adamw.hyper_defaults[name]["lr"] = 7.0
    assert adamw.hyper_defaults == {name: wanted}


def test_a_foreign_signature_is_refused_by_the_name_of_a_state(adamw: descent.Artifact) -> None:
    state = adamw.groups[0].states[0].name
    with refused(Code.FOREIGN_STATE, state):
        adamw.check_signature(adamw.signature.replace(f" {state} ", " other ", 1))


def test_files_that_are_no_artifacts_are_refused(tmp_path: Path) -> None:
    with refused(Code.INVALID_ARGUMENT, "there is no file"):
        descent.load(tmp_path / "missing.so")
    text = tmp_path / "text.so"
    text.write_text("not a library")
    with refused(Code.INVALID_ARGUMENT, "its name|name of .* is unknown"):
        descent.load(text)
    with refused(Code.INVALID_ARGUMENT, "cannot be loaded"):
        descent.load(text, name="text")
    with refused(Code.INVALID_ARGUMENT, "C identifiers"):
        descent.load(text, name="../text")
    for content in ("{", "[]", "{}"):
        text.with_suffix(".json").write_text(content)
        with refused(Code.INVALID_ARGUMENT, "is not a manifest"):
            descent.load(text)


def test_a_wrong_name_is_refused(adamw: descent.Artifact) -> None:
    with refused(Code.INVALID_ARGUMENT, "other_manifest"):
        descent.load(adamw.path, name="other")
    assert descent.load(adamw.path, name=adamw.name).signature == adamw.signature


def test_a_path_that_is_compiled_anew_loads_the_new_artifact(tmp_path: Path) -> None:
    output = tmp_path / "mine.so"
    first = descent.compile("adamw", output, "--name", "mine")
    second = descent.compile("lion", output, "--name", "mine")
    assert first.signature != second.signature
    assert "eps" in first.hyper_defaults[first.groups[0].name]
    assert descent.load(output).signature == second.signature


def test_a_failed_compilation_shows_what_the_compiler_said(tmp_path: Path) -> None:
    with refused(Code.INVALID_ARGUMENT, "no_such_rule"):
        descent.compile("no_such_rule", tmp_path / "x.so")
    with refused(Code.INVALID_ARGUMENT, "ends with '.so'"):
        descent.compile("adamw", tmp_path / "x.mlir")


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DESCENT_BUILD", str(tmp_path))
    with refused(Code.INVALID_ARGUMENT, "DESCENT_BUILD"):
        descent.compile("adamw", tmp_path / "x.so")
    monkeypatch.delenv("DESCENT_BUILD")
    monkeypatch.setenv("PATH", str(tmp_path))
    with refused(Code.INVALID_ARGUMENT, "not in PATH"):
        descent.compile("adamw", tmp_path / "x.so")


def test_errors_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(descent.Error(3, "two tensors overlap")))
    assert (error.code, error.message, str(error)) == (Code.OVERLAP, "two tensors overlap", "two tensors overlap")
    assert descent.Error(99, "of a later version").code == 99
