"""A server that rejects above 40 calls in flight: the adaptive limit against every fixed one; `make perf` runs it.

python -m tests.perf.rejecting [--limit 40]
"""

import argparse
import asyncio
import tempfile
import time

from pytest_mlrbench.models.limiter import Limiter
from tests.perf.measure import server, table
from tests.perf.throughput import ours


async def fixed(url: str, concurrency: int, calls: int = 603) -> tuple[float, int]:
    """Wall seconds of bare HTTP calls at a fixed limit, a rejected one tried again at once: the limiter alone, no engine."""
    import aiohttp

    limiter = Limiter(concurrency, start=concurrency)
    rejected = 0
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one() -> None:
            nonlocal rejected
            while True:
                async with limiter.slot("fixed"), session.post(f"{url}/chat/completions", json=body) as answer:
                    await answer.read()
                    if answer.status == 200:
                        return
                    rejected += 1
                await asyncio.sleep(0.05)

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(calls)))
        return time.perf_counter() - began, rejected


async def adaptive(url: str, calls: int = 603) -> tuple[float, int]:
    """As `fixed`, with the windows as the model client uses them."""
    import aiohttp

    limiter = Limiter(128)
    rejected = 0
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one() -> None:
            nonlocal rejected
            while True:
                async with limiter.slot("a") as slot, session.post(f"{url}/chat/completions", json=body) as answer:
                    await answer.read()
                    if answer.status == 200:
                        slot.answered()
                        return
                    rejected += 1
                    slot.rejected()

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(calls)))
        return time.perf_counter() - began, rejected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=40)
    options = parser.parse_args()
    rows = []
    best = float("inf")
    for concurrency in (16, 24, 32, 36, 40, 44, 48, 64):
        with server(reject_above=options.limit) as (url, _):
            wall, rejected = asyncio.run(fixed(url, concurrency))
        best = min(best, wall)
        rows.append([f"fixed {concurrency}", f"{wall:.2f}", f"{rejected}", ""])
    with server(reject_above=options.limit) as (url, _):
        wall, rejected = asyncio.run(adaptive(url))
    rows.append(["adaptive", f"{wall:.2f}", f"{rejected} ({100 * rejected / 603:.1f} %)", f"{wall / best:.2f}"])
    whole = {}
    with tempfile.TemporaryDirectory() as home:
        for name, concurrency in (("whole run, cap 40", 40), ("whole run, adaptive (cap 128)", 128)):
            cost, seen = ours(home, concurrency, 2, 0.5, options.limit)
            whole[name] = cost.wall
            against = f"{cost.wall / whole['whole run, cap 40']:.2f}"
            rejected_share = f"{seen['rejected']} ({100 * int(str(seen['rejected'])) / 603:.1f} %)"
            rows.append([name, f"{cost.wall:.2f}", rejected_share, against])
    head = ["limit", "wall s", "rejected", "against the best fixed"]
    table(f"A server that rejects above {options.limit} in flight, 603 calls", rows, head)


if __name__ == "__main__":
    main()
