"""scripts/gpu-check.sh without a GPU: what it builds, what it runs with the simulator in place of one, what it says of
wrong results, and the table."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "gpu-check.sh"
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "python"), str(ROOT / "test" / "Integration")]

pytest.importorskip("torch")

from gpu_check import report, sanitize, sections, timings  # noqa: E402
from gpu_check.build import Folder  # noqa: E402
from gpu_check.context import Context  # noqa: E402
from gpu_check.devices import Kernel, Simulator, split  # noqa: E402
from gpu_check.records import Notebook, Record, read  # noqa: E402


def call(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHON": sys.executable} | variables
    return subprocess.run([SCRIPT, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whoever comes first builds; the others wait."""
    own = tmp_path_factory.getbasetemp()
    made = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "gpu-check"
    with open(f"{made}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            done = call("build", made, "--quick", "--simulator")
            assert done.returncode == 0, done.stdout + done.stderr
            assert "7 artifacts for simulator" in done.stdout
    return made


def test_everything_runs_on_the_simulator(folder: Path, tmp_path: Path) -> None:
    done = call("run", folder, "--device=simulator", "--together", f"--out={tmp_path}")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "gpu-check.json").read_text())
    assert found["facts"]["device"] == "the simulator" and found["facts"]["compiled for"] == "simulator"
    records = [Record(**record) for record in found["records"]]
    assert {record.verdict for record in records if record.kind == "check"} == {"good"}
    assert {record.verdict for record in records if record.kind == "target"} == {"not judged"}
    checked = {record.section for record in records if record.kind == "check"}
    assert {"sweeps", "policies-sweeps", "bits", "graphs", "refusals", "lists", "newton-schulz", "host"} <= checked
    oracles = [record for record in records if record.section == "sweeps"]
    assert len({record.name for record in oracles}) == len(oracles) > 30
    table = (tmp_path / "gpu-check.md").read_text()
    assert "Descent, graph" in table and "checks" not in done.stderr


def test_a_wrong_result_is_a_failure_and_the_rest_goes_on(folder: Path, tmp_path: Path) -> None:
    """Kernels that keep codes are told to be those that keep numbers in f32, and others are not there."""
    wrong = tmp_path / "folder"
    wrong.mkdir()
    index = json.loads((folder / "programs.json").read_text())
    index["programs"]["sweeps, f32"] = index["programs"]["sweeps, param = f32, states = q8"]
    del index["programs"]["adamw-f32"]
    for packed in folder.glob("*.xz"):
        (wrong / packed.name).symlink_to(packed)
    (wrong / "programs.json").write_text(json.dumps(index))
    done = call("run", wrong, "--device=simulator", "--only=s")
    assert done.returncode == 1
    assert "wrong: sweeps: sgd, f32: " in done.stdout and "wrong: sweeps: sgd, f64: " not in done.stdout
    assert "ended early: refusals: the section as a whole: status 1 / " in done.stdout
    assert "the folder has no 'adamw-f32' for the device" in done.stdout
    assert "newton-schulz: 32 x 48" in done.stdout and "checks good" in done.stdout


def test_what_is_missing_is_told(folder: Path, tmp_path: Path) -> None:
    done = call("run", tmp_path / "nowhere")
    assert done.returncode != 0 and "make the folder with 'scripts/gpu-check.sh build'" in done.stderr
    done = call("run", folder, "--device=cuda", CUDA_VISIBLE_DEVICES="")
    assert done.returncode != 0 and "PyTorch finds no CUDA device here" in done.stderr
    done = call("run", folder, "--device=simulator", "--budget=1", f"--out={tmp_path}")
    assert done.returncode == 0 and "0 of 0 goals met" in done.stdout
    assert (tmp_path / "gpu-check.md").read_text().count("no time is left") == len(sections.SECTIONS)


@pytest.mark.skipif(shutil.which("ptxas") is None, reason="no assembler of CUDA in PATH")
def test_the_half_that_builds_assembles_for_chips(tmp_path: Path) -> None:
    done = call("build", tmp_path / "folder", "--quick", "--only=adamw", "--chips=sm_80,sm_90a")
    assert done.returncode == 0 and "1 artifacts for cuda:sm_80,sm_90a" in done.stdout, done.stdout + done.stderr
    made = Folder(tmp_path / "folder")
    assert made.load("adamw-f32").kind == "cuda" and made.target == "cuda:sm_80,sm_90a"


class Rehearsal(Simulator):
    """The simulator under the name of a GPU: what is asked of one alone is asked, and answered by heart."""

    is_real = True

    def kernels(self, step: Callable[[], object], repeats: int) -> list[list[Kernel]]:
        step()
        products = [Kernel("all_2_product", time) for time in (7.0, 8.0, 9.0)]
        run = [Kernel("descent_begin", 2.0), Kernel("all_1_sweep", 3.0), *5 * products]
        return [run for _ in range(repeats)]

    def stream(self) -> int | None:
        return None


@pytest.mark.parametrize("name", ["adamw", "lists", "times-of-products", "newton-schulz", "host", "graphs"])
def test_timings_of_a_gpu_are_written_down(name: str, folder: Path, tmp_path: Path) -> None:
    (section,) = [section for section in sections.SECTIONS if section.name == name]
    notes = Notebook(tmp_path / "lines", name, 60.0)
    section.run(Context(Rehearsal(), Folder(folder), notes))
    records = list(read(tmp_path / "lines"))
    assert {record.verdict for record in records if record.kind == "check"} <= {"good"}, records
    assert name == "graphs" or any(record.kind in ("time", "target") for record in records)
    if name == "times-of-products":
        assert [r.value for r in records if "X X^T, auto products" in r.name] == pytest.approx([7e-6, 7e-6])
        assert [r.value for r in records if "a X + B X, library products" in r.name] == pytest.approx([9e-6, 9e-6])
        assert [r.detail for r in records if r.name == "X X^T: own products are faster"] == ["32"]
        assert any(r.name == "32 x 64: a X + B X, own (for sm_80) products" for r in records)
    if name == "host":
        assert any("synchronizations" in record.name and record.value == 0 for record in records)


def test_what_torch_compile_cannot_is_left_out(tmp_path: Path) -> None:
    notes = Notebook(tmp_path / "lines", "muon", 600.0)
    device: Any = SimpleNamespace(compiles=True, wait=lambda: None)

    def fails() -> Any:
        raise RuntimeError("no compiler of C")

    context = Context(device, None, notes)  # type: ignore[arg-type]
    assert timings.compiled(context, "torch.compile", fails) == {}
    assert list(timings.compiled(context, "torch.compile", lambda: lambda: None)) == ["torch.compile"]
    assert [record.detail for record in read(tmp_path / "lines")] == ["left out: RuntimeError: no compiler of C"]


def sanitizer(folder: Path, status: int, text: str) -> Path:
    program = folder / "compute-sanitizer"
    program.write_text(f"#!/bin/sh\necho '{text}'\nexit {status}\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(("status", "kind", "verdict"), [(0, "check", "good"), (99, "check", "wrong"), (1, "note", "")])
def test_what_the_sanitizer_says(status: int, kind: str, verdict: str, tmp_path: Path) -> None:
    program = sanitizer(tmp_path, status, "========= Invalid __global__ write")
    record = sanitize.run_tool(str(program), "memcheck", str(tmp_path), tmp_path, 20.0)
    assert (record.kind, record.verdict) == (kind, verdict)
    assert status == 0 or "Invalid __global__ write" in record.detail


def test_the_sanitized_program_runs(folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}/scripts:{ROOT}/python"}
    command = [sys.executable, "-m", "gpu_check.sanitized", str(folder), "cpu"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.startswith("adamw-f32 ["), done.stderr


@pytest.fixture
def records(tmp_path: Path) -> Iterator[list[Record]]:
    notes = Notebook(tmp_path / "lines", "adamw", 10.0)
    notes.time("AdamW: Descent", 0.00825, "3390 GB/s")
    notes.target("share of the copy's bandwidth", 0.93, 0.9, "")
    notes.target("X X^T, 4096 x 4096", 190.0, 183.5, "us", most=True)
    notes.check("steps | bars", lambda: "fine")
    notes.check("other steps", lambda: 1 / 0)
    late = Notebook(tmp_path / "late", "late", -1.0)
    late.check("no time", lambda: "fine")
    with (tmp_path / "lines").open("a") as file:
        file.write('{"kind": "time", "na')  # ended while it wrote
    yield [*read(tmp_path / "lines"), *read(tmp_path / "late")]


def test_the_table(records: list[Record], tmp_path: Path) -> None:
    assert len(records) == 6
    assert [record.name for record in report.failures(records)] == ["other steps"]
    report.write(tmp_path, {"device": "a GPU"}, {"adamw": "AdamW", "late": "what came late"}, records)
    table = (tmp_path / "gpu-check.md").read_text()
    for line in (
        "| device | a GPU |",
        "| share of the copy's bandwidth | at least 0.9 | 0.93 | met |",
        "| X X^T, 4096 x 4096 | at most 183.5 us | 190 us | **missed** |",
        "1 of 3 are good.",
        "| adamw | other steps | wrong | ZeroDivisionError: division by zero |",
        "| late | no time | left out | no time is left |",
        "### AdamW",
        "Good: steps | bars (fine).",
        "| AdamW: Descent | 8.25 ms | 3390 GB/s |",
        "### What came late",
    ):
        assert line in table.splitlines(), table
    assert json.loads((tmp_path / "gpu-check.json").read_text())["facts"] == {"device": "a GPU"}


def test_kernels_are_told_apart_by_steps() -> None:
    kernels = [Kernel(name, time) for time in (1.0, 2.0) for name in ("begin", "product")]
    assert split(kernels, 2) == [kernels[:2], kernels[2:]]
    assert split(kernels, 3) == split(kernels[:3] + kernels[:1], 2) == split([], 2) == []


def test_units() -> None:
    shown = [report.shown(*pair) for pair in ((2.0, "s"), (0.0021, "s"), (3.5e-5, "s"), (2e-8, "s"), (7, "us"))]
    assert shown == ["2 s", "2.1 ms", "35 us", "0.02 us", "7 us"] and report.shown(None, "s") == ""
