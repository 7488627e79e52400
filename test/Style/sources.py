"""What the style tests read: the project's files, C++ functions, TableGen records."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Build outputs and what git ignores.
IGNORED = re.compile(r"^(build[^/]*|out|\.venv|\.git|.*__pycache__)(/|$)")
CXX = (".cpp", ".h", ".c")
CODE = (*CXX, ".td", ".py", ".sh", ".mlir", ".test", ".cmake", ".in", ".txt")
CONTROL = re.compile(r"^\s*(?:\} )?(?:else )?(if|for|while|switch|do|else)\b")
NOT_A_FUNCTION = re.compile(r"^\s*(namespace|class|struct|enum|union|extern|typedef|if|for|while|switch|else|do|return|"
                            r"case|default|static const|const|constexpr|static constexpr)\b")


@dataclass
class Function:
    """`lines` have no comments, `raw` has."""

    place: str
    name: str
    lines: list[str]
    raw: list[str]


@dataclass
class Record:
    """`def name : header { body }`."""

    path: Path
    name: str
    header: str
    body: str

    @property
    def strings(self) -> list[str]:
        return re.findall(r'"([^"\n]*)"', self.header)

    def field(self, name: str) -> str:
        match = re.search(rf'let {name} = (?:\[\{{(.*?)\}}\]|((?:\s*"[^"\n]*")+))', self.body, re.DOTALL)
        return "".join(part or "" for part in match.groups()).strip(' "') if match else ""


@cache
def files(*suffixes: str) -> list[Path]:
    """All files of the project with one of these endings; without any, all of them."""
    found = []
    stack = [ROOT]
    while stack:
        for path in stack.pop().iterdir():
            if IGNORED.match(relative(path)) or path.is_symlink():
                continue
            if path.is_dir():
                stack.append(path)
            elif not suffixes or path.suffix in suffixes:
                found.append(path)
    return sorted(found)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def text(path: Path) -> str:
    return path.read_text(errors="replace")


def without_comments(source: str) -> str:
    """Blanks comments and keeps the lines."""
    def blank(match: re.Match[str]) -> str:
        found = match.group()
        return found if found[0] in "\"'" else re.sub(r"[^\n]", " ", found)

    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/', blank, source, flags=re.DOTALL)


@cache
def cxx_functions(path: Path) -> list[Function]:
    """Function bodies as clang-format lays them out: from the line of the name to the closing brace below it."""
    raw = text(path).splitlines()
    lines = without_comments(text(path)).splitlines()
    functions = []
    for end, line in enumerate(lines):
        if whole := re.match(r"^ {0,4}[\w:<>*& ]*?([\w:~]+)\(.*\).*\{ .*\}\s*$", line):
            functions.append(Function(f"{relative(path)}:{end + 1}", whole.group(1), [line], [raw[end]]))
        match = re.match(r"^(\s*)\}[;,)]*\s*$", line)
        if not match or len(match.group(1)) > 4:
            continue
        start = opening_line(lines, end, match.group(1))
        if start is None:
            continue
        head = "\n".join(lines[start:end])
        name = re.search(r"([\w:~]+)\s*\(", head)
        place = f"{relative(path)}:{start + 1}"
        functions.append(Function(place, name.group(1) if name else "?", lines[start:end + 1], raw[start:end + 1]))
    return functions


def opening_line(lines: list[str], end: int, indent: str) -> int | None:
    """The first line of the function that a closing brace at `indent` ends; none when it ends something else."""
    at = end - 1
    while at >= 0 and (not lines[at].strip() or len(lines[at]) - len(lines[at].lstrip()) > len(indent)):
        at -= 1
    if at < 0:
        return None
    head = lines[at]
    if head.startswith(indent) and not NOT_A_FUNCTION.match(head) and "(" in head and "=" not in head.split("(")[0]:
        return at
    return None


def nesting(function: Function) -> int:
    """How deep control statements nest; `else if` is at the level of its `if`."""
    deepest = 0
    open_indents: list[int] = []
    for line in function.lines:
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        while open_indents and indent <= open_indents[-1]:
            open_indents.pop()
        if CONTROL.match(line):
            open_indents.append(indent)
            deepest = max(deepest, len(open_indents))
    return deepest


@cache
def records() -> list[Record]:
    """The `def`s of all .td files."""
    found = []
    for path in files(".td"):
        for match in re.finditer(r"^def (\w*)\s*:(.*?)(\{|;)(?=\s*$)", text(path), re.DOTALL | re.MULTILINE):
            name, header, opening = match.groups()
            end = re.compile(r"^\}", re.MULTILINE).search(text(path), match.end())
            body = text(path)[match.end():end.start()] if opening == "{" and end else ""
            found.append(Record(path, name, header, body))
    return found


def passes() -> list[Record]:
    return [record for record in records() if record.path.name == "Passes.td" and re.search(r"\bPass<", record.header)]


def operations() -> list[Record]:
    return [record for record in records() if re.search(r"Op$", record.name) and record.strings]


def camel_case(flag: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in flag.split("-"))
