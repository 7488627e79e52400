"""Who may know what, and the library of rules."""

import re
from pathlib import Path

from sources import ROOT, Record, files, records, relative, text, without_comments

RULE_LINES = 40
SHARED = re.compile(r"^lib/(Dialect/\w+/Transforms|Conversion)/")
MACHINES = re.compile(r"\bsm_?\d+|avx|\bx86|\bamx|\bneon\b|\bsve\b|\bptx\b|cuda", re.IGNORECASE)
OPTIMIZERS = ROOT / "lib" / "Optimizers"


def shown(problems: list[str]) -> str:
    return "\n" + "\n".join(problems)


def code(path: Path) -> list[tuple[str, str]]:
    lines = without_comments(text(path)).splitlines()
    return [(f"{relative(path)}:{number}", line) for number, line in enumerate(lines, 1)]


def shared_passes() -> list[Path]:
    return [path for path in files(".cpp", ".h") if SHARED.match(relative(path))]


def norms() -> list[Record]:
    """The attributes of DescentNorms.td: their strings are the C++ name and the word in IR."""
    return [record for record in records() if record.path.name == "DescentNorms.td"
            and record.strings and record.strings[0].endswith("Norm")]


def library() -> list[Path]:
    return sorted(OPTIMIZERS.glob("*.mlir"))


def test_there_are_norms_shared_passes_and_rules() -> None:
    assert norms() and shared_passes() and library(), "the other tests here would pass without testing anything"


def test_shared_passes_name_no_norm() -> None:
    names = re.compile("|".join(rf"\b{norm.strings[0]}(Attr)?\b" for norm in norms()) + r"|[Ss]pectral|rms_to_rms")
    wrong = [f"{place}: {line.strip()}" for path in shared_passes() for place, line in code(path) if names.search(line)]
    assert not wrong, f"ask the norm's interface:{shown(wrong)}"


def test_shared_passes_name_no_machine() -> None:
    wrong = [f"{place}: {line.strip()}" for path in shared_passes() for place, line in code(path)
             if MACHINES.search(line)]
    assert not wrong, f"ask the target's interface:{shown(wrong)}"


def test_shared_passes_name_no_optimizer() -> None:
    names = {path.stem for path in library()}
    wrong = [f"{place}: {line.strip()}" for path in shared_passes() for place, line in code(path)
             if names & set(re.findall(r"[a-z0-9]+", line.lower()))]
    assert not wrong, f"no pass knows a rule:{shown(wrong)}"


def test_command_line_options_are_in_tools_only() -> None:
    wrong = [f"{place}: {line.strip()}" for path in files(".cpp", ".h") if not relative(path).startswith("tools/")
             for place, line in code(path) if re.search(r"\bcl::(opt|list|alias|bits)\b", line)]
    assert not wrong, f"no cl::opt outside tools/:{shown(wrong)}"


def test_the_runtime_knows_no_compiler() -> None:
    wrong = [f"{place}: {line.strip()}" for path in files(".c", ".cpp", ".h")
             if relative(path).startswith(("lib/Runtime/", "include/descent/Runtime/"))
             for place, line in code(path) if re.search(r'#include\s*["<](mlir|llvm)', line)]
    assert not wrong, f"generated code needs libc and libm only:{shown(wrong)}"


def test_mains_are_short() -> None:
    long = []
    for path in files(".cpp"):
        match = re.search(r"^int main\(.*?^\}", text(path), re.DOTALL | re.MULTILINE)
        if relative(path).startswith("tools/") and match and match.group().count("\n") >= 40:
            long.append(f"{relative(path)}: {match.group().count(chr(10)) + 1} lines")
    assert not long, f"a driver's main() has at most 40 lines:{shown(long)}"


def test_rules_have_at_most_40_lines() -> None:
    long = []
    for path in library():
        count = sum(1 for _, line in code(path) if line.strip())
        if count > RULE_LINES:
            long.append(f"{relative(path)}: {count} lines")
    assert not long, f"at most {RULE_LINES} lines of IR a rule:{shown(long)}"


def test_rules_name_their_source() -> None:
    source = re.compile(r"^//.*(arXiv|https?://|github\.com|doi)", re.MULTILINE | re.IGNORECASE)
    missing = [relative(path) for path in library() if not source.search(text(path))]
    assert not missing, f"no comment names a paper or an implementation:{shown(missing)}"


def test_every_rule_has_an_oracle() -> None:
    # A file may hold a rule's variants too: RULES = {"muon": ..., "muon_torch": ...}.
    oracles = [path for path in files(".py") if relative(path).startswith("test/Integration/oracles/")]
    missing = [path.stem for path in library() if not any(f'"{path.stem}"' in text(oracle) for oracle in oracles)]
    assert not missing, f"no oracle in test/Integration/oracles/ for:{shown(missing)}"


def test_norms_have_a_test() -> None:
    mnemonics = [norm.strings[1] for norm in norms()]
    folder = ROOT / "test" / "Dialect" / "Descent" / "norms"
    missing = [f"{relative(folder)}/{name}.mlir" for name in mnemonics
               if not any((folder / f"{stem}.mlir").exists() for stem in (name, name.replace("_", "-")))]
    assert not missing, f"no test for these norms:{shown(missing)}"


def test_every_lit_test_checks_something() -> None:
    checks = re.compile(r"FileCheck|-verify-diagnostics|--verify-roundtrip|\bcmp\b|\bdiff\b|\bnot\b|%python|\btest\b")
    idle = [relative(path) for path in files(".mlir", ".test") if relative(path).startswith("test/")
            and "Inputs" not in path.parts and not checks.search("\n".join(re.findall(r"RUN:.*", text(path))))]
    assert not idle, f"a test that runs a program without checking what it said:{shown(idle)}"
