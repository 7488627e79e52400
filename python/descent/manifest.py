"""What an artifact says about itself, typed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import abi
from .errors import Code, Error, invalid_argument
from .formula import Formula
from .formula import parse as parse_formula

# bfloat16 has no NumPy type: its bits are kept as uint16.
DTYPES: dict[str, np.dtype[Any]] = {
    "f64": np.dtype(np.float64),
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(np.uint16),
    "i64": np.dtype(np.int64),
    "i16": np.dtype(np.int16),
    "q8_signed": np.dtype(np.uint8),
    "q8_unsigned": np.dtype(np.uint8),
}


@dataclass(frozen=True)
class State:
    name: str
    scope: str  # element, row, column, layer or block
    type: str
    block: int = 0  # columns that share a number of scope block


@dataclass(frozen=True)
class Input:
    name: str
    type: str


@dataclass(frozen=True)
class Stage:
    track: str  # the group, or the shared body
    number: int  # within the track, as --explain has it
    name: str
    domain: str  # 'rows x cols'; empty: one call a layer
    segment: int
    factors: str  # the type of a product's factors; empty: no product
    bytes: Formula
    flops: Formula
    costs: tuple[Formula, ...] = ()  # of the alternatives of the choice that the stage belongs to
    alternative: int = 0

    def runs(self, rows: int, cols: int) -> bool:
        """Whether a layer of this shape has the stage: it is no part of a choice, or of the cheapest alternative."""
        costs = [cost(rows, cols) for cost in self.costs]
        return not costs or costs.index(min(costs)) == self.alternative


@dataclass(frozen=True)
class Group:
    index: int
    name: str
    wants: str  # matrix, vector or any
    weight: str
    gradient: str
    hypers: dict[str, float]
    states: tuple[State, ...]
    inputs: tuple[Input, ...]
    factors: tuple[str, ...]
    reports: tuple[str, ...]
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class Manifest:
    raw: dict[str, Any]
    groups: tuple[Group, ...]
    shared: dict[str, dict[str, float]]
    reports: tuple[str, ...]
    all_stages: tuple[Stage, ...]  # of groups, then of shared bodies, as a profile numbers them
    segments: int

    @property
    def hypers(self) -> dict[str, dict[str, float]]:
        """The hyperparameters and their defaults, in the order of the C struct: of groups, then of shared bodies."""
        return {group.name: group.hypers for group in self.groups} | self.shared

    def group(self, name: str | None, layer: str) -> Group:
        if name is None and len(self.groups) == 1:
            return self.groups[0]
        for group in self.groups:
            if group.name == name:
                return group
        found = "names no group" if name is None else f"names group '{name}'"
        raise Error(Code.INVALID_LAYER, f"layer '{layer}' {found}, but the groups are {quoted(self.names())}")

    def names(self) -> list[str]:
        return [group.name for group in self.groups]


def quoted(names: Any) -> str:
    return ", ".join(f"'{name}'" for name in names)


def parse(text: str, path: str) -> Manifest:
    try:
        raw: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise invalid_argument(f"the manifest of '{path}' is not JSON: {error}") from error
    if raw.get("abi_version") != abi.VERSION:
        raise Error(
            Code.WRONG_ABI,
            f"'{path}' has version {raw.get('abi_version')} of the C interface, this package has {abi.VERSION}",
        )
    try:
        groups = tuple(_group(index, group) for index, group in enumerate(raw["groups"]))
        shared = {body["name"]: _hypers(body) for body in raw["shared"]}
        all_stages = [stage for track in (*raw["groups"], *raw["shared"]) for stage in _stages(track)]
        return Manifest(raw, groups, shared, tuple(raw["reports"]), tuple(all_stages), int(raw["segments"]))
    except (KeyError, TypeError, ValueError) as error:
        raise invalid_argument(f"the manifest of '{path}' is not understood: {error!r}") from error


def _group(index: int, group: dict[str, Any]) -> Group:
    return Group(
        index=index,
        name=group["name"],
        wants=group["class"],
        weight=_known(group["weight"]),
        gradient=_known(group["gradient"]),
        hypers=_hypers(group),
        states=tuple(State(s["name"], _scope(s["scope"]), _known(s["type"]), int(s["block"])) for s in group["states"]),
        inputs=tuple(Input(i["name"], _known(i["type"])) for i in group["inputs"]),
        factors=tuple(group["factors"]),
        reports=tuple(group["reports"]),
        stages=_stages(group),
    )


def _hypers(owner: dict[str, Any]) -> dict[str, float]:
    return {hyper["name"]: float(hyper["default"]) for hyper in owner["hypers"]}


def _stages(track: dict[str, Any]) -> tuple[Stage, ...]:
    choices = [tuple(parse_formula(way["cost"]) for way in choice) for choice in track.get("choices", [])]
    return tuple(
        Stage(
            track=track["name"],
            number=number,
            name=stage["name"],
            domain=stage.get("domain", ""),
            segment=int(stage["segment"]),
            factors=stage.get("factors", ""),
            bytes=parse_formula(stage["bytes"]),
            flops=parse_formula(stage["flops"]),
            costs=choices[stage["choice"]] if "choice" in stage else (),
            alternative=int(stage.get("alternative", 0)),
        )
        for number, stage in enumerate(track["stages"])
    )


def _known(type_name: str) -> str:
    if type_name not in DTYPES:
        raise KeyError(f"element type '{type_name}'")
    return type_name


def _scope(scope: str) -> str:
    if scope not in ("element", "row", "column", "layer", "block"):
        raise KeyError(f"state scope '{scope}'")
    return scope
