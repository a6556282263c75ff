"""Where a trial's inputs come from: the run's own chain, or one chain drawn from the pool of --mlr-inputs."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError, NotDone
from ..keys import TrialKey
from ..results.store import RunStore
from ..settings import Settings
from ..stages.stage import STAGES, missing_outputs


@dataclass(frozen=True)
class Chain:
    """One source of inputs: the trials of (task, epoch) in a run of the pool."""

    store: RunStore
    epoch: int

    def label(self, task: str, stage: str) -> str:
        return f"{self.store.root}::{TrialKey(task, stage, self.epoch)}"

    @classmethod
    def of(cls, label: str) -> "Chain":
        """The chain that gave a trial an input of this label."""
        root, _, name = label.rpartition("::")
        return cls(RunStore(Path(root)), TrialKey.parse(name).epoch)


class Sources:
    """Resolves the inputs of trials for one run."""

    def __init__(self, settings: Settings, drawn: Chain | None = None) -> None:
        """`drawn`: the chain that every trial is given, drawn or not. Raises ConfigError where --mlr-inputs is no run."""
        self._drawn = drawn
        self._seed = settings.seed
        self._pool = [RunStore.open(Path(path)) for path in settings.inputs] if settings.mode == "stepwise" else []
        if settings.inputs and settings.mode == "end2end":
            raise ConfigError("--mlr-inputs belongs to --mlr-mode=stepwise: in end2end mode a chain makes its own inputs")

    @property
    def own(self) -> bool:
        """Whether trials use the outputs of their own run."""
        return not self._pool

    def draw(self, key: TrialKey) -> Chain:
        """The chain that gives `key` its inputs: uniform by (seed, task, stage, epoch) among the complete ones in digest order.

        Whatever was found about a chain does not matter: only its outputs must exist. Raises NotDone when the pool holds no
        complete chain for the task.
        """
        if self._drawn is not None:
            return self._drawn
        needed = STAGES[key.stage].inputs
        candidates = sorted(
            ((digest, chain) for chain in self._chains(key.task) if (digest := self._digest(chain, key.task, needed))),
            key=lambda pair: pair[0],
        )
        if not candidates:
            raise NotDone(f"no run of --mlr-inputs has a complete chain ({', '.join(needed)}) for {key.task}")
        number = int.from_bytes(hashlib.sha256(f"{self._seed}|{key.task}|{key.stage}|{key.epoch}".encode()).digest()[:8])
        return candidates[number % len(candidates)][1]

    def _chains(self, task: str) -> list[Chain]:
        return [Chain(store, epoch) for store in self._pool for epoch in sorted({key.epoch for key in store.keys_of(task)})]

    @staticmethod
    def _digest(chain: Chain, task: str, needed: Sequence[str]) -> str:
        """Digest of the chain's needed outputs; empty when one of them is not usable."""
        digest = hashlib.sha256()
        for stage in needed:
            key = TrialKey(task, stage, chain.epoch)
            result = chain.store.stage_result(key)
            if result is None or missing_outputs(stage, chain.store.output(key)):
                return ""
            digest.update(repr(sorted(result.files.items())).encode())
        return digest.hexdigest()
