"""The limiter: windows that answers widen and rejections narrow, fairness between accounts, what headers say."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pytest_mlrbench.engine.progress import progress_line
from pytest_mlrbench.hostlocks import FOLDER
from pytest_mlrbench.models.host_limit import HostLimit
from pytest_mlrbench.models.limiter import Limiter, Quota
from pytest_mlrbench.models.rate_headers import quota, retry_after


class Server:
    """A provider in this event loop that rejects what is above `capacity` in flight."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.active = 0
        self.most = 0
        self.rejected = 0

    async def answer(self) -> bool:
        if self.active >= self.capacity:
            self.rejected += 1
            await asyncio.sleep(0)
            return False
        self.active += 1
        self.most = max(self.most, self.active)
        await asyncio.sleep(0.005)
        self.active -= 1
        return True


async def ask(limiter: Limiter, server: Server, account: str = "a") -> None:
    while True:
        async with limiter.slot(account) as slot:
            if await server.answer():
                slot.answered()
                return
            slot.rejected()


def calls(limiter: Limiter, server: Server, n: int) -> None:
    async def run() -> None:
        await asyncio.gather(*(ask(limiter, server) for _ in range(n)))

    asyncio.run(run())


def test_it_grows_to_its_cap_while_the_server_answers() -> None:
    server = Server(10_000)
    limiter = Limiter(128)
    calls(limiter, server, 1200)
    assert server.most == 128
    assert limiter.active == 0


def test_a_small_cap_is_never_passed() -> None:
    server = Server(10_000)
    calls(Limiter(3), server, 60)
    assert server.most == 3


@pytest.mark.parametrize("capacity", [5, 12, 40, 50, 90])
def test_it_settles_at_what_the_server_carries_with_few_rejections(capacity: int) -> None:
    server = Server(capacity)
    limiter = Limiter(128)
    calls(limiter, server, 3000)
    assert server.most == capacity
    assert server.rejected <= 0.03 * 3000
    assert int(limiter.windows["a"].size) in (capacity, capacity + 1)


def test_603_calls_over_a_limit_of_40_have_3_percent_rejected_at_most() -> None:
    server = Server(40)
    calls(Limiter(128), server, 603)
    assert server.rejected <= 0.03 * 603


def test_it_grows_again_after_the_server_recovers() -> None:
    server = Server(4)
    limiter = Limiter(64)
    calls(limiter, server, 200)
    assert int(limiter.windows["a"].size) <= 5
    server.capacity = 1000
    calls(limiter, server, 3000)
    assert limiter.windows["a"].size > 10


def test_a_provider_that_hangs_does_not_keep_the_places_of_another() -> None:
    async def run() -> int:
        limiter = Limiter(8)
        never = asyncio.Event()

        async def hanging() -> None:
            async with limiter.slot("slow"):
                await never.wait()

        async def short() -> None:
            async with limiter.slot("slow"):
                await asyncio.sleep(0.001)

        slow = [asyncio.create_task(short()) for _ in range(8)] + [asyncio.create_task(hanging()) for _ in range(4)]
        await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(*(ask(limiter, Server(100), "quick") for _ in range(20))), 10)
        held = limiter.windows["slow"].active
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        assert limiter.active == 0
        return held

    assert asyncio.run(run()) == 4


def test_a_cancelled_waiter_leaves_no_place_behind() -> None:
    async def run() -> None:
        limiter = Limiter(1)
        async with limiter.slot("a"):
            waiting = [asyncio.create_task(ask(limiter, Server(9))) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            await asyncio.sleep(0)
        # The place was free and handed to the second in the moment in which it is cancelled.
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert waiting[2].exception() is None
        assert limiter.active == 0

    asyncio.run(run())


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def _entered(limiter: Limiter, clock: Clock, after: Callable[[], Awaitable[None]]) -> list[float]:
    """When three further calls got in, after `after` has spoken to the provider."""
    await after()
    times: list[float] = []

    async def one() -> None:
        async with limiter.slot("a") as slot:
            times.append(clock.now)
            slot.answered()

    tasks = [asyncio.create_task(one()) for _ in range(3)]
    for _ in range(200):
        await asyncio.sleep(0.002)
        clock.now += 1.0
        limiter._wake()
        if all(task.done() for task in tasks):
            break
    await asyncio.gather(*tasks)
    return times


def test_retry_after_holds_every_call_of_the_account() -> None:
    clock = Clock()
    limiter = Limiter(8, clock=clock)

    async def rejected() -> None:
        async with limiter.slot("a") as slot:
            slot.rejected(20.0)

    assert min(asyncio.run(_entered(limiter, clock, rejected))) >= 120.0


def test_what_headers_say_is_left_is_not_overdrawn() -> None:
    clock = Clock()
    limiter = Limiter(8, clock=clock)

    async def nearly_used_up() -> None:
        async with limiter.slot("a") as slot:
            slot.answered(Quota(remaining=1, reset=30.0))

    first, *rest = asyncio.run(_entered(limiter, clock, nearly_used_up))
    assert first < 130.0
    assert min(rest) >= 130.0


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "1m2.5s"}, Quota(7, 62.5)),
        ({"llm_provider-x-ratelimit-remaining-requests": "0", "llm_provider-x-ratelimit-reset-requests": "120ms"}, Quota(0, 0.12)),
        (
            {
                "anthropic-ratelimit-requests-remaining": "3",
                "anthropic-ratelimit-requests-reset": "1970-01-01T00:17:00+00:00",
            },
            Quota(3, 20.0),
        ),
        ({"x-ratelimit-remaining-requests": "7"}, None),
        ({"x-ratelimit-remaining-requests": "many", "x-ratelimit-reset-requests": "1s"}, None),
        ({"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "soon"}, None),
        ({}, None),
    ],
)
def test_headers_of_providers(headers: dict[str, str], expected: Quota | None) -> None:
    assert quota(headers, now=1000.0) == expected


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after({"retry-after": "1.5"}) == 1.5
    assert retry_after({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, now=4.0) == 6.0
    assert retry_after({"retry-after": "later"}) is None
    assert retry_after({}) is None


def test_runs_of_one_host_keep_a_key_s_limit_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    active = {"a": 0, "b": 0}
    most = {"a": 0, "b": 0}

    async def call(limit: HostLimit, account: str) -> None:
        async with limit.place(account):
            active[account] += 1
            most[account] = max(most[account], active[account])
            await asyncio.sleep(0.005)
            active[account] -= 1

    async def run() -> None:
        # Two runs: each has a limit object of its own, and kernel locks are all they share.
        runs = [HostLimit(3), HostLimit(3)]
        await asyncio.gather(*(call(runs[number % 2], account) for number in range(20) for account in ("a", "b")))

    asyncio.run(run())
    assert most == {"a": 3, "b": 3}


def test_the_progress_line_says_what_runs_waits_and_costs() -> None:
    state = {
        "counts": {"idea": {"done": 2, "failed": 1, "waiting": 0}, "experiment": {"running": 1, "waiting": 4}},
        "calls": 7,
        "spent": 1.5,
        "experiments": {"gpus": 2, "busy": 1, "waiting": "4 experiments wait for 1 of 2 GPUs (1 in use here)"},
        "left": 600.0,
    }
    assert progress_line(state) == (
        "mlrbench: idea 3/3, experiment 0/5 (1 running, 4 waiting); 7 calls in flight; 1.50 USD; 1/2 GPUs busy; "
        "4 experiments wait for 1 of 2 GPUs (1 in use here); about 10 min left"
    )


def test_calls_about_finished_outputs_go_before_waiting_ones() -> None:
    async def run() -> list[str]:
        limiter = Limiter(1)
        order: list[str] = []

        async def call(name: str, *, first: bool) -> None:
            async with limiter.slot("a", first=first):
                order.append(name)

        async with limiter.slot("a"):
            waiting = [
                asyncio.create_task(call(name, first=name.startswith("review"))) for name in ("idea", "review 1", "review 2")
            ]
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        return order

    assert asyncio.run(run()) == ["review 1", "review 2", "idea"]
