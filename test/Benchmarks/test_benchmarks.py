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
STORED = {"policy": "param = bf16, states = q8", "threads": 2, "own": 0.1, "f32": 0.175}


def test_the_page_has_a_line_for_each_goal_and_marks_misses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import page
    import pairs

    work = "Scion step, GPT-2 124M"
    ratios = {1: 2.4, 2: 1.4}
    rows = [pairs.Row(work, "torch eager", count, 0.5, 1.2, ratio, 1.3, 2.5, 2.0) for count, ratio in ratios.items()]
    pairs.write_rows(tmp_path / "models.json", [pairs.Row(work, "torch eager", 1, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0)])
    pairs.write_rows(tmp_path / "models.json", rows)
    adamw = [{**ADAMW, "threads": 1, "against": against} for against in ("foreach", "loop")]
    products = [{**PRODUCT, "shape": [n, n, n], "ratio": ratio} for n, ratio in ((64, 1.3), (64, 1.1), (96, 0.7))]
    stored = {**STORED, "times_f32": 1.75, "lowest": 1.7, "highest": 1.8}
    for name, found in (("adamw", adamw), ("products", products), ("storage", [stored])):
        (tmp_path / f"{name}.json").write_text(json.dumps({"rows": found}))
    (tmp_path / "adamw.txt").write_text("figures\n")
    monkeypatch.setattr(page, "CAUSES", {"Scion": "A step is slow.", "AdamW f32, GPT-2": "not missed"})
    page.write(tmp_path, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert [line for line in lines if "not measured" not in line] == [
        "| AdamW f32, GPT-2 124M | torch.optim.AdamW(foreach=True) | 1 | 70 ms | 210 ms | 3.00 (2.90, 3.20) | 3 |",
        "| AdamW, bf16 parameters, 8-bit states | our AdamW in f32 | 2 | 100 ms | 175 ms | 1.75 (1.70, 1.80) | 1.7 |",
        "| A B, f32: median of 2 shapes | the faster of OpenBLAS and PyTorch | 1 |  |  | **0.90** (0.70, 1.10) | 1 |",
        "| A B, f32: worst of 2 shapes | the faster of OpenBLAS and PyTorch | 1 |  |  | **0.70** (0.70, 1.10) | 0.9 |",
        "| Scion step, GPT-2 124M | torch eager | 1 | 500 ms | 1.20 s | 2.40 (1.30, 2.50) | 2 |",
        "| Scion step, GPT-2 124M | torch eager | 2 | 500 ms | 1.20 s | **1.40** (1.30, 2.50) | 2 |",
    ]
    missing = [line for line in lines if "not measured" in line]
    assert "| A B, bf16: median | oneDNN | 2 |  |  | not measured | 1 |" in missing
    # Of AdamW, 8-bit states, products, Newton-Schulz, steps, and compiling.
    assert len(lines) == 12 + 2 + 10 + 24 + 16 + 6
    assert "- A step is slow." in text and "not missed" not in text
    assert "```text\nfigures\n```" in text and "## Newton-Schulz" not in text


def test_the_command_knows_its_benchmarks() -> None:
    script = str(BENCHMARKS / "run.sh")
    finished = subprocess.run([script, "nonsense"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert finished.returncode == 1 and "no benchmark 'nonsense'; there are: adamw" in finished.stderr
