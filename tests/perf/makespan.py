"""201 experiments of log-normal hours on 4, 8 and 64 GPUs, in virtual time through the real scheduler; `make perf` runs it.

    python -m tests.perf.makespan [--seeds 5]

Each trial is a chain: minutes of model work (idea, literature, proposal), then its experiment, then minutes for the paper. The
estimates that both schedules get are the true hours times a log-normal error. Beside them stands the clairvoyant lower bound
max(sum / G, longest chain).
"""

import argparse
import asyncio
import heapq
import random
import statistics

from pytest_mlrbench.engine.places import Places
from tests.perf.measure import table
from tests.support.virtual_clock import run_virtually

Job = tuple[float, float, float, float]
"""Hours before the experiment, of it, after it, and the estimate of it."""


def jobs(seed: int, n: int = 201) -> list[Job]:
    rng = random.Random(seed)
    found = []
    for _ in range(n):
        hours = min(6.0, rng.lognormvariate(0.0, 0.8))
        found.append((rng.uniform(0.02, 0.1), hours, rng.uniform(0.02, 0.1), hours * rng.lognormvariate(0.0, 0.3)))
    return found


def ours(work: list[Job], gpus: int) -> float:
    """Makespan in hours of the engine's scheduler."""
    places = Places(10_000, [f"g{number}" for number in range(gpus)])

    async def chain(number: int, job: Job) -> None:
        before, hours, after, estimate = job
        await asyncio.sleep(before)
        async with places.place(str(number), estimate):
            await asyncio.sleep(hours)
        await asyncio.sleep(after)

    async def everything() -> None:
        await asyncio.gather(*(chain(number, job) for number, job in enumerate(work)))

    return run_virtually(everything())[1]


def listed(work: list[Job], gpus: int) -> float:
    """Longest-first list scheduling with the same estimates, computed apart: at each free device the longest that is ready."""
    ready: list[tuple[float, int]] = []
    arrivals = sorted((job[0], number) for number, job in enumerate(work))
    free = [0.0] * gpus
    heapq.heapify(free)
    end = 0.0
    place = 0
    while place < len(arrivals) or ready:
        now = heapq.heappop(free)
        while place < len(arrivals) and arrivals[place][0] <= now:
            number = arrivals[place][1]
            heapq.heappush(ready, (-work[number][3], number))
            place += 1
        if not ready:
            heapq.heappush(free, arrivals[place][0])
            continue
        _, number = heapq.heappop(ready)
        finished = now + work[number][1]
        heapq.heappush(free, finished)
        end = max(end, finished + work[number][2])
    return end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    rows = []
    for gpus in (4, 8, 64):
        mine, lists, bounds = [], [], []
        for seed in range(options.seeds):
            work = jobs(seed)
            mine.append(ours(work, gpus))
            lists.append(listed(work, gpus))
            bounds.append(max(sum(job[1] for job in work) / gpus, max(sum(job[:3]) for job in work)))
        ratios = [a / b for a, b in zip(mine, lists, strict=True)]
        means = [f"{statistics.fmean(values):.2f}" for values in (mine, lists, bounds)]
        means = [f"{statistics.fmean(values):.2f}" for values in (mine, lists, bounds)]
        rows.append([str(gpus), *means, f"{max(ratios):.3f}"])
    table("Makespan of 201 chains, hours", rows, ["GPUs", "ours", "longest first", "lower bound", "worst ratio to longest first"])


if __name__ == "__main__":
    main()
