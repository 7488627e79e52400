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
    text = run(name, "--quick", "--only", "torch eager", "--json", str(rows))
    found = json.loads(rows.read_text())
    assert len(found["rows"]) == lines and len(text.splitlines()) >= lines + 5
    assert found["machine"][0].startswith("processor: ")
    for row in found["rows"]:
        assert row["ratio"] > 0 and row["own"] > 0 and row["threads"] == 1


def test_compile_time_runs() -> None:
    assert "compiling any rule, slowest: " in run("compile_time.py", "--quick", "--no-torch")


def test_a_pair_that_does_not_exist_is_refused() -> None:
    command = [sys.executable, str(BENCHMARKS / "models.py"), "--only", "no such pair"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert finished.returncode == 1 and "no pair has 'no such pair' in its name; there are: Muon" in finished.stderr


ADAMW = {"table": "GPT-2 124M", "own": 0.07, "other": 0.21, "lowest": 2.9, "highest": 3.2, "ratio": 3.0}
PRODUCT = {"work": "gemm_f32", "threads": 1, "other": "torch"}


def test_the_page_has_a_line_for_each_goal_and_marks_misses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import page
    import pairs

    rows = [pairs.Row("a step", "torch eager", threads, 0.5, 1.2, 2.4, 2.3, 2.5, 2.0 * threads) for threads in (1, 2)]
    pairs.write_rows(str(tmp_path / "models.json"), rows[:1])
    pairs.write_rows(str(tmp_path / "models.json"), rows)
    adamw = [{**ADAMW, "threads": 1, "against": against} for against in ("foreach", "loop")]
    (tmp_path / "adamw.json").write_text(json.dumps(adamw))
    products = [{**PRODUCT, "shape": [n, n, n], "ratio": ratio} for n, ratio in ((64, 1.3), (64, 1.1), (96, 0.7))]
    (tmp_path / "products.json").write_text(json.dumps(products))
    stored = {"policy": "param = bf16, states = q8", "threads": 2, "elements": 100, "elements_per_second": 1e3}
    (tmp_path / "storage.json").write_text(json.dumps({"rows": [{**stored, "times_f32": 1.75}]}))
    (tmp_path / "adamw.txt").write_text("figures\n")
    monkeypatch.setattr(page, "CAUSES", {"a step": "A step is slow.", "AdamW": "not missed"})
    page.write(tmp_path, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert lines == [
        "| AdamW f32, GPT-2 124M | torch.optim.AdamW(foreach=True) | 1 | 70 ms | 210 ms | 3.00 (2.90, 3.20) | 3 |",
        "| AdamW, bf16 parameters, 8-bit states | our AdamW in f32 | 2 | 100 ms | 175 ms | 1.75 (1.75, 1.75) | 1.7 |",
        "| A B, f32, 2 shapes: median | the faster of OpenBLAS and PyTorch | 1 |  |  | **0.90** (0.70, 1.10) | 1 |",
        "| A B, f32, 2 shapes: worst | the faster of OpenBLAS and PyTorch | 1 |  |  | **0.70** (0.70, 1.10) | 0.9 |",
        "| a step | torch eager | 1 | 500 ms | 1.20 s | 2.40 (2.30, 2.50) | 2 |",
        "| a step | torch eager | 2 | 500 ms | 1.20 s | **2.40** (2.30, 2.50) | 4 |",
    ]
    assert "- A step is slow." in text and "not missed" not in text
    assert "```text\nfigures\n```" in text and "## Newton-Schulz" not in text


def test_the_command_knows_its_benchmarks() -> None:
    script = str(BENCHMARKS / "run.sh")
    finished = subprocess.run([script, "nonsense"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert finished.returncode == 1 and "no benchmark 'nonsense'; there are: adamw" in finished.stderr
