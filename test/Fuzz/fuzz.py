"""Feeds mutated modules to a tool: each must end with success or a diagnostic, never with a crash or a hang.

By hand: python3 test/Fuzz/fuzz.py --tool build/bin/descent-opt --seconds 60 --seed 1 -- -canonicalize
"""

import argparse
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TOKEN = re.compile(r'"[^"\n]*"|[%@#!^]?[A-Za-z_][\w.$-]*|[%^]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\s+|->|.', re.DOTALL)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
NUMBERS = ["0", "1", "-1", "2", "7", "4294967296", "9223372036854775807", "-9223372036854775808", "1.0", "0.0",
           "-0.5", "1.0e+308", "1.0e-320", "0x7FF8000000000000", "0x7FF0000000000000"]
CRASH = re.compile(r"PLEASE submit a bug report|LLVM ERROR|Assertion .* failed|AddressSanitizer|runtime error:|"
                   r"UNREACHABLE executed|Stack dump:")
DIAGNOSTIC = re.compile(r"error:|warning:|expected")
# MLIR 22.1 itself crashes on these: so does mlir-opt.
CRASHES_OF_MLIR = re.compile(r"array<\s*index\b")
# Its verifiers of this dialect believe what they should verify, as of `nvvm.mma.sync` that there is a first of B[].
UNVERIFIED = re.compile(r"\bnvvm\.\w+")
RULE = re.compile(r"descent\.optimizer @(\w+)")
SPLIT = re.compile(r"^// -----.*$", re.MULTILINE)
FOLDERS = ["test", "lib/Optimizers", "examples"]
SEPARATOR = "\n// -----\n"
# A module for one mutation; the tool itself must take far less than the limit.
LARGEST_MODULE = 20_000
TIME_LIMIT = 30.0


def read_corpus(folders: list[Path]) -> list[str]:
    """The modules of all .mlir files, those of a file that is split one by one."""
    modules = []
    for path in sorted(path for folder in folders for path in folder.rglob("*.mlir")):
        parts = SPLIT.split(path.read_text())
        modules += [part for part in parts
                    if part.strip() and len(part) < LARGEST_MODULE and not UNVERIFIED.search(without_comments(part))]
    return modules + [with_recipe(module) for module in modules if RULE.search(module) and "recipe @" not in module]


def without_comments(module: str) -> str:
    return re.sub(r"//[^\n]*", "", module)


def with_recipe(module: str) -> str:
    """A rule alone goes through no pipeline."""
    rule = RULE.search(module).group(1)
    norm = " norm = #descent.rms_to_rms" if "#descent.given" in module else ""
    group = f'descent.group "hidden" uses @{rule}{norm} class matrix stored out_in'
    return f"{module}\ndescent.recipe @recipe {{\n{group}\ndescent.clip_global_norm 1.0\ndescent.skip_nonfinite\n}}\n"


def delete_token(tokens: list[str], rng: random.Random) -> None:
    del tokens[rng.randrange(len(tokens))]


def repeat_token(tokens: list[str], rng: random.Random) -> None:
    at = rng.randrange(len(tokens))
    tokens.insert(at, tokens[at])


def swap_tokens(tokens: list[str], rng: random.Random) -> None:
    a, b = rng.randrange(len(tokens)), rng.randrange(len(tokens))
    tokens[a], tokens[b] = tokens[b], tokens[a]


def replace_token(tokens: list[str], rng: random.Random) -> None:
    """One name by another of its kind: the module often still parses."""
    at = rng.randrange(len(tokens))
    alike = [token for token in tokens if token[0] == tokens[at][0]]
    tokens[at] = rng.choice(alike)


def change_number(tokens: list[str], rng: random.Random) -> None:
    numbers = [at for at, token in enumerate(tokens) if NUMBER.fullmatch(token)]
    if numbers:
        tokens[rng.choice(numbers)] = rng.choice(NUMBERS)


def change_shape(tokens: list[str], rng: random.Random) -> None:
    """Another element type or dimension somewhere."""
    types = [at for at, token in enumerate(tokens) if re.fullmatch(r"x?(f64|f32|bf16|i64|i1|index)|\?", token)]
    if types:
        tokens[rng.choice(types)] = rng.choice(["f64", "f32", "i64", "index", "?", "x4xf64", "xf64"])


def shuffle_lines(tokens: list[str], rng: random.Random) -> None:
    lines = "".join(tokens).splitlines(keepends=True)
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    tokens[:] = TOKEN.findall("".join(lines))


def drop_line(tokens: list[str], rng: random.Random) -> None:
    lines = "".join(tokens).splitlines(keepends=True)
    del lines[rng.randrange(len(lines))]
    tokens[:] = TOKEN.findall("".join(lines))


MUTATIONS = [delete_token, repeat_token, swap_tokens, replace_token, replace_token, change_number, change_number,
             change_shape, shuffle_lines, drop_line]


def mutate(module: str, rng: random.Random) -> str:
    """One to four mutations; comments go first, since changes in them test nothing."""
    tokens = TOKEN.findall(without_comments(module))
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        if len(tokens) > 1:
            rng.choice(MUTATIONS)(tokens, rng)
    mutated = "".join(tokens)
    return module if CRASHES_OF_MLIR.search(mutated) else mutated


@dataclass
class Tool:
    """A program, its arguments, and whether it takes many modules at once (`-split-input-file`)."""

    command: list[str]
    batch: int = 1

    def words(self, source: Path) -> list[str]:
        return [word.replace("%s", str(source)).replace("%t", str(source.parent / "out")) for word in self.command]

    def problem(self, modules: list[str], folder: Path) -> str:
        """What is wrong with the tool's answer; empty when nothing is."""
        source = folder / "fuzz.mlir"
        source.write_text(SEPARATOR.join(modules))
        try:
            result = subprocess.run(self.words(source), capture_output=True, timeout=TIME_LIMIT, errors="replace",
                                    text=True)
        except subprocess.TimeoutExpired:
            return f"no answer in {TIME_LIMIT:.0f} s"
        if result.returncode < 0:
            return f"ended by {signal.Signals(-result.returncode).name}\n{result.stderr[-2000:]}"
        if found := CRASH.search(result.stderr):
            return f"'{found.group()}' on stderr\n{result.stderr[-2000:]}"
        if result.returncode not in (0, 1):
            return f"exit status {result.returncode}\n{result.stderr[-2000:]}"
        if result.returncode == 1 and not DIAGNOSTIC.search(result.stderr):
            return f"exit status 1 without a diagnostic: '{result.stderr[-500:]}'"
        return ""


@dataclass
class Outcome:
    modules: int = 0
    problem: str = ""
    reproducer: Path | None = None


def narrow(tool: Tool, modules: list[str], folder: Path) -> tuple[list[str], str]:
    """The first half, again and again, as long as one half alone still shows a problem."""
    problem = tool.problem(modules, folder)
    while len(modules) > 1:
        half = len(modules) // 2
        for part in (modules[:half], modules[half:]):
            if found := tool.problem(part, folder):
                modules, problem = part, found
                break
        else:
            break
    return modules, problem


def fuzz(tool: Tool, corpus: list[str], seed: int, seconds: float, keep: Path) -> Outcome:
    """Runs until the time is over or the first problem, whose input is stored in the folder `keep`."""
    rng = random.Random(seed)
    outcome = Outcome()
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        while time.monotonic() < end:
            modules = [mutate(rng.choice(corpus), rng) for _ in range(tool.batch)]
            outcome.modules += len(modules)
            if not tool.problem(modules, folder):
                continue
            modules, problem = narrow(tool, modules, folder)
            keep.mkdir(parents=True, exist_ok=True)
            outcome.reproducer = keep / f"{Path(tool.command[0]).name}-{seed}-{outcome.modules}.mlir"
            outcome.reproducer.write_text(SEPARATOR.join(modules))
            outcome.problem = problem or "a problem that did not show again"
            break
    return outcome


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", required=True, help="the program; the module's path is its first argument")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1, help="modules a run, for tools with -split-input-file")
    parser.add_argument("--keep", type=Path, default=root / "build" / "fuzz", help="where a failing input goes")
    parser.add_argument("arguments", nargs="*", help="further arguments of the tool")
    options = parser.parse_args()
    corpus = read_corpus([root / folder for folder in FOLDERS])
    tool = Tool([options.tool, "%s", *options.arguments], options.batch)
    outcome = fuzz(tool, corpus, options.seed, options.seconds, options.keep)
    print(f"{outcome.modules} modules, seed {options.seed}")
    if outcome.problem:
        print(f"{outcome.problem}\nstored: {outcome.reproducer}")
    return 1 if outcome.problem else 0


if __name__ == "__main__":
    sys.exit(main())
