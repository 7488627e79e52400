"""A compiled optimizer at work on a table of layers."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from . import abi, arrays
from . import states as state_memory
from .arrays import Array, held
from .device import TYPES, DeviceHyper, DeviceSide
from .errors import Error, invalid_argument, invalid_layer
from .layer import Layer
from .lent import Give, Lent
from .manifest import quoted
from .parallel import Bridge, Parallel
from .profile import Profile
from .table import LayerTable, place_gradient

if TYPE_CHECKING:
    from .artifact import Artifact

Hyper = Mapping[str, "float | Mapping[str, float]"]
# What the host says of a number that the device has.
NUMBERS_WHEN_UNUSED: dict[str, Any] = {"step": 1, "loss": 0.0, "gradient_scale": 1.0, "found_inf": None}
Gradients = Sequence["Array | None"] | Mapping[str, "Array | None"]


@dataclass(frozen=True)
class StepResult:
    """`first_nonfinite` is a layer's name; None: every gradient was finite, or nobody looked. `gradient_norm` is of the
    scaled gradients before clipping; NaN: not computed. `reports[layer][name]` is a number, or one for each member of a
    batch; NaN for a layer that was absent."""

    skipped: bool
    first_nonfinite: str | None
    gradient_norm: float
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)


class Optimizer:
    """Owns a plan, and keeps alive what it points to. Made by `Artifact.optimizer`."""

    def __init__(
        self,
        artifact: Artifact,
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
    ) -> None:
        self.artifact = artifact
        self._entry_points = artifact.entry_points
        self._busy = threading.Lock()
        self._table = LayerTable(artifact.typed_manifest, layers)
        if states is None:
            self.states, self._views = state_memory.allocate(self._entry_points, self._table)
        else:
            self.states, self._views = state_memory.adopt(self._table, states)
        state_memory.attach(self._table, self._views)
        self._check_places()
        on_device = artifact.kind != "cpu"
        reports = len(artifact.typed_manifest.reports)
        self._device = DeviceSide(self._table, artifact.kind, reports) if on_device else None
        self._accepted: dict[int, Any] = {}  # what gradients are like that were checked, by layer
        self._kept_result = StepResult(False, None, math.nan)  # of a launch on the processor
        device = abi.sized(abi.DeviceOptions())
        device.device = -1 if self._device is None or self._device.number is None else self._device.number
        device.workspace_bytes, device.simulator_seed = int(workspace_bytes), _seed(simulator_seed)
        device.products = _products(products)
        lent = Lent(allocator) if allocator is not None else None
        if lent:
            device.allocator = ctypes.pointer(lent.struct)
        try:
            self._plan = self._create_plan(threads, own_pool, target, seed, device)
        except Error as error:
            raise (lent and lent.error) or error from None
        # Runs once: at `close`, when the object dies, or when the interpreter ends.
        self._finalizer = weakref.finalize(self, _destroy, self._entry_points, self._plan, lent)
        # After the plan has found that no state overlaps with anything.
        if initialize:
            self._entry_points.call("states_init", self._table.entries, len(self._table))

    def _check_places(self) -> None:
        """What kernels on the processor are given lies in the host's memory. Devices refuse by themselves."""
        if self.artifact.kind == "cuda":
            return
        for layer in self._table.layers:
            own = {"weight": layer.weight, "gradient": layer.gradient, **layer.inputs, **self.states[layer.name]}
            for role, array in own.items():
                if array is not None:
                    self._check_place(array, f"'{role}' of layer '{layer.name}'")

    def _check_place(self, array: Array, what: str) -> None:
        if self.artifact.kind != "cuda" and arrays.device_of(array) is not None:
            raise invalid_layer(
                f"{what} lies in {arrays.place_name(array)}, but '{self.artifact.name}' is compiled for "
                f"'{self.artifact.targets[0]}', which reads the host's"
            )

    def _create_plan(
        self, threads: int, own_pool: bool, target: str | None, seed: int, device: abi.DeviceOptions
    ) -> abi.Plan:
        if not isinstance(threads, (int, np.integer)) or not 0 <= threads < 2**31:
            raise invalid_argument(f"the number of threads is 0 (one for each processor) or more, found {threads!r}")
        options = abi.sized(abi.PlanOptions())
        options.abi_version, options.workers = abi.VERSION, int(threads)
        self._workers = int(threads) or len(os.sched_getaffinity(0))
        options.own_pool = int(own_pool and threads != 1)
        options.target = None if target is None else target.encode()
        options.seed = _seed(seed)
        options.device = ctypes.pointer(device)
        plan = abi.Plan()
        self._entry_points.call(
            "plan_create", self._table.entries, len(self._table), ctypes.byref(options), ctypes.byref(plan)
        )
        return plan

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the plan. The states stay."""
        if self._finalizer.alive:
            with self._exclusive():
                self._finalizer()

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        if not self._busy.acquire(blocking=False):
            raise invalid_argument("another call of this optimizer has not returned yet")
        try:
            if not self._finalizer.alive:
                raise invalid_argument("the optimizer is closed")
            yield
        finally:
            self._busy.release()

    @property
    def layers(self) -> list[Layer]:
        return list(self._table.layers)

    @property
    def target(self) -> str:
        """The code path that the plan took."""
        with self._exclusive():
            return self._entry_points.text("plan_target", self._plan)

    @property
    def workspace_bytes(self) -> int:
        with self._exclusive():
            return self._entry_points.number("plan_workspace_bytes", self._plan)

    def step(
        self,
        step: int | Array = 1,
        hyper: Hyper | DeviceHyper | None = None,
        gradients: Gradients | None = None,
        gradient_scale: float | Array = 1.0,
        found_inf: float | Array | None = None,
        loss: float | Array = 0.0,
        reports: bool = False,
        parallel: Parallel | None = None,
        profile: Profile | None = None,
        stream: int | None = None,
    ) -> StepResult:
        """Updates all layers.

        `hyper` is {"lr": 0.1}, for every group that has it, or {"hidden": {"lr": 0.1}}; what it leaves out has its
        default. `gradients` are in the order of the table, or by name; None is a layer that is absent this step, and a
        name that is left out has the gradient of the table. A `profile` receives the step's seconds.

        On a device, numbers may be arrays of one number there, which are read when the step runs, and `hyper` that of
        `device_hyper`. The step is in the order of PyTorch's current stream, or of the one with the handle `stream`.
        """
        given = {"step": step, "gradient_scale": gradient_scale, "found_inf": found_inf, "loss": loss}
        with self._exclusive():
            arguments, kept = self._arguments(given, hyper, gradients, stream)
            values = self._report_buffer() if reports else None
            if values is not None and values.size:
                arguments.reports = values.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
            bridge = _bridge(parallel)
            arguments.parallel = None if bridge is None else bridge.pointer()
            arguments.profile = None if profile is None else profile.pointer(self.artifact.typed_manifest)
            result = abi.sized(abi.ResultStruct())
            self._entry_points.call("step", self._plan, ctypes.byref(arguments), ctypes.byref(result))
            del kept
        if bridge is not None and bridge.failure is not None:
            raise bridge.failure
        return self._result(result, values)

    def launch(
        self,
        step: int | Array = 1,
        hyper: Hyper | DeviceHyper | None = None,
        gradients: Gradients | None = None,
        gradient_scale: float | Array = 1.0,
        found_inf: float | Array | None = None,
        loss: float | Array = 0.0,
        reports: bool = False,
        stream: int | None = None,
    ) -> None:
        """As `step`, without waiting for a device: CUDA graphs can capture it. `read_result` tells how it went."""
        if self._device is None:
            result = self.step(step, hyper, gradients, gradient_scale, found_inf, loss, reports)
            self._kept_result = result
            return
        given = {"step": step, "gradient_scale": gradient_scale, "found_inf": found_inf, "loss": loss}
        with self._exclusive():
            arguments, kept = self._arguments(given, hyper, gradients, stream)
            self._device.point_to_result(arguments.device.contents, reports)
            self._entry_points.call("step", self._plan, ctypes.byref(arguments), None)
            del kept

    def read_result(self) -> StepResult:
        """Of the last step that was launched, or replayed by a graph. Waits for it."""
        if self._device is None:
            return self._kept_result
        with self._exclusive():
            values = arrays.to_numpy(self._device.reports).reshape(self._report_buffer().shape)
            return self._result(self._device.read_result(), values if self._device.has_reports else None)

    def device_hyper(self, hyper: Hyper | None = None) -> DeviceHyper:
        """Hyperparameters in the memory of the device: as `step` takes them, to be changed there."""
        if self._device is None:
            raise invalid_argument(f"the kernels of '{self.artifact.name}' run on the processor: there is no device")
        return self._device.hyper(self.artifact.hyper_numbers(hyper or {}), self.artifact.hyper_defaults)

    def _arguments(
        self,
        given: Mapping[str, Any],
        hyper: Hyper | DeviceHyper | None,
        gradients: Gradients | None,
        stream: int | None,
    ) -> tuple[abi.StepStruct, list[Any]]:
        """All but where results go; and what must live as long as the call."""
        arguments = abi.sized(abi.StepStruct())
        arguments.abi_version = abi.VERSION
        own = abi.sized(abi.DeviceStepStruct())
        if self._device is not None:
            own.stream = self._device.stream(stream)
            arguments.device = ctypes.pointer(own)
        host = dict(given)
        for name in TYPES:
            if self._device is not None and self._device.has(given[name]):
                self._device.point_to(own, name, given[name])
                host[name] = NUMBERS_WHEN_UNUSED[name]
        arguments.step, arguments.loss = _whole(host["step"]), float(host["loss"])
        arguments.gradient_scale = float(host["gradient_scale"])
        flag = None if host["found_inf"] is None else ctypes.c_float(_single(host["found_inf"]))
        arguments.found_inf = None if flag is None else ctypes.pointer(flag)
        if isinstance(hyper, DeviceHyper) and self._device is not None:
            self._device.point_to_hyper(own, hyper)
        elif isinstance(hyper, DeviceHyper):
            raise invalid_argument("the hyperparameters lie on a device, but the kernels run on the processor")
        else:
            arguments.hyper = self.artifact.hyper_numbers(hyper) if hyper else None
        arguments.gradients, kept = self._gradient_pointers(gradients)
        return arguments, [*kept, own, flag]

    def profile(self) -> Profile:
        """An empty profile for steps of this optimizer."""
        return Profile(self.artifact.typed_manifest, self._workers)

    def _gradient_pointers(self, gradients: Gradients | None) -> tuple[Any, list[Array]]:
        """The pointers, and the arrays that must outlive them."""
        if gradients is None:
            return None, []
        pointers = (ctypes.c_void_p * max(1, len(self._table)))()
        kept = []
        for index, given in enumerate(self._gradient_list(gradients)):
            if given is None:
                continue
            likeness = arrays.likeness(given)
            if likeness is None or likeness != self._accepted.get(index):
                self._check_gradient(index, given)
                self._accepted[index] = likeness
            pointers[index] = arrays.address_of(given)
            kept.append(given)
        return pointers, kept

    def _check_gradient(self, index: int, given: Array) -> None:
        layer, table_gradient = self._table.layers[index], self._table.gradients[index]
        array = held(given, f"gradient of layer '{layer.name}'")
        self._check_place(array, f"the gradient of layer '{layer.name}'")
        found = place_gradient(layer, array, self._table.groups[index], self._table.weights[index])
        strides = (found.batch_stride, found.row_stride)
        wanted = (table_gradient.batch_stride, table_gradient.row_stride)
        if strides != wanted:
            raise invalid_layer(
                f"the gradient of layer '{layer.name}' has the batch and row strides {strides}, the layer table "
                f"has {wanted}; copy it, or rebind the layers"
            )

    def _gradient_list(self, gradients: Gradients) -> list[Array | None]:
        layers = self._table.layers
        if isinstance(gradients, Mapping):
            unknown = set(gradients) - {layer.name for layer in layers}
            if unknown:
                raise invalid_layer(f"gradients are given for unknown layers: {quoted(sorted(map(str, unknown)))}")
            return [gradients.get(layer.name, layer.gradient) for layer in layers]
        if isinstance(gradients, np.ndarray) or not isinstance(gradients, Sequence):
            raise invalid_argument(f"gradients are a list or a dict, found '{type(gradients).__name__}'")
        if len(gradients) != len(layers):
            raise invalid_argument(f"{len(gradients)} gradients are given for {len(layers)} layers")
        return list(gradients)

    def _report_buffer(self) -> Array:
        return np.full((sum(self._table.batches), len(self.artifact.typed_manifest.reports)), math.nan)

    def _result(self, result: abi.ResultStruct, values: Array | None) -> StepResult:
        first = int(result.first_nonfinite)
        name = self._table.layers[first].name if 0 <= first < len(self._table) else None
        reports = {} if values is None else self._reports(values)
        return StepResult(bool(result.skipped), name, float(result.gradient_norm), reports)

    def _reports(self, values: Array) -> dict[str, dict[str, Any]]:
        columns = {name: index for index, name in enumerate(self.artifact.typed_manifest.reports)}
        reports: dict[str, dict[str, Any]] = {}
        row = 0
        for layer, group, batch in zip(self._table.layers, self._table.groups, self._table.batches):
            block = values[row : row + batch]
            has_batch_axis = layer.batched or layer.weight.ndim == 3
            reports[layer.name] = {
                name: block[:, columns[name]].copy() if has_batch_axis else float(block[0, columns[name]])
                for name in group.reports
            }
            row += batch
        return reports

    def rebind(self, layers: Sequence[Layer]) -> None:
        """Takes the same layers at other addresses. The states stay where they are."""
        with self._exclusive():
            table = LayerTable(self.artifact.typed_manifest, layers)
            old = [(layer.name, group.name, tuple(layer.weight.shape)) for layer, group in self._pairs(self._table)]
            new = [(layer.name, group.name, tuple(layer.weight.shape)) for layer, group in self._pairs(table)]
            if old != new:
                raise invalid_layer(f"the layers, their groups or shapes differ: the plan has {old}, found {new}")
            state_memory.attach(table, self._views)
            self._entry_points.call("plan_rebind", self._plan, table.entries, len(table))
            self._table, self._accepted = table, {}

    @staticmethod
    def _pairs(table: LayerTable) -> Iterator[tuple[Layer, Any]]:
        return zip(table.layers, table.groups)

    def save(self) -> dict[str, Any]:
        """A copy of all states as NumPy arrays, with the signature that says whose they are."""
        with self._exclusive():
            copies = {
                layer: {name: arrays.to_numpy(array) for name, array in own.items()}
                for layer, own in self.states.items()
            }
        return {"signature": self.artifact.signature, "fingerprint": self.artifact.fingerprint, "states": copies}

    def load(self, checkpoint: Mapping[str, Any]) -> None:
        """Takes the states of `save`, of this artifact or of another one with the same states."""
        with self._exclusive():
            missing = [key for key in ("signature", "states") if key not in checkpoint]
            if missing:
                raise invalid_argument(f"the checkpoint lacks {quoted(missing)}")
            self._entry_points.call("check_signature", str(checkpoint["signature"]).encode())
            state_memory.restore(self._table, self.states, checkpoint["states"])


def _bridge(parallel: Parallel | None) -> Bridge | None:
    if parallel is None:
        return None
    if not isinstance(parallel, Parallel):
        raise invalid_argument(f"'parallel' is of type '{type(parallel).__name__}', wanted 'Parallel'")
    if not isinstance(parallel.workers, int) or parallel.workers < 1:
        raise invalid_argument(f"'parallel' has {parallel.workers!r} workers, wanted 1 or more")
    return Bridge(parallel)


def _destroy(entry_points: abi.EntryPoints, plan: abi.Plan, _lent: Lent | None) -> None:
    """The plan's end is when lent memory is given back: until then somebody must hold it."""
    entry_points.destroy(plan)


def _seed(value: int) -> int:
    if not isinstance(value, (int, np.integer)) or not 0 <= value < 2**64:
        raise invalid_argument(f"the seed is a whole number from 0 to 2^64 - 1, found {value!r}")
    return int(value)


def _products(who: str) -> int:
    if who not in abi.PRODUCTS:
        raise invalid_argument(f"products are {quoted(abi.PRODUCTS)}, found {who!r}")
    return abi.PRODUCTS.index(who)


def _whole(step: int | Array) -> int:
    number: Any = step
    number = number.item() if arrays.is_array(number) else number
    if not isinstance(number, (int, np.integer)) or not -(2**63) <= number < 2**63:
        raise invalid_argument(f"the number of a step is a whole number, found {step!r}")
    return int(number)


def _single(value: float | Array) -> float:
    numbers = arrays.to_numpy(value) if arrays.is_array(value) else value
    array = np.asarray(numbers, dtype=np.float32)
    if array.size != 1:
        raise invalid_argument(f"'found_inf' is one number, found an array of shape {array.shape}")
    return float(array.reshape(()))
