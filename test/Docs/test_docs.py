"""Every code block of the README, of docs/ and of the generated reference does what it says. See blocks.py for how."""

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from blocks import DIRECTIVES, Block, read_blocks

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("DESCENT_BUILD", ROOT / "build"))
LLVM = Path(os.environ.get("LLVM_PREFIX", "/usr/lib/llvm-22"))
SECONDS = 300
LANGUAGES = {"mlir", "c", "cpp", "python", "bash", "json", "tablegen", "text"}
C_COMPILERS = {"c": [str(LLVM / "bin" / "clang"), "gcc"], "cpp": [str(LLVM / "bin" / "clang++"), "g++"]}
C_STANDARDS = {"c": "-std=c11", "cpp": "-std=c++17"}
# What a page finds as if it stood in the repository; everything else that it writes stays in its own folder.
LINKED = ["build", "examples", "include", "lib", "python", "scripts", "test"]
SHELL_WORDS = {"cd", "export", "source", "for", "do", "done", "if", "then", "else", "fi", "echo", "while"}

PAGES = [page for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if page.exists()]
BLOCKS = [block for page in PAGES for block in read_blocks(page)]
REFERENCE = [block for page in sorted((BUILD / "docs").rglob("*.md")) for block in read_blocks(page)]


def of_language(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def environment() -> dict[str, str]:
    path = [str(BUILD / "bin"), str(LLVM / "bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    return os.environ | {"PATH": os.pathsep.join(path), "PYTHONPATH": str(ROOT / "python"), "MPLBACKEND": "Agg",
                         "DESCENT_BUILD": str(BUILD)}


def run(command: list[str], folder: Path, block: Block, refused: str | None = None) -> None:
    result = subprocess.run(command, cwd=folder, env=environment(), text=True, errors="replace", timeout=SECONDS,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    answer = f"{block.place}: {shlex.join(command)}\nexit status {result.returncode}\n{result.stdout[-4000:]}"
    if refused is None:
        assert result.returncode == 0, answer
    else:
        assert result.returncode == 1, f"the page says that this is refused\n{answer}"
        assert refused in result.stdout, f"the page quotes '{refused}'\n{answer}"


def page_folder(page: Path, folder: Path) -> Path:
    """A folder with what commands of the page expect, and the page's named blocks."""
    for name in LINKED:
        if name == "build" or (ROOT / name).exists():
            (folder / name).symlink_to(BUILD if name == "build" else ROOT / name)
    for block in BLOCKS:
        if block.page == page and "file" in block.directives:
            (folder / block.directives["file"]).write_text(block.text)
    return folder


def run_mlir(block: Block, folder: Path) -> None:
    source = folder / "block.mlir"
    source.write_text(block.text)
    command = block.directives.get("run", "descent-opt --verify-roundtrip %s")
    words = [word.replace("%s", str(source)).replace("%t", str(folder / "out")) for word in shlex.split(command)]
    program = shutil.which(words[0], path=environment()["PATH"])
    assert program, f"{block.place}: there is no program '{words[0]}'"
    run([program, *words[1:]], folder, block, block.directives.get("refused"))


def make_headers(block: Block, folder: Path) -> None:
    """Compiles the optimizers whose generated headers the block includes."""
    for name in re.findall(r'#include "(\w+)\.h"', block.text):
        if not (folder / f"{name}.h").exists():
            source = f"{name}.mlir" if (folder / f"{name}.mlir").exists() else name
            run([str(BUILD / "bin" / "descent-compile"), source, "-o", f"{name}.o"], folder, block)


def test_there_is_a_readme_and_it_has_examples() -> None:
    assert (ROOT / "README.md").exists(), "README.md is missing"
    assert any(block.page.name == "README.md" for block in BLOCKS), "README.md has no code block"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_say_their_language(page: Path) -> None:
    wrong = [f"{block.place}: language '{block.language}'" for block in BLOCKS
             if block.page == page and block.language not in LANGUAGES]
    assert not wrong, f"languages are {sorted(LANGUAGES)} ('text' for output):\n" + "\n".join(wrong)
    unknown = [f"{block.place}: <!-- {name} -->" for block in BLOCKS if block.page == page
               for name in set(block.directives) - DIRECTIVES]
    assert not unknown, f"comments above a block are {sorted(DIRECTIVES)}:\n" + "\n".join(unknown)


def headings(page: Path) -> set[str]:
    """What links call a page's headings."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^\s*```.*?^\s*```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    links = [link.partition("#") for link in re.findall(r"\]\(([^)\s]+)[^)]*\)", text) if "://" not in link]
    broken = [target for target, _, _ in links if not (page.parent / target).exists()]
    assert not broken, f"{page}: no such file: {broken}"
    pages = [(page.parent / target if target else page, heading) for target, _, heading in links if heading]
    broken = [f"{target}#{heading}" for target, heading in pages if heading not in headings(target)]
    assert not broken, f"{page}: no such heading: {broken}"


@pytest.mark.parametrize("block", of_language("mlir"), ids=str)
def test_mlir_block(block: Block, tmp_path: Path) -> None:
    run_mlir(block, page_folder(block.page, tmp_path))


@pytest.mark.parametrize("block", [block for block in BLOCKS if "prints" in block.directives], ids=str)
def test_block_is_what_its_command_prints(block: Block, tmp_path: Path) -> None:
    folder = page_folder(block.page, tmp_path)
    result = subprocess.run(block.directives["prints"], shell=True, cwd=folder, env=environment(), text=True,
                            timeout=SECONDS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed, at = " ".join(result.stdout.split()), 0
    for piece in block.pieces:
        found = printed.find(piece, at)
        assert found >= 0, f"{block.place}: '{block.directives['prints']}' does not print\n{piece}\n{result.stdout}"
        at = found + len(piece)


def test_the_readme_lists_every_rule_norm_and_target() -> None:
    text = (ROOT / "README.md").read_text()
    norms = re.findall(r'Descent_\w*(?:Norm|Base)<"\w+Norm", "(\w+)"',
                       (ROOT / "include/descent/Dialect/Descent/IR/DescentNorms.td").read_text())
    targets = re.findall(r'\{"(cpu:\w+)"', (ROOT / "lib/Target/Cpu/CpuTarget.cpp").read_text())
    wanted = [path.stem for path in (ROOT / "lib/Optimizers").glob("*.mlir")] + norms + targets
    assert norms and targets
    missing = [word for word in wanted if f"`{word}`" not in text]
    assert not missing, f"README.md does not list {missing}"


@pytest.mark.parametrize("block", [block for block in REFERENCE if block.language == "mlir"], ids=str)
def test_mlir_block_of_the_reference(block: Block, tmp_path: Path) -> None:
    run_mlir(block, tmp_path)


def test_the_reference_was_generated_with_examples() -> None:
    assert any(block.language == "mlir" for block in REFERENCE), f"no mlir block in {BUILD}/docs; run: ninja mlir-doc"


@pytest.mark.parametrize("block", of_language("c", "cpp"), ids=str)
def test_c_block_compiles_without_warnings(block: Block, tmp_path: Path) -> None:
    folder = page_folder(block.page, tmp_path)
    make_headers(block, folder)
    source = folder / f"block.{block.language}"
    source.write_text(block.text)
    for compiler in C_COMPILERS[block.language]:
        if shutil.which(compiler):
            run([compiler, C_STANDARDS[block.language], "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
                 f"-I{ROOT / 'include'}", "-I.", str(source)], folder, block)


@pytest.mark.parametrize("block", of_language("tablegen"), ids=str)
def test_tablegen_block_parses(block: Block, tmp_path: Path) -> None:
    source = tmp_path / "block.td"
    include = block.directives.get("include", "")
    source.write_text((f'include "{include}"\n' if include else "") + block.text)
    run([str(LLVM / "bin" / "mlir-tblgen"), "-print-records", f"-I{LLVM / 'include'}", f"-I{ROOT / 'include'}",
         str(source), "-o", os.devnull], tmp_path, block)


@pytest.mark.parametrize("block", of_language("json"), ids=str)
def test_json_block_parses(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_and_flagged_bash_blocks_run_in_order(page: Path, tmp_path: Path) -> None:
    """Blocks of one page share a folder; a Python block sees files of the blocks before it, not their variables."""
    folder = page_folder(page, tmp_path)
    lacking = []
    for block in of_language("python", "bash"):
        if block.page != page or (block.language == "bash" and block.flags != "test"):
            continue
        if block.language == "python" and "import torch" in block.text and not importlib.util.find_spec("torch"):
            lacking.append(block.place)
            continue
        script = folder / f"block-{block.line}"
        script.write_text(block.text)
        run([sys.executable if block.language == "python" else "bash", *(["-e"] if block.language == "bash" else []),
             str(script)], folder, block, block.directives.get("refused"))
    if lacking:
        pytest.skip(f"no PyTorch here for {lacking}")


def command_words(text: str) -> list[str]:
    """The programs that a shell block calls: the first word of each command."""
    joined = re.sub(r"\\\n", " ", re.sub(r"(^|\s)#.*", "", text))
    joined = re.sub(r"<<-?\s*'?(\w+)'?\n.*?^\1$", "", joined, flags=re.DOTALL | re.MULTILINE)
    words = []
    for line in re.split(r"\n|&&|\|\|?|;", joined):
        parts = [word for word in shlex.split(line, comments=True) if not re.match(r"^[A-Za-z_]\w*=", word)]
        if parts and parts[0] not in SHELL_WORDS:
            words.append(parts[0])
    return words


@pytest.mark.parametrize("block", [block for block in of_language("bash") if block.flags != "test"], ids=str)
def test_commands_of_bash_blocks_exist(block: Block) -> None:
    for word in command_words(block.text):
        path = ROOT / word
        built = BUILD / Path(word).relative_to("build") if word.startswith("build/") else path
        found = built.exists() or path.exists() or shutil.which(word, path=environment()["PATH"])
        assert found, f"{block.place}: there is no '{word}', neither in the repository nor among the programs"
