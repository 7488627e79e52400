"""The tensors that a run works on: of a model that ships with Descent, of a file, or written out.

A model file is JSON: {"name": ..., "source": ..., "tensors": [{"name", "shape", "kind", "count"}]}. A shape is [size],
[rows, cols], or [batch, rows, cols] for matrices that one tensor holds, as experts are; `count` tensors are alike, and
a '*' in their name stands for the number. A text file has a line a tensor: ROWSxCOLS[xCOUNT] or SIZE, then perhaps a
name and a kind; '#' begins a comment.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import Refused

MODELS = Path(__file__).with_name("models")
# What recipes tell apart: hidden matrices, embeddings and heads, and everything of one dimension.
KINDS = ("matrix", "embedding", "vector")
LARGEST = 2**40
_WRITTEN = re.compile(r"(\d+)(?:x(\d+))?(?:x(\d+))?")


@dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    kind: str

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def matrix(self) -> tuple[int, int]:
        """Rows and columns of a logical layer."""
        return (1, self.shape[0]) if len(self.shape) == 1 else (self.shape[-2], self.shape[-1])

    @property
    def batch(self) -> int:
        return self.shape[0] if len(self.shape) == 3 else 1


@dataclass(frozen=True)
class Shapes:
    name: str
    tensors: tuple[Tensor, ...]

    @property
    def elements(self) -> int:
        return sum(tensor.elements for tensor in self.tensors)


def model_names() -> list[str]:
    return sorted(path.stem for path in MODELS.glob("*.json"))


def parse_shapes(text: str) -> Shapes:
    """A model's name, a file, or shapes separated by commas."""
    if text in model_names():
        return read_file(MODELS / f"{text}.json")
    if Path(text).is_file():
        return read_file(Path(text))
    if not text or not re.match(r"\d", text):
        raise Refused(
            f"'{text}' is neither a model ({', '.join(model_names())}), nor a file, nor shapes such as "
            "'768x3072x12,768' (ROWSxCOLSxCOUNT, or one size of a vector)"
        )
    tensors: list[Tensor] = []
    for index, part in enumerate(text.split(",")):
        tensors += _written(part.strip(), f"tensor{index}", None, f"'{part}'")
    return Shapes(text, tuple(tensors))


def read_file(path: Path) -> Shapes:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"'{path}' cannot be read: {error}") from error
    tensors = _read_json(text, path) if text.lstrip()[:1] in ("{", "[") else _read_lines(text, path)
    names = [tensor.name for tensor in tensors]
    for name in names:
        if names.count(name) > 1:
            raise Refused(f"'{path}' has more than one tensor '{name}'")
    if not tensors:
        raise Refused(f"'{path}' lists no tensor")
    return Shapes(path.stem, tuple(tensors))


def _read_lines(text: str, path: Path) -> list[Tensor]:
    tensors: list[Tensor] = []
    for number, line in enumerate(text.splitlines(), 1):
        shape, *rest = line.split("#")[0].split() or [""]
        place = f"line {number} of '{path}'"
        if rest and rest[0] in ("x", "X"):
            raise Refused(f"{place}: a shape has no blanks; wanted is ROWSxCOLS, found '{line.strip()}'")
        if len(rest) > 2:
            raise Refused(f"{place} has {len(rest) + 1} words; wanted are a shape, a name and a kind")
        if shape:
            name = rest[0] if rest else f"tensor{number}"
            tensors += _written(shape, name, rest[1] if len(rest) > 1 else None, place)
    return tensors


def _written(text: str, name: str, kind: str | None, place: str) -> list[Tensor]:
    match = _WRITTEN.fullmatch(text)
    if not match:
        raise Refused(f"{place}: '{text}' is no shape; wanted is ROWSxCOLS, ROWSxCOLSxCOUNT, or one size of a vector")
    first, second, count = match.groups()
    shape = [int(first)] if second is None else [int(first), int(second)]
    return _repeat(name, shape, kind or ("vector" if len(shape) == 1 else "matrix"), int(count or 1), place)


def _read_json(text: str, path: Path) -> list[Tensor]:
    try:
        entries = json.loads(text)["tensors"]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"'{path}' is no list of shapes: wanted is {{\"tensors\": [...]}}, found {error!r}") from error
    if not isinstance(entries, list):
        raise Refused(f"'{path}': 'tensors' is a list, found {type(entries).__name__}")
    return [tensor for index, entry in enumerate(entries) for tensor in _entry(entry, f"tensor {index} of '{path}'")]


def _entry(entry: Any, place: str) -> list[Tensor]:
    if not isinstance(entry, dict) or not {"name", "shape"} <= set(entry):
        raise Refused(f"{place} has no 'name' and 'shape'")
    unknown = set(entry) - {"name", "shape", "kind", "count"}
    if unknown:
        raise Refused(f"{place} has an unknown field '{min(unknown)}'; known are name, shape, kind and count")
    shape, count = entry["shape"], entry.get("count", 1)
    if not isinstance(shape, list) or not 1 <= len(shape) <= 3 or not all(_is_size(size) for size in (*shape, count)):
        raise Refused(f"{place}: the shape is a list of one to three sizes, and the count one, found {shape}, {count}")
    kind = entry.get("kind", "vector" if len(shape) == 1 else "matrix")
    return _repeat(str(entry["name"]), shape, kind, count, place)


def _is_size(size: Any) -> bool:
    return isinstance(size, int) and not isinstance(size, bool)


def _repeat(name: str, shape: list[int], kind: Any, count: int, place: str) -> list[Tensor]:
    if kind not in KINDS:
        raise Refused(f"{place}: the kind '{kind}' is unknown; known are {', '.join(KINDS)}")
    if kind == "vector" and len(shape) > 1:
        raise Refused(f"{place}: a vector has one size, found {'x'.join(map(str, shape))}")
    if kind != "vector" and len(shape) == 1:
        raise Refused(f"{place}: a tensor of the kind '{kind}' has rows and columns, found one size, {shape[0]}")
    if min(*shape, count) < 1 or math.prod(shape) * count > LARGEST:
        raise Refused(f"{place}: sizes and counts are 1 or more, and 2^40 elements are the most")
    pattern = name if "*" in name or count == 1 else f"{name}.*"
    return [Tensor(pattern.replace("*", str(i)), tuple(shape), kind) for i in range(count)]
