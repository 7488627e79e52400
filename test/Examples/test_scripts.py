"""The scripts around the example trainer: its text and its plot."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from trainer import ROOT, Train, run

CORPUS = ROOT / "examples" / "gpt" / "corpus.py"
PLOT = ROOT / "examples" / "gpt" / "plot.py"


@pytest.fixture
def headers(tmp_path: Path) -> Path:
    folder = tmp_path / "include"
    for name, content in {"llvm/A.h": b"a" * 10, "llvm/ADT/B.h": b"b" * 10, "llvm-c/C.h": b"c" * 10,
                          "llvm/Umlaut.h": "ü".encode(), "llvm/notes.txt": b"t" * 10}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_corpus_holds_each_ascii_header_once(headers: Path, tmp_path: Path) -> None:
    result = run(sys.executable, CORPUS, tmp_path / "text", "--include", headers)
    assert result.returncode == 0, result.stderr
    assert sorted((tmp_path / "text").read_bytes()) == sorted(b"a" * 10 + b"b" * 10 + b"c" * 10)


def test_corpus_keeps_to_its_limit_with_whole_files(headers: Path, tmp_path: Path) -> None:
    run(sys.executable, CORPUS, tmp_path / "text", "--include", headers, "--bytes", "25")
    assert len((tmp_path / "text").read_bytes()) == 20


def test_corpus_does_not_depend_on_where_the_headers_are(headers: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.mkdir()
    for part in ("llvm", "llvm-c"):
        (link / part).symlink_to(headers / part)
    run(sys.executable, CORPUS, tmp_path / "one", "--include", headers)
    run(sys.executable, CORPUS, tmp_path / "two", "--include", link)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() != b""


def test_corpus_without_headers_says_so(tmp_path: Path) -> None:
    result = run(sys.executable, CORPUS, tmp_path / "text", "--include", tmp_path)
    assert result.returncode == 1 and "--include" in result.stderr


def test_plot_draws_and_tabulates_runs(train: Train, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    logs = [tmp_path / "one", tmp_path / "two"]
    train("--rule", "adamw", "--steps", "15", "--log", logs[0])
    train("--rule", "adamw", "--steps", "15", "--lr", "1e40", "--log", logs[1])
    result = run(sys.executable, PLOT, *logs, "--output", tmp_path / "losses.png")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")
    rows = [line.split() for line in result.stdout.splitlines() if line.startswith("adamw")]
    assert [row[:2] for row in rows] == [["adamw", "x1"], ["adamw", "x1e+40"]]
    assert 0 < float(rows[0][2]) < 10 and rows[1][2] == "nan"


def test_plot_refuses_what_is_no_log(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    (tmp_path / "log").write_text("not JSON\n")
    result = run(sys.executable, PLOT, tmp_path / "log")
    assert result.returncode == 1 and "cannot use log" in result.stderr
