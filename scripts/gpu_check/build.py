"""Compiles what a machine with a GPU is to run, into one folder: nothing of MLIR is needed where that is taken."""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import descent
from descent.compiler import find_program

from .programs import ROOT, Program, file_name, programs

INDEX = "programs.json"
MOST_BYTES = 40 << 20


def build(folder: Path, chips: str, quick: bool, only: str, simulator: bool, jobs: int) -> None:
    """`simulator`: for the simulator alone, in place of chips."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [program for program in programs(quick) if only in program.name]
    target = "simulator" if simulator else f"cuda:{chips}"
    begin = time.monotonic()
    tasks = [
        (program, "device", f"cuda:{program.chips}" if program.chips and not simulator else target)
        for program in wanted
    ]
    if not simulator:
        tasks += [(program, "simulator", "simulator") for program in wanted if program.on_simulator]
    with ThreadPoolExecutor(jobs) as pool:
        files = list(pool.map(lambda task: compile_program(folder, *task), tasks))
    index: dict[str, dict[str, str]] = {}
    for (program, role, _), file in zip(tasks, files, strict=True):
        if file is not None:
            index.setdefault(program.name, {})[role] = file.name
    made = [file for file in files if file is not None]
    size = sum(file.stat().st_size for file in made)
    facts = {"target": target, "commit": commit(), "programs": index}
    (folder / INDEX).write_text(json.dumps(facts, indent=1) + "\n")
    print(
        f"{len(made)} artifacts for {target}, {size / 2**20:.1f} MiB, "
        f"{time.monotonic() - begin:.0f} s: {folder}"
    )
    if size > MOST_BYTES:
        raise SystemExit(f"more than {MOST_BYTES >> 20} MiB: too much to carry; name fewer chips")
    if len(made) < len(files):
        raise SystemExit(f"{len(files) - len(made)} programs were not compiled; the folder has the others")


def compile_program(folder: Path, program: Program, role: str, target: str) -> Path | None:
    """The shared object, packed; none if the compiler fails, which is told."""
    compiler = find_program()
    if compiler is None:
        raise SystemExit("descent-compile is not built: run scripts/build.sh, or set DESCENT_BUILD")
    with tempfile.TemporaryDirectory() as directory:
        source = program.source
        if source.startswith("descent.recipe"):
            source = str(Path(directory) / "recipe.mlir")
            Path(source).write_text(program.source)
        elif "/" in source:
            source = str(ROOT / source)
        output = Path(directory) / "artifact.so"
        command = [str(compiler), source, "-o", str(output), f"--target={target}", "--name=checked", *program.options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"'{program.name}' was not compiled for {target}:\n{done.stderr}", file=sys.stderr)
            return None
        packed = folder / f"{file_name(program.name)}-{role}.so.xz"
        packed.write_bytes(lzma.compress(output.read_bytes(), preset=6))
        return packed


def commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


class Folder:
    """What `build` wrote."""

    def __init__(self, folder: Path) -> None:
        index = folder / INDEX
        if not index.is_file():
            raise SystemExit(
                f"there is no '{index}': make the folder with 'scripts/gpu-check.sh build', where the "
                "compiler is, and bring it here"
            )
        self._folder = folder
        facts = json.loads(index.read_text())
        self.target, self.commit = str(facts["target"]), str(facts["commit"])
        self._programs: dict[str, dict[str, str]] = facts["programs"]
        self._unpacked = tempfile.TemporaryDirectory()

    def names(self) -> list[str]:
        return list(self._programs)

    def has(self, name: str, role: str = "device") -> bool:
        return role in self._programs.get(name, {})

    def load(self, name: str, role: str = "device") -> descent.Artifact:
        if not self.has(name, role):
            raise KeyError(f"the folder has no '{name}' for the {role}")
        packed = self._folder / self._programs[name][role]
        output = Path(self._unpacked.name) / packed.stem
        if not output.exists():
            output.write_bytes(lzma.decompress(packed.read_bytes()))
        return descent.load(output, "checked")
