"""Which experiment starts next: the longest expected first, GPUs held exclusively and given back on any end."""

import asyncio
import json
import random
from collections.abc import Sequence

import pytest

from pytest_mlrbench.engine.estimates import Estimates
from pytest_mlrbench.engine.places import Places, Token
from pytest_mlrbench.engine.progress import Pace
from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.settings import Settings
from tests.support.virtual_clock import run_virtually


def schedule(places: Places, jobs: list[tuple[str, float]]) -> tuple[list[str], float, int]:
    """Order of starts, makespan in virtual seconds, most devices in use at once."""
    started: list[str] = []
    most = 0

    async def one(name: str, seconds: float) -> None:
        nonlocal most
        async with places.place(name, seconds) as place:
            started.append(name)
            assert len(place.devices) == places.per_trial
            most = max(most, len(places.busy))
            await asyncio.sleep(seconds)

    async def everything() -> None:
        await asyncio.gather(*(one(*job) for job in jobs))

    _, makespan = run_virtually(everything())
    return started, makespan, most


def test_the_longest_expected_goes_first() -> None:
    started, makespan, _ = schedule(Places(1), [("short", 1.0), ("long", 9.0), ("middle", 5.0)])
    assert started == ["long", "middle", "short"]
    assert makespan == pytest.approx(15.0)


def test_every_device_is_in_use_while_work_waits_and_none_twice() -> None:
    rng = random.Random(4)
    jobs = [(f"t{number}", rng.lognormvariate(0.0, 1.0)) for number in range(60)]
    _, makespan, most = schedule(Places(99, ("a", "b", "c", "d")), jobs)
    assert most == 4
    # List scheduling is never worse than this bound (Graham 1969).
    total, longest = sum(seconds for _, seconds in jobs), max(seconds for _, seconds in jobs)
    assert makespan <= total / 4 + longest * 3 / 4 + 1e-6


def test_a_trial_gets_as_many_devices_as_it_asked_for() -> None:
    _, makespan, most = schedule(Places(99, ("a", "b", "c"), per_trial=2), [("x", 3.0), ("y", 2.0)])
    assert most == 2
    assert makespan == pytest.approx(5.0)


def test_devices_of_a_failed_or_cancelled_trial_are_free_again() -> None:
    async def run() -> None:
        places = Places(9, ("a",))

        async def failing() -> None:
            async with places.place("fails", 1.0):
                raise ValueError("the experiment")

        async def hanging() -> None:
            async with places.place("hangs", 1.0):
                await asyncio.Event().wait()

        with pytest.raises(ValueError, match="the experiment"):
            await failing()
        held = asyncio.create_task(hanging())
        waiting = asyncio.create_task(hanging())
        await asyncio.sleep(0.01)
        assert places.busy == {"a": "hangs"}
        assert "1 experiments wait for 1 of 1 GPUs (1 in use here)" in places.why()
        waiting.cancel()
        held.cancel()
        await asyncio.gather(held, waiting, return_exceptions=True)
        assert (places.busy, places.running, places.why()) == ({}, 0, "")

    asyncio.run(run())


def test_a_device_that_another_run_holds_is_waited_for() -> None:
    elsewhere = {"a"}

    def lock(device: str) -> Token | None:
        return None if device in elsewhere else Token()

    async def run() -> float:
        places = Places(9, ("a",), lock=lock)

        async def one() -> float:
            async with places.place("t", 1.0):
                return asyncio.get_running_loop().time()

        task = asyncio.create_task(one())
        await asyncio.sleep(10.0)
        assert "held by another run of this host: a" in places.why()
        elsewhere.clear()
        return await task

    began, _ = run_virtually(run())
    assert 10.0 <= began <= 12.0


def test_a_device_that_must_not_be_taken_is_waited_for_with_its_reason() -> None:
    reasons = {"a": "3.0 GiB in use by others", "b": "in container stranger"}
    asked: list[tuple[str, ...]] = []

    def refused(devices: Sequence[str]) -> dict[str, str]:
        asked.append(tuple(devices))
        return dict(reasons)

    async def run() -> None:
        places = Places(9, ("a", "b", "c"), per_trial=2, lock=lambda device: Token(), refused=refused)
        places_of: list[tuple[str, ...]] = []

        async def one() -> None:
            async with places.place("t", 1.0) as place:
                places_of.append(place.devices)

        task = asyncio.create_task(one())
        while not places.why():
            await asyncio.sleep(0.01)
        assert "wait for 2 of 3 GPUs (0 in use here" in places.why()
        while "stranger" not in places.why():
            await asyncio.sleep(0.01)
        assert "3.0 GiB in use by others: a; in container stranger: b" in places.why()
        assert places.busy == {}, "one free device is no lease for a trial that needs two"
        del reasons["b"]
        await task
        assert places_of == [("b", "c")]
        assert places.why() == ""

    asyncio.run(run())
    assert asked[0] == ("a", "b", "c")


def test_what_is_leased_here_is_not_asked_about() -> None:
    """Its own experiment fills its memory: that says nothing about others."""
    asked: list[tuple[str, ...]] = []

    def refused(devices: Sequence[str]) -> dict[str, str]:
        asked.append(tuple(devices))
        return {}

    async def run() -> None:
        places = Places(9, ("a", "b"), lock=lambda device: Token(), refused=refused)
        async with places.place("first", 2.0) as first, places.place("second", 1.0) as second:
            assert (first.devices, second.devices) == (("a",), ("b",))

    asyncio.run(run())
    assert asked == [("a", "b"), ("b",)]


def test_when_nobody_can_say_what_is_free_the_waiting_trial_is_told() -> None:
    def refused(devices: Sequence[str]) -> dict[str, str]:
        raise InfrastructureError("Docker does not answer")

    async def run() -> None:
        places = Places(9, ("a",), refused=refused)
        with pytest.raises(InfrastructureError, match="does not answer"):
            async with places.place("t", 1.0):
                pass
        assert (places.running, places.busy, places.why()) == (0, {}, "")
        async with places.place("without", 1.0, gpus=False) as place:
            assert place.devices == ()

    asyncio.run(run())


def test_who_needs_no_device_is_not_held_up_by_who_waits_for_one() -> None:
    order: list[str] = []

    async def run() -> None:
        places = Places(9, ("a",), lock=lambda device: None)

        async def one(name: str, expected: float, *, gpus: bool) -> None:
            async with places.place(name, expected, gpus=gpus):
                order.append(name)

        stuck = asyncio.create_task(one("experiment", 9.0, gpus=True))
        await one("paper", 1.0, gpus=False)
        stuck.cancel()
        await asyncio.gather(stuck, return_exceptions=True)

    asyncio.run(run())
    assert order == ["paper"]


def write_history(run, task: str, seconds: float, model: str, stage: str = "experiment") -> None:  # type: ignore[no-untyped-def]
    folder = run / "trials" / task / stage
    folder.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"settings": {"model": model, "agent": "mlr-agent", "coder": "bash"}}))
    (folder / "stage.json").write_text(json.dumps({"status": "done", "started": 100.0, "finished": 100.0 + seconds}))


def test_the_expected_time_is_that_of_earlier_runs_of_the_same_model(tmp_path) -> None:  # type: ignore[no-untyped-def]
    write_history(tmp_path / "a", "t1", 50.0, "m")
    write_history(tmp_path / "b", "t1", 70.0, "m")
    write_history(tmp_path / "c", "t1", 9000.0, "another")
    write_history(tmp_path / "d", "t2", 400.0, "another")
    settings = Settings(model="m", run=str(tmp_path / "new"), timeout={"experiment": 1234.0})
    estimates = Estimates(settings)
    assert estimates.seconds(TrialKey("t1", "experiment", 1)) == 60.0
    assert estimates.seconds(TrialKey("t2", "experiment", 1)) == 400.0
    assert estimates.seconds(TrialKey("t3", "experiment", 1)) == 1234.0


def test_the_time_left_counts_only_what_this_invocation_did() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    for _ in range(10):
        pace.found()
    now[0] = 60.0
    assert pace.left({"idea": {"done": 12, "waiting": 5}}) is None
    assert pace.left({"idea": {"done": 13, "waiting": 4, "running": 2}}) == pytest.approx(120.0)
    assert pace.left({"idea": {"done": 19}}) is None
