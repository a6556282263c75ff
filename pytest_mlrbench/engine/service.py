"""The engine on its socket: what controller and workers may ask, and the life of the process from start to orderly end."""

import asyncio
import concurrent.futures
import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection, Listener
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, InfrastructureError, MLRBenchError
from ..keys import TrialKey
from ..models.catalog import load_litellm
from ..records import TrialRecord
from ..results.store import RunStore
from ..settings import SEARCH_SOURCES, Settings, differences
from .client import CONFIG, ENDED, receive, send
from .core import Engine
from .lock import RunLock
from .planning import Plan, make_plan, provenance
from .preflight import preflight
from .progress import PROGRESS
from .resources import Resources

if TYPE_CHECKING:
    from .gating import Gate

Json = dict[str, Any]
TELL_EVERY = 1.0
"""Seconds between two states left for `mlrbench watch`."""


class Service:
    """Answers the socket for one engine."""

    def __init__(self, settings: Settings, store: RunStore, loop: asyncio.AbstractEventLoop) -> None:
        self.settings = settings
        self.store = store
        self.loop = loop
        self.resources = Resources(settings, store, self.notice)
        self.engine = Engine(settings, store, self.resources, self.notice)
        self.gate: Gate | None = None
        if settings.gate:
            from . import gating

            self.gate = gating.Gate(settings, store, self.resources, self.engine, self.notice)
        self.stop_runners = False
        """Set when the user ended the run (Ctrl-C): experiments end too. Otherwise they outlive the engine."""
        self.warnings: list[str] = []
        """Shown with the plan."""
        self._notices: list[str] = []
        self._collected: dict[str, list[TrialKey]] = {}
        self._collection = threading.Condition()
        self._plan: Plan | None = None
        self.ended = threading.Event()

    def notice(self, text: str) -> None:
        """Something the user should see; the controller fetches it with the next progress."""
        print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)
        self._notices.append(text)

    # -- the socket, one thread a connection ----------------------------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        """Accept connections until the listener closes."""
        while not self.ended.is_set():
            try:
                connection = listener.accept()
            except Exception as error:  # noqa: BLE001 - a failed handshake of one peer must not deafen the engine
                if not self.ended.is_set():
                    print(f"connection refused: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                    time.sleep(0.05)
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        with connection, contextlib.suppress(EOFError, OSError):  # the peer is gone: nobody waits for an answer
            while True:
                message = receive(connection)
                try:
                    answer = self._answer(message)
                except ConfigError as error:
                    answer = {"error": str(error), "kind": CONFIG}
                except MLRBenchError as error:
                    answer = {"error": str(error), "kind": type(error).__name__}
                send(connection, answer)

    def _answer(self, message: Json) -> Json:
        operations: dict[str, Callable[[Json], Json]] = {
            "collected": self._on_collected,
            "plan": self._on_plan,
            "result": self._on_result,
            "progress": self._on_progress,
            "gate": self._on_gate,
            "stop": self._on_stop,
        }
        operation = operations.get(message["op"])
        if operation is None:
            raise InfrastructureError(f"the engine does not know {message['op']!r}; valid: {', '.join(operations)}")
        return operation(message)

    def _on_collected(self, message: Json) -> Json:
        """A worker's ordered trial keys."""
        with self._collection:
            self._collected[message["worker"]] = [TrialKey.parse(key) for key in message["keys"]]
            self._collection.notify_all()
        return {}

    def _on_plan(self, message: Json) -> Json:
        """What the run will do, after `workers` workers have collected; starts it unless `lookahead` is false."""
        with self._collection:
            if not self._collection.wait_for(lambda: len(self._collected) >= message["workers"], timeout=600):
                raise InfrastructureError(
                    f"only {len(self._collected)} of {message['workers']} workers collected their items within 600 s"
                )
            collections = list(self._collected.values())
        keys = collections[0]
        if any(other != keys for other in collections[1:]):
            raise InfrastructureError("the workers collected different items; do they see the same files and options?")
        if self._plan is None:
            plan = make_plan(self.settings, self.store, self.engine.sources, keys, self.resources.before)
            stored = self.store.run()
            began, digests = stored.get("digests", {}), provenance(self.settings, keys)
            if plan.needs_models and (changed := changed_texts(began, digests)):
                raise ConfigError(
                    f"texts of this run have changed since it began ({', '.join(changed)}), so its scores could not be compared: "
                    "go on with the version and folders it began with, or begin another --mlr-run="
                )
            warnings = [*self.warnings, *preflight(self.settings, plan)] if plan.needs_models else []
            merged = {**began, **digests} if plan.needs_models else {**digests, **began}
            self.store.write_run({**stored, "digests": merged, "selected": [str(key) for key in keys]})
            gate_lines = self.gate.plan(keys) if self.gate is not None else []
            self._plan = plan
            if self.gate is not None and self.gate.sequential:
                self.loop.call_soon_threadsafe(self.gate.start, keys)
            elif message["lookahead"]:
                self.loop.call_soon_threadsafe(self.engine.start, keys)
            return {"lines": [*plan.lines, *gate_lines, *warnings]}
        return {"lines": []}

    def _on_result(self, message: Json) -> Json:
        """The record of `key`, and of the keys `ahead` those that are finished, up to the first that is not."""
        key = TrialKey.parse(message["key"])
        stored = self.store.finished(key)  # without the event loop
        if stored is None:
            return {"records": {str(key): self._on_loop(key).model_dump(mode="json")}}
        records = {str(key): stored}
        for name in message.get("ahead", ()):
            following = self.store.finished(TrialKey.parse(name))
            if following is None:
                break
            records[name] = following
        return {"records": records}

    def _on_loop(self, key: TrialKey) -> TrialRecord:
        future = asyncio.run_coroutine_threadsafe(self.engine.result(key), self.loop)
        try:
            return future.result()
        except (concurrent.futures.CancelledError, RuntimeError) as error:
            raise InfrastructureError("the run was stopped") from error

    def _on_gate(self, _: Json) -> Json:
        """The gate's answer, which may take judging and a repeat first."""
        if self.gate is None or self._plan is None:
            raise InfrastructureError("the engine has no gate to ask")
        try:
            return asyncio.run_coroutine_threadsafe(self.gate.finish(), self.loop).result()
        except (concurrent.futures.CancelledError, RuntimeError) as error:
            raise InfrastructureError("the run was stopped before the gate had its answer") from error
        except OSError as error:
            raise InfrastructureError(f"the gate's answer cannot be written: {error}") from error

    def _on_progress(self, _: Json) -> Json:
        notices, self._notices = self._notices, []
        return {"notices": notices, **self.state()}

    def state(self) -> Json:
        """Where the run stands, for the progress line (engine.progress)."""
        counts = {stage: dict(counter) for stage, counter in self.engine.counts.items() if counter}
        return {
            "counts": counts,
            "calls": self.resources.limiter.active,
            "spent": self.resources.budget.spent,
            "experiments": self.resources.experiments(),
            "left": self.engine.pace.left(counts),
            "plan": self._plan is not None,
        }

    async def tell(self) -> None:
        """Leave the state in the run directory again and again: `mlrbench watch` has no socket to this engine."""
        path = self.store.root / PROGRESS
        while True:
            text = json.dumps({"pid": os.getpid(), "time": time.time(), **self.state()})
            with contextlib.suppress(OSError):  # a full disk: what matters is told by what fails to be written
                beside = path.with_suffix(".new")
                await asyncio.to_thread(beside.write_text, text, encoding="utf-8")
                beside.replace(path)
            await asyncio.sleep(TELL_EVERY)

    def _on_stop(self, message: Json) -> Json:
        """The controller ends the run; answers what its gate had left, where there is one."""
        self.stop_runners = bool(message["interrupted"])
        return {"gate": self.gate.unfinished() if self.gate is not None else ""}


def changed_texts(stored: dict[str, str], now: dict[str, str]) -> list[str]:
    """Rubrics and prompts that a resumed run would read in another wording; the tasks' digest follows the selection."""
    texts = [name for name in now if name.startswith(("rubric ", "prompt "))]
    return sorted(name for name in texts if stored.get(name, now[name]) != now[name])


def open_run(settings: Settings) -> RunStore:
    """The store of `settings.run`, new or resumed. Raises ConfigError when it is a run of other settings."""
    from .. import __version__

    store = RunStore(settings.run_path)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    stored = RunStore.open(settings.run_path).run() if store.run_file.exists() else None
    if stored is not None and not isinstance(stored.get("settings"), dict):
        raise ConfigError(f"{store.run_file} is damaged, it holds no settings: move it away, or choose another --mlr-run=")
    different = differences(stored["settings"], settings) if stored is not None else []
    if different and _anything_done(store):
        raise ConfigError(
            f"--mlr-run={settings.run} is a run of other settings, which cannot be mixed:\n  "
            + "\n  ".join(different)
            + "\nUse the stored ones, or another --mlr-run="
        )
    if stored is not None and not different:
        store.write_run(
            {**stored, "settings": settings.model_dump(mode="json"), "resumed": [*stored.get("resumed", []), now], "finished": None}
        )
    else:
        versions = {"pytest-mlrbench": __version__, "python": sys.version.split()[0]}
        store.write_run(
            {"settings": settings.model_dump(mode="json"), "versions": versions, "started": now, "resumed": [], "finished": None}
        )
    return store


def _anything_done(store: RunStore) -> bool:
    """Whether a trial was begun or a call made; a preflight that ended the run before both leaves nothing to mix with."""
    return bool(store.keys()) or any(store.calls.glob("*"))


def settle_search(settings: Settings) -> tuple[Settings, str | None]:
    """`settings` with a literature source in place of `auto`, and a warning when it is not the one people expect.

    A resumed run keeps what it began with; a new one takes openalex if that answers now. The whole run has one source, so that
    its trials can be compared.
    """
    if settings.search != "auto":
        return settings, None
    if RunStore(settings.run_path).run_file.exists():
        return settings.model_copy(update={"search": RunStore.open(settings.run_path).run()["settings"]["search"]}), None
    from ..search.reach import why_unreachable

    reason = why_unreachable(SEARCH_SOURCES[0])
    if reason is None:
        return settings.model_copy(update={"search": SEARCH_SOURCES[0]}), None
    warning = f"no literature is searched in this run: {reason}; --mlr-search=NAME insists on a source, none silences this"
    return settings.model_copy(update={"search": "none"}), warning


async def serve(settings: Settings, address: str, authkey: str) -> None:
    """Run the engine until stdin closes. Raises ConfigError before it listens when the run cannot be opened."""
    loop = asyncio.get_running_loop()
    with RunLock(settings.run_path):
        settings, warning = await asyncio.to_thread(settle_search, settings)
        service = Service(settings, open_run(settings), loop)
        if not settings.offline and not service.store.keys():
            # A new run: all of it is missing. litellm's import takes the seconds in which the workers start and collect.
            threading.Thread(target=load_litellm, daemon=True).start()
        if warning:
            service.warnings.append(f"mlrbench: warning: {warning}")
        with Listener(address, family="AF_UNIX", backlog=128, authkey=bytes.fromhex(authkey)) as listener:
            threading.Thread(target=service.listen, args=(listener,), daemon=True).start()
            print(json.dumps({"ready": True}), flush=True)
            telling = asyncio.create_task(service.tell())
            try:
                # The controller holds the other end: its death, however sudden, closes the pipe.
                await asyncio.to_thread(sys.stdin.buffer.read)
            finally:
                service.ended.set()
                telling.cancel()
                if service.gate is not None:
                    await service.gate.close(stop_runners=service.stop_runners)
                await service.engine.close(stop_runners=service.stop_runners)
                finished = datetime.now(UTC).isoformat(timespec="seconds")
                service.store.write_run({**service.store.run(), "finished": finished})


def main() -> None:
    """`python -m pytest_mlrbench.engine`: settings come as one JSON line on stdin."""
    hello = json.loads(sys.stdin.buffer.readline())
    sys.path.extend(entry for entry in hello["path"] if entry not in sys.path)
    # What libraries print must not end up in the pipe to the controller.
    ready, sys.stdout = sys.stdout, sys.stderr
    try:
        with contextlib.redirect_stdout(ready):
            settings = Settings.model_validate(hello["settings"])
            asyncio.run(serve(settings, hello["address"], hello["authkey"]))
            print(json.dumps(ENDED), flush=True)
    except MLRBenchError as error:
        print(json.dumps({"error": str(error), "kind": type(error).__name__}), file=ready, flush=True)
        sys.exit(1)
    except OSError as error:
        print(json.dumps({"error": f"{settings.run_path}: {error.strerror}", "kind": CONFIG}), file=ready, flush=True)
        sys.exit(1)
