"""Steps, states, checkpoints and threads; and that no misuse ends the process or is taken silently."""

from __future__ import annotations

import gc
import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import descent
import numpy as np
import pytest
from descent import Code, Layer, Parallel
from test_artifact import refused


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def make_layers() -> list[Layer]:
    return [
        Layer("matrix", random(5, 7), random(5, 7, seed=1)),
        Layer("batch", random(3, 4, 6), random(3, 4, 6, seed=1)),
        Layer("vector", random(9), random(9, seed=1)),
        Layer("vectors", random(2, 8), random(2, 8, seed=1), batch=True),
    ]


def bits(optimizer: descent.Optimizer) -> list[bytes]:
    weights = [layer.weight.tobytes() for layer in optimizer.layers]
    return weights + [array.tobytes() for arrays in optimizer.states.values() for array in arrays.values()]


def test_states_are_views_shaped_like_what_they_belong_to(adamw: descent.Artifact) -> None:
    with adamw.optimizer(make_layers()) as optimizer:
        for layer in optimizer.layers:
            has_batch_axis = layer.weight.ndim == 3 or layer.batched
            for state in adamw.groups[0].states:
                array = optimizer.states[layer.name][state.name]
                batch = layer.weight.shape[:1] if has_batch_axis else ()
                assert array.shape == {"element": layer.weight.shape, "layer": batch}[state.scope]
                assert not array.any()
        optimizer.step(1)
        momenta = [optimizer.states[layer.name]["m"] for layer in optimizer.layers]
        for layer, m in zip(optimizer.layers, momenta, strict=True):
            np.testing.assert_allclose(m, 0.1 * layer.gradient, rtol=1e-6)
            m[...] = 0.0
        optimizer.step(2, hyper={"beta1": 0.0})
        for layer, m in zip(optimizer.layers, momenta, strict=True):
            np.testing.assert_array_equal(m, layer.gradient)


def test_states_may_be_the_callers(adamw: descent.Artifact) -> None:
    with adamw.optimizer(make_layers()) as optimizer:
        optimizer.step(1)
        copies = {
            layer: {name: array.copy() for name, array in arrays.items()} for layer, arrays in optimizer.states.items()
        }
        weights = [layer.weight.copy() for layer in optimizer.layers]
        layers = make_layers()
        for layer, weight in zip(layers, weights, strict=True):
            layer.weight[...] = weight
        with adamw.optimizer(layers, states=copies, initialize=False) as other:
            assert other.states["batch"]["m"].ctypes.data == copies["batch"]["m"].ctypes.data
            for run in (optimizer, other):
                run.step(2)
            assert bits(optimizer) == bits(other)
        with adamw.optimizer(make_layers(), states=copies):
            assert not copies["matrix"]["m"].any()


def spoil_states(change: Callable[[dict[str, dict[str, Any]]], None], adamw: descent.Artifact) -> None:
    with adamw.optimizer(make_layers()) as optimizer:
        states = {layer: dict(arrays) for layer, arrays in optimizer.save()["states"].items()}
    change(states)
    adamw.optimizer(make_layers(), states=states)


def test_states_that_do_not_fit_are_refused(adamw: descent.Artifact) -> None:
    with refused(Code.INVALID_ARGUMENT, "'matrix' is given the states"):
        spoil_states(lambda states: states.pop("matrix"), adamw)
    with refused(Code.INVALID_ARGUMENT, "'vector' is given the states"):
        spoil_states(lambda states: states["vector"].pop("m"), adamw)
    with refused(Code.INVALID_LAYER, r"shape \(5, 6\), wanted \(5, 7\)"):
        spoil_states(lambda states: states["matrix"].update(m=random(5, 6)), adamw)
    with refused(Code.INVALID_LAYER, "float64"):
        spoil_states(lambda states: states["matrix"].update(m=np.zeros((5, 7))), adamw)
    with refused(Code.INVALID_LAYER, "not contiguous"):
        spoil_states(lambda states: states["matrix"].update(m=random(7, 5).T), adamw)
    with refused(Code.OVERLAP, "matrix"):
        spoil_states(lambda states: states["matrix"].update(m=states["matrix"]["v"]), adamw)


def test_hyperparameters_are_given_for_all_groups_or_for_one(adamw: descent.Artifact) -> None:
    group = adamw.groups[0].name
    results = []
    for hyper in (
        {"lr": 0.1, "eps": 1e-3},
        {group: {"lr": 0.1, "eps": 1e-3}},
        {"lr": 5.0, group: {"lr": 0.1}, "eps": 1e-3},
    ):
        with adamw.optimizer(make_layers()) as optimizer:
            optimizer.step(1, hyper=hyper)
            results.append(bits(optimizer))
    assert results[0] == results[1] == results[2]


BAD_HYPERS: dict[str, tuple[Any, str]] = {
    "unknown name": ({"learning_rate": 0.1}, "no group has a hyperparameter 'learning_rate'; known are .*'lr'"),
    "unknown group": ({"no_such_group": {"lr": 0.1}}, "no group 'no_such_group'"),
    "no number": ({"lr": "much"}, "'lr' is a number"),
    "no dict": (["lr"], "are a dict"),
    "not a number": ({"lr": math.nan}, "lr"),
}


@pytest.mark.parametrize("name", BAD_HYPERS)
def test_hyperparameters_are_refused_before_anything_changes(name: str, adamw: descent.Artifact) -> None:
    hyper, message = BAD_HYPERS[name]
    with adamw.optimizer(make_layers()) as optimizer:
        before = bits(optimizer)
        with refused(Code.INVALID_ARGUMENT, message):
            optimizer.step(1, hyper=hyper)
        assert bits(optimizer) == before


def test_unknown_hyperparameters_of_a_group_are_refused(adamw: descent.Artifact) -> None:
    with adamw.optimizer(make_layers()) as optimizer, refused(Code.INVALID_ARGUMENT, "momentum"):
        optimizer.step(1, hyper={adamw.groups[0].name: {"momentum": 0.9}})


def test_gradients_may_be_given_to_each_step(adamw: descent.Artifact) -> None:
    layers = make_layers()
    given = {layer.name: layer.gradient for layer in layers}
    empty = [Layer(layer.name, layer.weight.copy(), batch=layer.batched) for layer in layers]
    with adamw.optimizer(layers) as table, adamw.optimizer(empty) as step:
        table.step(1)
        step.step(1, gradients=given)
        assert bits(table) == bits(step)
        table.step(2)
        step.step(2, gradients=list(given.values()))
        assert bits(table) == bits(step)
        step.step(3)  # all are absent
        assert bits(table) == bits(step)
        table.step(3, gradients={"matrix": None})
        step.step(3, gradients={**given, "matrix": None})
        assert bits(table) == bits(step)


BAD_GRADIENTS: dict[str, tuple[Any, str]] = {
    "unknown layer": ({"no_such_layer": None}, "no_such_layer"),
    "too few": ([None], "1 gradients are given for 4"),
    "one array": (random(5, 7), "a list or a dict"),
    "wrong shape": ({"matrix": random(7, 5)}, "7 by 5"),
    "wrong type": ({"matrix": random(5, 7).astype(np.float64)}, "float64"),
    "other strides": ({"matrix": random(5, 9)[:, :7]}, "strides"),
    "no array": ({"matrix": 3.0}, "of type 'float'"),
}


@pytest.mark.parametrize("name", BAD_GRADIENTS)
def test_gradients_are_refused_before_anything_changes(name: str, adamw: descent.Artifact) -> None:
    gradients, message = BAD_GRADIENTS[name]
    with adamw.optimizer(make_layers()) as optimizer:
        before = bits(optimizer)
        with pytest.raises(descent.Error, match=message):
            optimizer.step(1, gradients=gradients)
        assert bits(optimizer) == before


def test_other_arguments_of_a_step_are_checked(adamw: descent.Artifact) -> None:
    with adamw.optimizer(make_layers()) as optimizer:
        for arguments in ({"step": 1.5}, {"step": 2**70}, {"found_inf": np.zeros(2)}, {"parallel": 3}):
            with pytest.raises(descent.Error) as caught:
                optimizer.step(**arguments)
            assert caught.value.code == Code.INVALID_ARGUMENT
        optimizer.step(np.int64(3), found_inf=np.zeros((), np.float32), gradient_scale=np.float32(0.5))


def test_found_inf_skips_the_step(adamw: descent.Artifact) -> None:
    with adamw.optimizer(make_layers()) as optimizer:
        before = bits(optimizer)
        assert optimizer.step(1, found_inf=1.0).skipped
        assert bits(optimizer) == before
        assert not optimizer.step(1, found_inf=np.zeros(1, np.float32)).skipped


def test_reports_change_no_bit(compiled: Callable[..., descent.Artifact]) -> None:
    lanton = compiled("lanton", "--norm", "#descent.max", "--class", "any", "--storage", "f32")
    names = set(lanton.groups[0].reports)
    with lanton.optimizer(make_layers()) as with_reports, lanton.optimizer(make_layers()) as without:
        for t in (1, 2):
            reports = with_reports.step(t, reports=True).reports
            assert without.step(t).reports == {}
        assert bits(with_reports) == bits(without)
        assert {layer: set(values) for layer, values in reports.items()} == {
            layer.name: names for layer in with_reports.layers
        }
        for name in names:
            assert isinstance(reports["matrix"][name], float) and not math.isnan(reports["matrix"][name])
            assert reports["batch"][name].shape == (3,) and reports["vectors"][name].shape == (2,)
        absent = with_reports.step(3, reports=True, gradients={"matrix": None}).reports
        assert all(math.isnan(value) for value in absent["matrix"].values())


def test_a_checkpoint_of_another_optimizer_is_refused(adamw: descent.Artifact, compiled: Callable[..., Any]) -> None:
    lion = compiled("lion", "--class", "any", "--storage", "f32")
    with adamw.optimizer(make_layers()) as optimizer, lion.optimizer(make_layers()) as other:
        other.step(1)
        before = bits(optimizer)
        with refused(Code.FOREIGN_STATE, "v|another optimizer"):
            optimizer.load(other.save())
        saved = optimizer.save()
        for spoil, message in (
            (lambda states: states.pop("vector"), "the layers"),
            (lambda states: states["vector"].pop("v"), "'vector' is given the states"),
            (lambda states: states["vector"].update(v=random(8)), "shape"),
            (lambda states: states["vector"].update(v=np.zeros(9)), "float64"),
        ):
            states = {layer: {**arrays, "m": arrays["m"] + 1} for layer, arrays in saved["states"].items()}
            spoil(states)
            with pytest.raises(descent.Error, match=message):
                optimizer.load({**saved, "states": states})
        with refused(Code.INVALID_ARGUMENT, "lacks 'signature', 'states'"):
            optimizer.load({})
        assert bits(optimizer) == before


def test_a_checkpoint_is_a_copy(adamw: descent.Artifact) -> None:
    with adamw.optimizer(make_layers()) as optimizer:
        optimizer.step(1)
        saved = optimizer.save()
        kept = saved["states"]["batch"]["m"].copy()
        optimizer.step(2)
        np.testing.assert_array_equal(saved["states"]["batch"]["m"], kept)
        optimizer.load(saved)
        np.testing.assert_array_equal(optimizer.states["batch"]["m"], kept)


def test_rebinding_moves_weights_and_keeps_states(adamw: descent.Artifact) -> None:
    with adamw.optimizer(make_layers()) as optimizer, adamw.optimizer(make_layers()) as moved:
        optimizer.step(1)
        moved.step(1)
        elsewhere = [
            Layer(layer.name, layer.weight.copy(), layer.gradient.copy(), batch=layer.batched) for layer in moved.layers
        ]
        old = [layer.weight.copy() for layer in moved.layers]
        left_behind = moved.layers
        moved.rebind(elsewhere)
        optimizer.step(2)
        moved.step(2)
        assert bits(optimizer) == bits(moved)
        for layer, weight in zip(left_behind, old, strict=True):
            np.testing.assert_array_equal(layer.weight, weight)
        for wrong in (elsewhere[:-1], elsewhere[::-1], [Layer("matrix", random(7, 5)), *elsewhere[1:]]):
            with refused(Code.INVALID_LAYER, "differ"):
                moved.rebind(wrong)


def test_arrays_live_as_long_as_the_optimizer(adamw: descent.Artifact) -> None:
    optimizer = adamw.optimizer(make_layers())
    expected = adamw.optimizer(make_layers())
    held = expected.layers
    gc.collect()
    junk = [random(5, 7) for _ in range(100)]
    for run in (optimizer, expected):
        run.step(1)
        run.step(2)
    assert bits(optimizer) == bits(expected)
    assert held and len(junk) == 100
    states = optimizer.states
    del optimizer
    gc.collect()
    assert np.isfinite(states["matrix"]["m"]).all()


def test_a_closed_optimizer_refuses_everything_but_closing(adamw: descent.Artifact) -> None:
    optimizer = adamw.optimizer(make_layers())
    assert optimizer.workspace_bytes >= 0
    optimizer.close()
    optimizer.close()
    for call in (
        lambda: optimizer.step(1),
        lambda: optimizer.rebind(make_layers()),
        lambda: optimizer.save(),
        lambda: optimizer.load({}),
        lambda: optimizer.workspace_bytes,
    ):
        with refused(Code.INVALID_ARGUMENT, "closed"):
            call()
    assert optimizer.states["matrix"]["m"].shape == (5, 7)


def test_numbers_of_threads_are_checked(adamw: descent.Artifact) -> None:
    for threads in (-1, 1.5, 2**40):
        with refused(Code.INVALID_ARGUMENT, "threads"):
            adamw.optimizer(make_layers(), threads=threads)  # type: ignore[arg-type]
    with adamw.optimizer(make_layers(), threads=0) as optimizer:
        optimizer.step(1)


def many_layers() -> list[Layer]:
    """Enough work for several tasks."""
    return [Layer(f"w{i}", random(300, 200, seed=i), random(300, 200, seed=100 + i)) for i in range(6)]


def on_a_pool(tasks: int, body: Callable[[int, int], None]) -> None:
    workers = iter(range(3))
    names: dict[int, int] = {}

    def run(task: int) -> None:
        body(task, names[threading.get_ident()])

    with ThreadPoolExecutor(3, initializer=lambda: names.setdefault(threading.get_ident(), next(workers))) as pool:
        list(pool.map(run, range(tasks)))


def test_tasks_may_run_on_the_callers_threads(adamw: descent.Artifact) -> None:
    seen: list[int] = []

    def run(tasks: int, body: Callable[[int, int], None]) -> None:
        seen.append(tasks)
        on_a_pool(tasks, body)

    with adamw.optimizer(many_layers()) as alone, adamw.optimizer(many_layers(), threads=3, own_pool=False) as shared:
        for t in (1, 2):
            alone.step(t)
            shared.step(t, parallel=Parallel(3, run))
        assert bits(alone) == bits(shared)
        assert max(seen) > 1
        with refused(Code.INVALID_ARGUMENT, "4"):
            shared.step(3, parallel=Parallel(4, run))


def in_turn(tasks: int, body: Callable[[int, int], None]) -> None:
    for task in range(tasks):
        body(task, 0)


def forgets(tasks: int, body: Callable[[int, int], None]) -> None:
    body(0, 0)


def repeats(tasks: int, body: Callable[[int, int], None]) -> None:
    in_turn(tasks, body)
    body(0, 0)


def invents_a_task(tasks: int, body: Callable[[int, int], None]) -> None:
    body(tasks, 0)


def invents_a_worker(tasks: int, body: Callable[[int, int], None]) -> None:
    body(0, 2)


def fails(tasks: int, body: Callable[[int, int], None]) -> None:
    body(1, 1)
    raise KeyError("of the caller")


@pytest.mark.parametrize("run", [forgets, repeats, invents_a_task, invents_a_worker, fails])
def test_a_step_is_complete_whatever_the_callers_threads_do(run: Any, adamw: descent.Artifact) -> None:
    with adamw.optimizer(many_layers()) as alone, adamw.optimizer(many_layers(), threads=2, own_pool=False) as shared:
        alone.step(1)
        with pytest.raises(KeyError if run is fails else descent.Error):
            shared.step(1, parallel=Parallel(2, run))
        assert bits(alone) == bits(shared)
        alone.step(2)
        shared.step(2, parallel=Parallel(2, in_turn))
        assert bits(alone) == bits(shared)


def test_a_task_that_is_kept_for_later_is_refused(adamw: descent.Artifact) -> None:
    kept: list[Callable[[int, int], None]] = []
    with adamw.optimizer(many_layers(), threads=2, own_pool=False) as optimizer:
        with refused(Code.INVALID_ARGUMENT, "returned before"):
            optimizer.step(1, parallel=Parallel(2, lambda tasks, body: kept.append(body)))
        with refused(Code.INVALID_ARGUMENT, "had returned"):
            kept[0](0, 0)


def test_an_optimizer_is_not_entered_twice(adamw: descent.Artifact) -> None:
    with adamw.optimizer(many_layers(), threads=2, own_pool=False) as optimizer:

        def run(tasks: int, body: Callable[[int, int], None]) -> None:
            in_turn(tasks, body)
            for call in (lambda: optimizer.step(2), optimizer.close, optimizer.save):
                with refused(Code.INVALID_ARGUMENT, "has not returned"):
                    call()

        optimizer.step(1, parallel=Parallel(2, run))


def test_several_optimizers_may_step_at_the_same_time(adamw: descent.Artifact) -> None:
    optimizers = [adamw.optimizer(many_layers(), threads=2) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda optimizer: [optimizer.step(t) for t in range(1, 6)], optimizers))
    results = [bits(optimizer) for optimizer in optimizers]
    assert all(result == results[0] for result in results)
    for optimizer in optimizers:
        optimizer.close()


def test_a_profile_adds_up_the_seconds_of_stages(adamw: descent.Artifact, compiled: Callable[..., Any]) -> None:
    w, g = np.ones((64, 48), np.float32), np.ones((64, 48), np.float32)
    with adamw.optimizer([descent.Layer("w", w, g)], threads=2) as optimizer:
        profile = optimizer.profile()
        assert profile.seconds.shape == (2, len(adamw.groups[0].stages))
        assert {stage.track for stage in profile.stages} == {adamw.groups[0].name}
        optimizer.step(1, profile=profile)
        once = profile.seconds.sum()
        optimizer.step(2, profile=profile)
        assert 0 < once < profile.seconds.sum() <= 2 * profile.segment_seconds.sum()
        profile.clear()
        optimizer.step(3)
        assert not profile.seconds.any() and not profile.segment_seconds.any()
        other = compiled("muon").optimizer([descent.Layer("w", w, g)]).profile()
        with pytest.raises(descent.Error, match="another optimizer"):
            optimizer.step(4, profile=other)
