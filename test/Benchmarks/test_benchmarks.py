"""The benchmarks run: small sizes, few rounds, no figure is looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"


def run(name: str, *arguments: str) -> str:
    command = [sys.executable, str(BENCHMARKS / name), *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.mark.parametrize(
    ("name", "lines"), [("newton_schulz.py", 6), ("models.py", 4)], ids=["newton_schulz", "models"]
)
def test_comparisons_with_pytorch_run(name: str, lines: int, tmp_path: Path) -> None:
    pytest.importorskip("torch", minversion="2.9")
    rows = tmp_path / "rows.json"
    text = run(name, "--quick", "--only", "torch eager", "--rows", str(rows))
    found = json.loads(rows.read_text())
    assert len(found["rows"]) == lines and len(text.splitlines()) >= lines + 5
    assert found["machine"][0].startswith("processor: ")
    for row in found["rows"]:
        assert row["ratio"] > 0 and row["own"] > 0 and row["threads"] == 1


def test_a_pair_that_does_not_exist_is_refused() -> None:
    command = [sys.executable, str(BENCHMARKS / "models.py"), "--only", "no such pair"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert finished.returncode == 1 and "no pair has 'no such pair' in its name; there are: Muon" in finished.stderr


def test_the_page_marks_what_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import page
    import pairs

    rows = [pairs.Row("a step", "torch eager", threads, 0.5, 1.2, 2.4, 2.3, 2.5, 2.0 * threads) for threads in (1, 2)]
    pairs.write_rows(str(tmp_path / "models.json"), rows[:1])
    pairs.write_rows(str(tmp_path / "models.json"), rows)
    (tmp_path / "adamw.txt").write_text("figures\n")
    page.write(tmp_path, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert "| a step | torch eager | 1 | 500 ms | 1.20 s | 2.40 (2.30, 2.50) | 2 |\n" in text
    assert "| a step | torch eager | 2 | 500 ms | 1.20 s | **2.40** (2.30, 2.50) | 4 |\n" in text
    assert text.count("a step") == 2 and "```text\nfigures\n```" in text
    assert "Newton-Schulz" not in text


def test_the_command_knows_its_benchmarks() -> None:
    script = str(BENCHMARKS / "run.sh")
    finished = subprocess.run([script, "nonsense"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert finished.returncode == 1 and "no benchmark 'nonsense'; there are: newton_schulz" in finished.stderr
