"""A shared library that `descent-compile` wrote."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import abi, arrays
from .arrays import Array
from .errors import Code, Error, invalid_argument
from .layer import Layer
from .lent import Give
from .manifest import Group, Manifest, parse, quoted
from .optimizer import Hyper, Optimizer

_loaded: dict[str, tuple[int, ...]] = {}


def load(path: str | os.PathLike[str], name: str | None = None) -> Artifact:
    """Loads an artifact. Its name is read from the manifest that lies beside it, unless it is given."""
    file = Path(path)
    if not file.is_file():
        raise invalid_argument(f"there is no file '{file}'")
    name = _name_beside(file) if name is None else name
    if not name.isidentifier() or not name.isascii():
        raise invalid_argument(f"'{name}' is not the name of an artifact: those are C identifiers")
    return Artifact(abi.EntryPoints(_open(file), name, str(file)), str(file))


def _name_beside(file: Path) -> str:
    manifest = file.with_suffix(".json")
    if not manifest.is_file():
        raise invalid_argument(f"the name of '{file}' is unknown: there is no '{manifest}', and 'name' is not given")
    try:
        return str(json.loads(manifest.read_text())["name"])
    except (ValueError, KeyError, TypeError) as error:
        raise invalid_argument(f"'{manifest}' is not a manifest: {error}") from error


def _open(file: Path) -> ctypes.CDLL:
    """The loader knows libraries by path and would return the old one for a file that was compiled anew: such a file is
    loaded from a copy."""
    key = str(file.resolve())
    status = os.stat(key)
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    try:
        if _loaded.setdefault(key, identity) == identity:
            return ctypes.CDLL(key)
        with tempfile.TemporaryDirectory() as directory:
            copy = shutil.copy(key, directory)
            return ctypes.CDLL(str(copy))
    except OSError as error:
        raise invalid_argument(f"'{file}' cannot be loaded: {error}") from error


class Artifact:
    """A compiled optimizer: what it says about itself, and `optimizer`, which puts it to work."""

    def __init__(self, entry_points: abi.EntryPoints, path: str) -> None:
        self.path = path
        self.entry_points = entry_points
        self.typed_manifest: Manifest = parse(entry_points.text("manifest"), path)
        self._defaults = self._read_defaults()

    def __repr__(self) -> str:
        return f"<Artifact '{self.name}' from '{self.path}'>"

    @property
    def manifest(self) -> dict[str, Any]:
        return self.typed_manifest.raw

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def groups(self) -> tuple[Group, ...]:
        return self.typed_manifest.groups

    @property
    def targets(self) -> tuple[str, ...]:
        """What the artifact is compiled for, the best first."""
        return tuple(target["name"] for target in self.manifest["targets"])

    @property
    def kind(self) -> str:
        """Where its kernels run: 'cpu', 'cuda', or 'simulator'."""
        return self.targets[0].partition(":")[0]

    @property
    def signature(self) -> str:
        return self.entry_points.text("signature")

    @property
    def fingerprint(self) -> int:
        return self.entry_points.number("fingerprint")

    @property
    def hyper_defaults(self) -> dict[str, dict[str, float]]:
        return {group: dict(values) for group, values in self._defaults.items()}

    def _read_defaults(self) -> dict[str, dict[str, float]]:
        hypers = self.typed_manifest.hypers
        count = sum(len(names) for names in hypers.values())
        numbers = (ctypes.c_double * max(1, count))()
        self.entry_points.call("hyper_defaults", numbers, count)
        values = iter(numbers)
        return {owner: {name: next(values) for name in names} for owner, names in hypers.items()}

    def hyper_numbers(self, hyper: Hyper) -> ctypes.Array[ctypes.c_double]:
        """The flat list that a step takes: the defaults, and what the caller says otherwise."""
        if not isinstance(hyper, Mapping):
            raise invalid_argument(f"hyperparameters are a dict, found '{type(hyper).__name__}'")
        chosen = self.hyper_defaults
        for name, value in hyper.items():
            if not isinstance(value, Mapping):
                self._set_everywhere(chosen, name, value)
        for name, value in hyper.items():
            if isinstance(value, Mapping):
                self._set_in_group(chosen, name, value)
        numbers = [_number(name, value) for group in chosen.values() for name, value in group.items()]
        return (ctypes.c_double * max(1, len(numbers)))(*numbers)

    def _set_everywhere(self, chosen: dict[str, dict[str, float]], name: str, value: float) -> None:
        having = [group for group in chosen.values() if name in group]
        if not having:
            known = sorted({known for group in chosen.values() for known in group})
            raise invalid_argument(f"no group has a hyperparameter '{name}'; known are {quoted(known)}")
        for group in having:
            group[name] = value

    def _set_in_group(self, chosen: dict[str, dict[str, float]], name: str, values: Mapping[str, float]) -> None:
        if name not in chosen:
            raise invalid_argument(f"there is no group '{name}'; the groups are {quoted(chosen)}")
        for key, value in values.items():
            if key not in chosen[name]:
                raise invalid_argument(
                    f"group '{name}' has no hyperparameter '{key}'; known are {quoted(chosen[name])}"
                )
            chosen[name][key] = value

    def optimizer(
        self,
        layers: Sequence[Layer],
        threads: int = 1,
        states: Mapping[str, Mapping[str, Array]] | None = None,
        initialize: bool = True,
        own_pool: bool = True,
        target: str | None = None,
        seed: int = 0,
        simulator_seed: int = 0,
        workspace_bytes: int = 0,
        products: str = "auto",
        allocator: Give | None = None,
    ) -> Optimizer:
        """A plan for these layers. `threads` 0 is one for each processor; without `own_pool` the plan starts none, and
        `threads` is the most workers that a step's `parallel` may have. `states` are the caller's arrays, by layer and
        name; `initialize=False` keeps the numbers in them. `target` is one of `targets`; without it the plan takes the
        best that this machine can run. `seed` is that of stochastic rounding. Where kernels are simulated,
        `simulator_seed` decides the order of their blocks and threads, on which no result may depend. On a device,
        layers share `workspace_bytes` of scratch; 0: as many as are useful. `products` says who multiplies matrices
        there: the device's `"library"`, `"own"` kernels, or `"auto"`, whoever should be faster. `allocator` gives a
        plan its memory on the device: from a number of bytes, an array of as many uint8; without it the driver does."""
        return Optimizer(
            self,
            layers,
            threads,
            states,
            initialize,
            own_pool,
            target,
            seed,
            simulator_seed,
            workspace_bytes,
            products,
            allocator,
        )

    def check_signature(self, signature: str) -> None:
        """Raises an error with code FOREIGN_STATE that names the first state that differs."""
        self.entry_points.call("check_signature", signature.encode())


def _number(name: str, value: Any) -> float:
    if arrays.is_array(value) and arrays.device_of(value) is not None:
        raise Error(
            Code.INVALID_ARGUMENT,
            f"hyperparameter '{name}' lies in {arrays.place_name(value)}; copy it into that of "
            "`Optimizer.device_hyper`, and give that to the step",
        )
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Error(Code.INVALID_ARGUMENT, f"hyperparameter '{name}' is a number, found {value!r}") from None
