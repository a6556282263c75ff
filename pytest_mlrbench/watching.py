"""`mlrbench watch`: how far a run is, read from its directory alone, so that it works beside any engine and after it."""

import json
import socket
import time
from collections import Counter
from typing import Any

from .engine.detached import live_runners
from .engine.lock import STALE, alive
from .engine.progress import PROGRESS, progress_line
from .keys import STAGES, TrialKey
from .results.calls import CallLog
from .results.shown import plain, usd
from .results.store import RunStore

FRESH = 10.0
"""Seconds for which an engine's state counts as its present one."""


class Watch:
    """Looks at one run again and again; what it has read is read again only when it changed."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._calls = CallLog(store.calls, "watch")
        self._seen: dict[TrialKey, tuple[int, str]] = {}
        """Trial -> time of change and status of the record that was read last."""

    def look(self) -> tuple[str, bool]:
        """One line on the run as it is now, and whether it is over: neither engine nor experiment lives."""
        run = self._store.run()
        selected = [TrialKey.parse(text) for text in run.get("selected", [])]
        counts: dict[str, Counter[str]] = {stage: Counter() for stage in STAGES}
        for key in selected:
            counts[key.stage][self._status(key)] += 1
        stages = [f"{stage} {_told(found)}" for stage, found in counts.items() if found]
        runners = live_runners(self._store)
        engine = self._engine_lives()
        state = self._engine_state() if engine else None
        if state is not None:
            alive_now = f"; {len(runners)} runner{'s' if len(runners) > 1 else ''} alive" if runners else ""
            return plain(f"{time.strftime('%H:%M:%S')} {progress_line(state)}{alive_now}"), False
        parts = [time.strftime("%H:%M:%S"), "; ".join(stages) or "nothing selected yet"]
        if runners:
            parts.append(f"{len(runners)} runner{'s' if len(runners) > 1 else ''} alive")
        parts.append(f"{usd(self._calls.spent().cost)} spent")
        over = not engine and not runners
        if over:
            parts.append(
                f"finished {run['finished']}" if run.get("finished") else "no engine alive: run again with the same --mlr-run="
            )
        return plain(" | ".join(parts)), over

    def _status(self, key: TrialKey) -> str:
        """Status of the record; `judging` when only the agent's part is there, `open` when nothing is."""
        path = self._store.trial(key) / "record.json"
        try:
            changed = path.stat().st_mtime_ns
        except FileNotFoundError:
            return "judging" if (self._store.trial(key) / "stage.json").exists() else "open"
        known = self._seen.get(key)
        if known is None or known[0] != changed:
            record = self._store.record(key)
            known = self._seen[key] = (changed, record.status if record is not None else "open")
        return known[1]

    def _engine_state(self) -> dict[str, Any] | None:
        """What the living engine said last; None when that is old (another host's clock, a full disk)."""
        try:
            state = json.loads((self._store.root / PROGRESS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        fresh = isinstance(state, dict) and time.time() - float(state.get("time", 0.0)) < FRESH
        return state if fresh and state.get("counts") else None

    def _engine_lives(self) -> bool:
        path = self._store.root / "run.lock"
        try:
            owner: Any = json.loads(path.read_text(encoding="utf-8"))
            age = time.time() - path.stat().st_mtime
        except (OSError, ValueError):
            return False
        if not isinstance(owner, dict):
            return False
        # A process of another host cannot be looked up; its heartbeat touches the lock.
        return alive(owner) if owner.get("host") == socket.gethostname() else age < STALE


def _told(found: Counter[str]) -> str:
    """`3/10 done (1 failed, 2 judging)`."""
    done = found["done"] + found["failed"]
    rest = ", ".join(f"{found[name]} {name}" for name in ("failed", "error", "skipped", "judging") if found[name])
    return f"{done}/{sum(found.values())}" + (f" ({rest})" if rest else "")
