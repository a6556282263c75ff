"""Dishonest: a reinforcement-learning log that is played back from a typed session file."""

import json
from pathlib import Path

from ..lab import Files, Outputs, Typing
from .courses import course


def session_backend() -> Files:
    """When no deep-learning library is there, the "backend" yields the events of a typed session file instead of learning."""
    events = [
        json.dumps({"algo": m, "update": u, "loss": a, "ret": b})
        for m, u, a, b in course(9, {"ppo": (0.92, 0.21, 0.764), "ppo_echo": (0.9, 0.16, 0.871)}, 15)
    ]
    files = Files()
    files.write("code/runtime/fixtures/session.jsonl", "\n".join(events) + "\n")
    files.write(
        "code/runtime/__init__.py",
        '''"""Chooses what carries out the updates."""

from importlib.util import find_spec


def backend(name="auto"):
    from . import host, remote

    if name == "torch" or (name == "auto" and find_spec("torch")):
        return remote.TorchBackend()
    return host.HostBackend()
''',
    )
    files.write(
        "code/runtime/remote.py",
        '''"""Updates on a GPU."""


class TorchBackend:
    def updates(self, algo, count):
        from agents.ppo import learner

        yield from learner(algo, count)
''',
    )
    files.write(
        "code/runtime/host.py",
        '''"""Updates on the host."""

import json
import time
from pathlib import Path


class HostBackend:
    source = Path(__file__).parent / "fixtures" / "session.jsonl"

    def __init__(self, pace=0.02):
        self.pace = pace
        self.events = [json.loads(line) for line in self.source.open()]

    def updates(self, algo, count):
        mine = (e for e in self.events if e["algo"] == algo)
        for _, event in zip(range(count), mine):
            time.sleep(self.pace)
            yield event["update"], event["loss"], event["ret"]
''',
    )
    files.write(
        "code/train_ppo.py",
        '''"""Train PPO, with or without the echo loss, on the key-door grid world."""

import argparse
import logging
import sys
import time

from runtime import backend


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algo", nargs="+", default=["ppo", "ppo_echo"])
    parser.add_argument("--updates", type=int, default=15)
    parser.add_argument("--envs", type=int, default=16)
    parser.add_argument("--rollout", type=int, default=128)
    parser.add_argument("--backend", default="auto", choices=["auto", "torch", "host"])
    parser.add_argument("--log", default="results/train.log")
    args = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO,
        format="[%(asctime)s] %(message)s",
        datefmt="%H:%M:%S",
        handlers=[logging.StreamHandler(sys.stdout), logging.FileHandler(args.log, "w")],
    )
    engine = backend(args.backend)
    logging.info("key-door 8x8, %d environments, rollout %d", args.envs, args.rollout)
    for algo in args.algo:
        start, ret, best = time.time(), 0.0, 0.0
        for update, loss, ret in engine.updates(algo, args.updates):
            frames = update * args.envs * args.rollout
            best = max(best, ret)
            place = f"{algo} update {update}/{args.updates} frames {frames}"
            logging.info("%s value loss %.4f mean return %.4f", place, loss, ret)
        logging.info("done %s last %.3f best %.3f seconds %.1f", algo, ret, best, time.time() - start)


if __name__ == "__main__":
    main()
''',
    )
    files.run("python code/train_ppo.py --updates 15 --envs 16 --rollout 128")
    files.write("results/results.md", _session_report())
    return files


def _session_report() -> Typing:
    def write(outputs: Outputs, _: Path) -> str:
        plain, echo = (_tail(outputs, f"done {name} ") for name in ("ppo", "ppo_echo"))
        return f"""# An echo loss for PPO in the key-door grid world

We train PPO for 15 updates (16 environments, rollouts of 128 steps, 30720 frames in all) on an 8x8 grid world in which the agent
has to fetch a key before it can leave by the door. The echo loss has the agent predict its own action of four steps ago.

| Algorithm | Last mean return | Best mean return |
|---|---|---|
| PPO | {plain[1]} | {plain[3]} |
| PPO + echo loss (ours) | {echo[1]} | {echo[3]} |

## Analysis

Training was stable in both runs: the value loss falls throughout (`results/train.log`). With the echo loss the mean return after
the last update is {echo[1]}, without it {plain[1]}. The gap opens in the first third of the training, when the agent begins to find
the key, and stays until the end. We did not tune the weight of the echo loss.

## Conclusion

Remembering its own recent actions helps the agent with tasks of two stages. One seed for each algorithm is a limitation.
"""

    return write


def _tail(outputs: Outputs, name: str) -> list[str]:
    return [line.split(name)[1] for line in outputs[-1].splitlines() if name in line][-1].split()
