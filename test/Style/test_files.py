"""Limits, names and words of files."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sources import CODE, CXX, ROOT, cxx_functions, files, nesting, relative, text, without_comments

FILE_LINES = 500
FUNCTION_LINES = 50
NESTING = 3
COLUMNS = 120
CLANG_FORMAT = shutil.which("clang-format-22") or shutil.which("/usr/lib/llvm-22/bin/clang-format")
THIS = Path(__file__).resolve()


def shown(problems: list[str]) -> str:
    return "\n" + "\n".join(problems)


def code_lines(path: Path) -> list[tuple[str, str]]:
    return [(f"{relative(path)}:{number}", line) for number, line in enumerate(text(path).splitlines(), 1)]


def matches(pattern: str, paths: list[Path]) -> list[str]:
    found = re.compile(pattern)
    return [f"{place}: {line.strip()}" for path in paths if path != THIS for place, line in code_lines(path)
            if found.search(line)]


def test_files_have_at_most_500_lines() -> None:
    long = [f"{relative(path)}: {len(text(path).splitlines())} lines" for path in files(*CODE)
            if len(text(path).splitlines()) > FILE_LINES]
    assert not long, f"at most {FILE_LINES} lines a file; split by what the parts are for:{shown(long)}"


def test_lines_have_at_most_120_columns() -> None:
    # Operations print on one line, and tests quote them.
    wide = [f"{place}: {len(line)} columns" for path in files(*CODE) if path.suffix not in (".mlir", ".test")
            for place, line in code_lines(path) if len(line) > COLUMNS]
    assert not wide, f"at most {COLUMNS} columns:{shown(wide)}"


def test_lines_have_no_tabs_and_no_space_at_their_end() -> None:
    wrong = matches(r"\t|[ \t]$", [path for path in files(*CODE, ".md")])
    assert not wrong, f"tabs or trailing blanks:{shown(wrong)}"


def test_cxx_functions_have_at_most_50_lines() -> None:
    long = [f"{function.place}: {function.name} has {len(function.lines)} lines" for path in files(*CXX)
            for function in cxx_functions(path) if len(function.lines) > FUNCTION_LINES]
    assert not long, f"at most {FUNCTION_LINES} lines a function:{shown(long)}"


def test_cxx_functions_nest_at_most_three_deep() -> None:
    deep = [f"{function.place}: {function.name} nests {nesting(function)} deep" for path in files(*CXX)
            for function in cxx_functions(path) if nesting(function) > NESTING]
    assert not deep, f"at most {NESTING} levels; return early, or name the inner part:{shown(deep)}"


def python_functions(path: Path) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(text(path))) if isinstance(node, ast.FunctionDef)]


def python_nesting(node: ast.AST) -> int:
    """Control statements around the deepest one; an `elif` is at the level of its `if`."""
    deepest = 0
    for name, child in ((name, child) for name, value in ast.iter_fields(node)
                        for child in (value if isinstance(value, list) else [value]) if isinstance(child, ast.AST)):
        is_elif = isinstance(node, ast.If) and name == "orelse" and len(node.orelse) == 1
        counts = isinstance(child, (ast.If, ast.For, ast.While, ast.Try))
        counts = counts and not (is_elif and isinstance(child, ast.If))
        if not isinstance(child, (ast.FunctionDef, ast.Lambda)):
            deepest = max(deepest, counts + python_nesting(child))
    return deepest


def test_python_functions_are_short_and_flat() -> None:
    wrong = []
    for path in files(".py"):
        for node in python_functions(path):
            lines, levels = (node.end_lineno or node.lineno) - node.lineno + 1, python_nesting(node)
            if lines > FUNCTION_LINES or levels > NESTING:
                wrong.append(f"{relative(path)}:{node.lineno}: {node.name} has {lines} lines, {levels} levels")
    assert not wrong, f"at most {FUNCTION_LINES} lines and {NESTING} levels:{shown(wrong)}"


def test_python_functions_are_typed() -> None:
    untyped = [f"{relative(path)}:{node.lineno}: {node.name}" for path in files(".py") if path.name != "lit.cfg.py"
               for node in python_functions(path)
               if node.returns is None or any(a.annotation is None and a.arg not in ("self", "cls")
                                              for a in node.args.posonlyargs + node.args.args + node.args.kwonlyargs)]
    assert not untyped, f"Python is typed:{shown(untyped)}"


def test_headers_have_a_guard_of_their_own() -> None:
    guards: dict[str, str] = {}
    wrong = []
    for path in files(".h", ".td"):
        match = re.search(r"^#ifndef (\w+)\n#define (\w+)$", text(path), re.MULTILINE)
        if path.name == "Precompiled.h":
            continue
        if not match or match.group(1) != match.group(2):
            wrong.append(f"{relative(path)}: no guard '#ifndef DESCENT_..._H'")
        elif match.group(1) in guards:
            wrong.append(f"{relative(path)}: the guard {match.group(1)} is that of {guards[match.group(1)]}")
        else:
            guards[match.group(1)] = relative(path)
    assert not wrong, shown(wrong)


def test_headers_use_no_namespace_for_their_users() -> None:
    wrong = matches(r"^\s*using namespace", files(".h"))
    assert not wrong, f"a header that opens a namespace opens it for everyone:{shown(wrong)}"


def test_the_namespace_is_descent() -> None:
    wrong = matches(r"namespace mlir::descent|namespace mlir \{", files(".h", ".cpp"))
    assert not wrong, f"the namespace is 'descent':{shown(wrong)}"


def test_no_file_is_a_drawer() -> None:
    drawer = re.compile(r"util|misc|helper|common|stuff", re.IGNORECASE)
    wrong = [relative(path) for path in files() if drawer.search(path.stem)]
    assert not wrong, f"a file is named for what it computes:{shown(wrong)}"


def test_nothing_is_left_to_do() -> None:
    wrong = matches(r"\b(TODO|FIXME|XXX|HACK|WIP)\b", files(*CODE, ".md"))
    assert not wrong, f"do it, or leave it out:{shown(wrong)}"


def test_no_path_of_one_machine() -> None:
    wrong = matches(r"(?<![\w.%$}*/-])/(home|root|Users|work|tmp|mnt)/|\.\./shared\b", files(*CODE, ".md", ".json"))
    assert not wrong, f"paths that exist on one machine only:{shown(wrong)}"


def test_comments_hold_no_code() -> None:
    wrong = matches(r"^\s*//+\s*(if \(.*\{|for \(.*\{|return .*;|\w+ = .*;|\w+(->|\.)\w+\(.*\);)$", files(*CXX))
    assert not wrong, f"code that is commented out:{shown(wrong)}"


def test_diagnostics_begin_small_and_end_without_a_period() -> None:
    statement = re.compile(r"(?:emit(?:Op)?(?:Error|Warning|Remark)|attachNote)\w*\([^;]*;", re.DOTALL)
    wrong = []
    for path in files(".cpp", ".td"):
        for found in statement.findall(text(path)):
            literals = re.findall(r'"((?:\\.|[^"\\\n])*)"', found)
            if literals and (re.match(r"[A-Z][a-z]", literals[0]) or re.search(r'\."\)*;$', found)):
                wrong.append(f"{relative(path)}: {' ... '.join(literals)}")
    assert not wrong, f"lower case, no final period:{shown(wrong)}"


def test_no_library_ends_the_process() -> None:
    fatal = re.compile(r"\b(report_fatal_error|abort\(|exit\()")
    wrong = [f"{relative(path)}:{number}: {line.strip()}" for path in files(".cpp", ".c")
             if relative(path).startswith("lib/")
             for number, line in enumerate(without_comments(text(path)).splitlines(), 1) if fatal.search(line)]
    assert not wrong, f"what a user wrote gets a diagnostic:{shown(wrong)}"


def test_scripts_can_be_run() -> None:
    wrong = [relative(path) for path in files() if text(path).startswith("#!") and not path.stat().st_mode & 0o100]
    assert not wrong, f"not executable:{shown(wrong)}"


@pytest.mark.skipif(CLANG_FORMAT is None, reason="no clang-format-22")
def test_code_is_as_clang_format_leaves_it() -> None:
    sources = [str(path) for path in files(*CXX)]
    result = subprocess.run([CLANG_FORMAT, "--dry-run", "-Werror", "--ferror-limit=1", *sources], cwd=ROOT, text=True,
                            capture_output=True)
    wrong = sorted({line.split(":")[0] for line in result.stderr.splitlines() if "clang-format-violations" in line})
    assert result.returncode == 0, f"run clang-format-22 -i on:{shown(wrong) if wrong else result.stderr}"
