"""The items: parametrisation, the fixture that asks the engine, the outcome. In each xdist worker; with -n 0 in the one process."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .engine.client import EngineClient
from .errors import AgentFailure, ConfigError, InfrastructureError
from .keys import GRADED, TrialKey
from .options import selection_of
from .resources import resource
from .results.shown import THRESHOLD, outcome, place_lines

FILES = tuple(f"test_{stage}.py" for stage in GRADED)
"""The packaged benchmark: one file a stage."""

AHEAD = 32
"""Records of finished trials that one question to the engine may bring."""

Record = dict[str, Any]
"""A records.TrialRecord as JSON: workers import no pydantic."""


@dataclass(frozen=True, repr=False)
class Trial:
    """What a benchmark test gets: the finished trial of its task, stage and epoch, scores and findings included."""

    key: TrialKey
    record: Record
    output: Path
    """Folder with the stage's output."""
    minima: dict[str, float]
    """Dimension -> least panel score, from --mlr-min."""
    require: str | None
    """`verified` with --mlr-require=verified."""

    def __repr__(self) -> str:
        return f"<Trial {self.key}: {self.record['status']}>"

    @property
    def scores(self) -> dict[str, float | None]:
        """Dimension -> panel mean, None where no judge can speak of it."""
        return self.record["scores"]  # type: ignore[no-any-return]

    def check(self) -> None:
        """Raise AgentFailure for an unusable output, a finding of severity `fail` or an unmet threshold."""
        __tracebackhide__ = True
        problems = []
        if self.record["status"] == "failed":
            problems.append(self.record["reason"])
        problems += [describe(finding) for finding in self.record["findings"] if finding["severity"] == "fail"]
        for dimension, least in self.minima.items():
            score = self.scores.get(dimension)
            if score is not None and score < least:
                problems.append(f"{dimension} {score:.2f} is below --mlr-min={dimension}:{least:g}")
        verdict = self.record["verdict"]
        if self.require == "verified" and verdict == "unverified":
            problems.append(f"the results are unverified (support {self.record['support']}), --mlr-require=verified asks for more")
        if problems:
            raise AgentFailure("\n".join([f"{self.key}: {len(problems)} problem(s)", *(f"- {problem}" for problem in problems)]))


def describe(finding: Record) -> str:
    """A finding with its evidence, for a terminal."""
    lines = [f"{finding['check']} ({finding['type']}, {finding['scope']}): {finding['message']}"]
    lines += [f"    {place}" for place in place_lines(finding)]
    return printable("\n".join(lines))


def printable(text: str) -> str:
    """`text` with control characters shown, not sent: model text reaches terminals (docs/architecture.md, decisions)."""
    return "".join(char if char in "\n\t" or char.isprintable() else f"\\x{ord(char):02x}" for char in text)


class Items:
    """Collection and outcome of the benchmark's items in one process."""

    def __init__(self, config: pytest.Config, handed: dict[str, Any]) -> None:
        """`handed` by the controller: engine address and key, run directory, thresholds, arguments (see Controller.handed)."""
        self._config = config
        self.handed = handed
        self._selection = selection_of(config)
        self._folder = resource("benchmarks")
        self._client: EngineClient | None = None
        self._order: dict[str, int] = {}
        """Trial -> its place in `_collected`."""
        self._collected: list[str] = []
        self._ahead: dict[str, Record] = {}
        """Finished records that the engine sent along with an earlier one."""
        if handed["args"]:
            config.args[:] = handed["args"]

    # -- collection ---------------------------------------------------------------------------------------------------

    def pytest_pycollect_makemodule(self, module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
        """Short node ids (`test_idea.py::...`) for the packaged files, wherever they are installed."""
        if module_path.parent != self._folder or module_path.name not in FILES:
            return None
        module: pytest.Module = pytest.Module.from_parent(parent, path=module_path, nodeid=module_path.name)
        return module

    def pytest_pycollect_makeitem(self, collector: pytest.Collector, name: str) -> list[pytest.Item] | None:
        """No items for a stage that was not selected (pytest would make a skipped placeholder of an empty parameter set)."""
        path = getattr(collector, "path", None)
        if path is None or path.parent != self._folder or path.name not in FILES or not name.startswith("test"):
            return None
        return None if self._keys(path.stem.removeprefix("test_")) else []

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "mlr_trial" not in metafunc.fixturenames:
            return
        stages = [stage for stage in GRADED if metafunc.definition.get_closest_marker(stage)]
        if len(stages) != 1:
            raise pytest.UsageError(
                f"{metafunc.definition.nodeid} uses mlr_trial and needs exactly one stage marker, found {stages or 'none'}; "
                f"valid: {', '.join(GRADED)}"
            )
        keys = self._keys(stages[0])
        metafunc.parametrize("mlr_trial", keys, ids=[key.item_id for key in keys], indirect=True)

    def _keys(self, stage: str) -> list[TrialKey]:
        if stage == "end2end" and self.handed["pool"]:
            return []
        return self._selection.trials(stage)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept, placeholders = [], []
        timeouts = self._config.pluginmanager.hasplugin("timeout")
        for item in items:
            key = key_of(item)
            if key is None and is_ours(item):
                placeholders.append(item)  # pytest makes one of an empty parameter set: the stage was not selected
                continue
            if key is not None and timeouts:
                # An item waits for an experiment of hours; the stage's own time-out is the engine's.
                item.add_marker(pytest.mark.timeout(0))
            kept.append(item)
        items[:] = kept
        if placeholders:
            self._config.hook.pytest_deselected(items=placeholders)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self.handed["address"] is None:  # --collect-only
            return
        keys = [str(key) for item in session.items if (key := key_of(item)) is not None]
        self._collected, self._order = keys, {key: place for place, key in enumerate(keys)}
        self._ask("collected", worker=os.environ.get("PYTEST_XDIST_WORKER", "main"), keys=keys)

    # -- an item ------------------------------------------------------------------------------------------------------

    def _ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        if self._client is None:
            self._client = EngineClient(self.handed["address"], self.handed["authkey"])
        return self._client.ask(op, **arguments)

    def _record(self, key: str) -> Record:
        """The record of a trial. Of a finished run the next ones come with it: a question a item takes longer than its record."""
        if key not in self._ahead:
            place = self._order.get(key, len(self._collected))
            self._ahead = self._ask("result", key=key, ahead=self._collected[place + 1 : place + AHEAD])["records"]
        return self._ahead.pop(key)

    @pytest.fixture
    def mlr_trial(self, request: pytest.FixtureRequest) -> Trial:
        """The trial of this item, carried out by the engine if it is not done yet.

        Errors with InfrastructureError when the world failed, skips when nothing was done; the agent's own failure is left
        to `Trial.check` in the test.
        """
        __tracebackhide__ = True
        key: TrialKey = request.param
        if self.handed["address"] is None:
            raise ConfigError("the engine was not started for this session")
        record = self._record(str(key))
        _, reasons = outcome(record, self.handed["min"], self.handed["require"])
        note(request.node, record, any(reason.startswith(THRESHOLD) for reason in reasons))
        if record["status"] in ("error", "skipped"):
            self._describe(record)  # such an item has no call phase
        if record["status"] == "error":
            raise InfrastructureError(printable(record["reason"]))
        if record["status"] == "skipped":
            pytest.skip(printable(record["reason"]))
        return Trial(
            key=key,
            record=record,
            output=Path(self.handed["run"]) / "trials" / str(key) / "output",
            minima=self.handed["min"],
            require=self.handed["require"],
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Allure gets scores and attachments here: from the fixture they would hang below the fixture."""
        trial = getattr(item, "funcargs", {}).get("mlr_trial")
        if isinstance(trial, Trial):
            self._describe(trial.record)

    def _describe(self, record: Record) -> None:
        if self._config.getoption("allure_report_dir", None):
            from .reports.allure import attach_trial

            attach_trial(record, self.handed["run"])

    def pytest_unconfigure(self) -> None:
        if self._client is not None:
            self._client.close()


def note(item: pytest.Item, record: Record, below: bool) -> None:
    """Primitives about the trial on the item's reports: all that crosses from a worker to the controller.

    `below`: it misses --mlr-min or --mlr-require.
    """
    failing = sum(finding["severity"] == "fail" for finding in record["findings"])
    item.user_properties += [
        ("mlr_trial", f"{record['task']}/{record['stage']}/{record['epoch']}"),
        ("mlr_status", record["status"]),
        ("mlr_over_budget", record["over_budget"]),
        ("mlr_verdict", record["verdict"] or ""),
        ("mlr_failing_findings", failing),
        ("mlr_below", below),
        ("mlr_scores", json.dumps(record["scores"])),
    ]


def key_of(item: pytest.Item) -> TrialKey | None:
    """The trial of one of our items, None for any other item."""
    callspec = getattr(item, "callspec", None)
    key = callspec.params.get("mlr_trial") if callspec is not None else None
    return key if isinstance(key, TrialKey) else None


def is_ours(item: pytest.Item) -> bool:
    return "mlr_trial" in getattr(item, "fixturenames", ())
