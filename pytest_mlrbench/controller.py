"""The run as pytest sees it: run directory, engine start and stop, plan, progress, summary, exit code. Controller process only."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest

from .engine.client import EngineClient, EngineProcess
from .engine.progress import progress_line
from .errors import ConfigError, InfrastructureError, MLRBenchError
from .keys import TrialKey
from .option_table import OFFLINE_MODELS
from .options import LAST_RUN, Values, check_judges, model_of, settings_of
from .resources import resource
from .worker import FILES, Items

EXIT_FAILED, EXIT_INFRASTRUCTURE, EXIT_BUDGET = 1, 7, 9
EXIT_GATE = {"holds": 0, "inconclusive": 6, "broken": 8}
"""docs/interface.md, exit codes; 2-5 are pytest's own."""
STOP_TIMEOUT = 40.0
"""Seconds the engine has to stop its runners, which have to remove their containers."""
NOTICE_EVERY = 1.0
PROGRESS_EVERY = 15.0


class Controller:
    """One invocation with --mlr-model."""

    def __init__(self, config: pytest.Config) -> None:
        """Read and check the options. Raises ConfigError."""
        self._config = config
        self.settings = settings_of(config)
        check_judges(self.settings["judges"])
        self.report = Values(config).text("report") or str(Path(self.settings["run"], "report.html"))
        self.collect_only = bool(config.getoption("collectonly", False))
        self._engine: EngineProcess | None = None
        self._client: EngineClient | None = None
        self._progress: Progress | None = None
        self._interrupted = False
        self._unanswered = ""
        """What the gate was at when the run was interrupted."""
        self._refused = False
        """The preflight found that the run cannot start."""
        self._new_run = False
        self._workers_seen = 0
        self._workers = 1
        self.handed: dict[str, Any] = {
            "address": None,
            "authkey": None,
            "run": self.settings["run"],
            "min": self.settings["min"],
            "require": self.settings["require"],
            "pool": bool(self.settings["inputs"]),
            "args": benchmark_arguments(config),
        }
        self.outcomes = Outcomes(gated=self.settings["gate"] is not None)
        config.pluginmanager.register(self.outcomes, "mlrbench-outcomes")
        self.items = Items(config, self.handed)
        config.pluginmanager.register(self.items, "mlrbench-items")
        if config.pluginmanager.hasplugin("xdist"):
            config.pluginmanager.register(Distributed(self), "mlrbench-xdist")

    # -- start --------------------------------------------------------------------------------------------------------

    def pytest_report_header(self) -> list[str]:
        selected = self.settings["suite"] + ("" if not self.settings["stage"] else f" ({', '.join(self.settings['stage'])})")
        lines = [f"mlrbench: model {model_of(self._config)}, suite {selected}, judges {', '.join(self.settings['judges'])}"]
        if not self.collect_only:
            lines.append(f"mlrbench: run directory {self.settings['run']}")
        if self.handed["pool"]:
            lines.append("mlrbench: stepwise with --mlr-inputs: end2end items are deselected, they have no chain of their own")
        return lines

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        if self.collect_only:
            return
        self._new_run = not Path(self.settings["run"]).exists()
        try:
            self._engine = EngineProcess(self.settings)
        except MLRBenchError as error:
            self._remove_new_run()
            raise pytest.UsageError(str(error)) from error
        self.handed.update(address=self._engine.address, authkey=self._engine.authkey)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _interrupt)  # pytest would die without a summary, and experiments would run on
        if self._config.getoption("allure_report_dir", None):
            from .reports.allure import write_allure_files

            write_allure_files(Path(self._config.getoption("allure_report_dir")), self.settings, self.settings["run"])

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Under xdist the workers have been started when the engine is waited for; with -n 0 collecting comes first."""
        if self._distributed:
            self._await_engine()

    @property
    def _distributed(self) -> bool:
        """Whether xdist's workers run the items, not this process."""
        return self._config.pluginmanager.hasplugin("dsession")

    def _await_engine(self) -> None:
        if self._engine is None or self._client is not None:
            return
        try:
            self._engine.ready()
            self._client = self._engine.connect()
        except MLRBenchError as error:
            self._engine = None
            self._remove_new_run()
            raise pytest.UsageError(str(error)) from error

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_finish(self, session: pytest.Session) -> Iterator[None]:
        """With -n 0 the items are known here, and `Items` tells the engine; under xdist `Distributed` learns of them."""
        self._await_engine()
        yield
        if not self._distributed:
            self.show_plan()

    def collected(self) -> None:
        """One xdist worker has collected; the last one brings the plan."""
        self._workers_seen += 1
        if self._workers_seen == self._workers:
            self.show_plan()

    def expect(self, workers: int) -> None:
        self._workers = workers

    def show_plan(self) -> None:
        """The plan and the preflight; ends the session with a usage error (exit 4) when something is missing."""
        if self._client is None:
            return
        lookahead = not self._config.getoption("maxfail", 0)
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and self.settings["model"] not in OFFLINE_MODELS:
            reporter.ensure_newline()
            reporter.write_line("mlrbench: preflight (keys, prices, sandbox) ...")  # takes the seconds of litellm's import
        try:
            plan = self._client.ask("plan", workers=self._workers, lookahead=lookahead)
        except ConfigError as error:
            self._refused = True
            pytest.exit(str(error), returncode=int(pytest.ExitCode.USAGE_ERROR))
        except InfrastructureError as error:
            pytest.exit(str(error), returncode=int(pytest.ExitCode.INTERNAL_ERROR))
        cache = getattr(self._config, "cache", None)  # absent with -p no:cacheprovider
        if cache is not None:
            cache.set(LAST_RUN, self.settings["run"])
        if reporter is not None:
            reporter.ensure_newline()
            for line in plan["lines"]:
                reporter.write_line(line)
            assert self._engine is not None
            captured = not self._distributed and self._config.getoption("capture") == "fd"
            self._progress = Progress(self._engine.connect(), reporter, captured=captured)

    # -- end ----------------------------------------------------------------------------------------------------------

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._interrupted = isinstance(excinfo.value, KeyboardInterrupt)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._engine is None:
            return
        if self.settings["gate"] is not None and session.exitstatus not in (2, 3, 4, 5):
            self._ask_gate(session)
        if self._progress is not None:
            self._progress.stop()
        if session.exitstatus not in (2, 3, 4, 5):
            session.exitstatus = self.outcomes.exit_code()
        if self._client is not None:
            try:
                left = self._client.ask("stop", interrupted=self._interrupted)["gate"]
                if self._interrupted and self.settings["gate"] is not None:
                    self._unanswered = "the gate has no answer yet" + (f", it still needs {left}" if left else "")
            except InfrastructureError as error:
                self.outcomes.notes.append(str(error))
            self._client.close()
        self._engine.wait(STOP_TIMEOUT)
        if self._refused:
            self._remove_new_run()

    def _ask_gate(self, session: pytest.Session) -> None:
        """The gate's answer, into the outcomes, to Allure and to the CI job's page; it may take judging and a repeat."""
        assert self._client is not None
        try:
            answer = self._client.ask("gate")
        except InfrastructureError as error:
            self.outcomes.notes.append(f"gate: no answer: {error}")
            self.outcomes.errors += 1
            return
        except KeyboardInterrupt:
            self._interrupted = True
            session.exitstatus = pytest.ExitCode.INTERRUPTED
            # The answer to the question that was given up would be taken for the next one's.
            self._client.close()
            assert self._engine is not None
            self._client = self._engine.connect()
            return
        self.outcomes.take_gate(answer)
        page = os.environ.get("GITHUB_STEP_SUMMARY")
        try:
            if page:
                with Path(page).open("a", encoding="utf-8") as file:
                    file.write(answer["markdown"])
            if self._config.getoption("allure_report_dir", None):
                from .reports.allure_gate import write_gate

                write_gate(Path(self._config.getoption("allure_report_dir")), answer["decision"], answer["markdown"])
        except OSError as error:  # the exit code and the terminal do not depend on it
            self.outcomes.notes.append(f"gate: not written for CI or Allure: {error}")

    def _remove_new_run(self) -> None:
        """A run that was refused before anything was done leaves no directory behind."""
        run = Path(self.settings["run"])
        # Our engine has ended and let go of its lock: another's says that two sessions began this run at the same moment.
        begun = any((run / name).exists() for name in ("run.lock", "trials", "calls"))
        if self._new_run and not begun:
            shutil.rmtree(run, ignore_errors=True)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._engine is None or self._refused:
            return
        from .reports.terminal import summary_lines
        from .results.calls import CallLog
        from .results.gate.repeats import REPEATS
        from .results.store import RunStore

        store = RunStore(Path(self.settings["run"]))
        if not store.run_file.is_file():
            return
        terminalreporter.section("MLR-Bench")
        selected = [TrialKey.parse(key) for key in store.run().get("selected", [])]
        report = None
        if self.report != "none" and selected:
            from .reports.html import write_html

            try:
                report = write_html([store], Path(self.report))
            except MLRBenchError as error:  # the summary and the exit code do not depend on it
                self.outcomes.notes.append(f"no report: {error}")
        spent = CallLog(store.calls, "summary").spent()
        if (repeats := store.root / REPEATS / "calls").is_dir():
            spent += CallLog(repeats, "summary").spent()
        width = terminalreporter._tw.fullwidth
        left = {"resume": self.resume_command(), "unanswered": self._unanswered}
        for line in summary_lines(store, selected, spent=spent, report=report, width=width, **left):
            terminalreporter.write_line(line)
        for line in [*self.outcomes.gate_lines, *self.outcomes.lines(), *self.outcomes.notes]:
            terminalreporter.write_line(line)

    def pytest_unconfigure(self) -> None:
        if self._engine is not None:
            self._engine.reap()

    def resume_command(self) -> str:
        import shlex

        given = [str(arg) for arg in self._config.invocation_params.args if not str(arg).startswith("--mlr-run")]
        if self.outcomes.decided_early:  # the same looks would skip the same items
            given = [arg for arg in given if not arg.startswith("--mlr-gate-sequential=")] + ["--mlr-gate-sequential=off"]
        return shlex.join(["pytest", *given, f"--mlr-run={self.settings['run']}"])


class Outcomes:
    """Counts what the items came to, for the exit code."""

    def __init__(self, *, gated: bool = False) -> None:
        self.gated = gated
        """The gate decides what a FAILED item means; --mlr-min and --mlr-require still fail the run."""
        self.verdict: str | None = None
        """The gate's answer, once it has one."""
        self.decided_early = False
        """By a look of a sequential gate."""
        self.gate_lines: list[str] = []
        self.failed = 0
        """FAILED items, ours or not, and errors of items that are not ours."""
        self.errors = 0
        """Our items without a score for infrastructure."""
        self.skipped_for_budget = 0
        self.missed = 0
        """FAILED items below --mlr-min or --mlr-require, and of tests that are not the packaged ones."""
        self.notes: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = dict(report.user_properties)
        ours = "mlr_trial" in properties or report.nodeid.split("::")[0] in FILES
        if report.failed:
            if report.when == "call" or not ours:
                self.failed += 1
                packaged = report.nodeid.split("::")[0] in FILES
                self.missed += bool(properties.get("mlr_below")) or not packaged
            else:
                self.errors += 1
        elif report.skipped and ours:
            self.skipped_for_budget += bool(properties.get("mlr_over_budget"))

    def take_gate(self, answer: dict[str, Any]) -> None:
        """What the engine's gate came to (engine.gating: Gate.finish)."""
        self.verdict = answer["decision"]["verdict"]
        self.decided_early = bool(answer["decision"]["look"]) and self.verdict != "inconclusive"
        self.gate_lines = answer["lines"]
        self.errors = max(self.errors, len(answer["decision"]["infrastructure"]))
        self.skipped_for_budget += bool(answer["over_budget"])

    def exit_code(self) -> int:
        if self.missed if self.gated else self.failed:
            return EXIT_FAILED
        if self.skipped_for_budget:
            return EXIT_BUDGET
        if self.errors:
            return EXIT_INFRASTRUCTURE
        return EXIT_GATE[self.verdict] if self.verdict is not None else 0

    def lines(self) -> list[str]:
        """Why the exit code is what it is, where pytest's own line does not say."""
        code = self.exit_code()
        if code in (EXIT_GATE["broken"], EXIT_GATE["inconclusive"]):
            return [f"exit code {code}: the gate is {self.verdict}"]
        if code == EXIT_BUDGET:
            return [f"exit code {code}: the budget ended the run, {self.skipped_for_budget} items were not done (--mlr-budget=)"]
        if code == EXIT_INFRASTRUCTURE:
            return [f"exit code {code}: infrastructure left {self.errors} items without a score"]
        return []


class Distributed:
    """xdist's side of the controller; registered only when xdist is there."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def pytest_xdist_setupnodes(self, specs: list[Any]) -> None:
        self._controller.expect(len(specs))

    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["mlrbench"] = self._controller.handed

    def pytest_xdist_node_collection_finished(self) -> None:
        self._controller.collected()

    def pytest_handlecrashitem(self, report: pytest.TestReport) -> None:
        """A worker that died under one of our items is the world's fault: ERROR, not FAILED."""
        if report.nodeid.split("::")[0] in FILES:
            report.when = "setup"


class Progress:
    """A thread that shows what the engine reports while items wait."""

    def __init__(self, client: EngineClient, reporter: Any, *, captured: bool) -> None:
        """`captured`: while an item runs, what goes to descriptor 1 becomes that item's; a copy made now still is the terminal."""
        self._client = client
        self._reporter = reporter
        self._given = reporter._tw._file
        if captured:
            reporter._tw._file = uncaptured(self._given)
        self._stop = threading.Event()
        self._shown = ""
        self._thread = threading.Thread(target=self._run, daemon=True, name="mlrbench-progress")
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)
        if self._reporter._tw._file is not self._given:
            self._reporter._tw._file.close()
            self._reporter._tw._file = self._given
        self._client.close()

    def _run(self) -> None:
        from .reports import terminal  # noqa: F401 - the summary's, half a second of imports that nobody waits for here

        last = time.monotonic()
        try:
            while not self._stop.wait(NOTICE_EVERY):
                state = self._client.ask("progress")
                for text in state["notices"]:
                    self._line(f"mlrbench: {text}")
                if time.monotonic() - last >= PROGRESS_EVERY:
                    last = time.monotonic()
                    line = progress_line(state)
                    if line != self._shown:
                        self._shown = line
                        self._line(line)
        except InfrastructureError:
            return  # the engine's end is told by the items that wait for it

    def _line(self, text: str) -> None:
        self._reporter.ensure_newline()
        if self._reporter._tw.width_of_current_line:  # xdist's dots, of which ensure_newline does not know
            self._reporter._tw.line()
        self._reporter.write_line(text)


def uncaptured(file: TextIO) -> TextIO:
    """A stream of its own to where `file` goes now; `file` itself where that is no descriptor."""
    try:
        descriptor = os.dup(file.fileno())
    except (OSError, AttributeError):  # a stream in memory: io.UnsupportedOperation is an OSError
        return file
    file.flush()
    return os.fdopen(descriptor, "w", encoding=file.encoding, errors=file.errors)


def benchmark_arguments(config: pytest.Config) -> list[str]:
    """What to collect instead of pytest's own choice: the packaged files when no path was given; named ones where they are ours."""
    folder = resource("benchmarks")
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return [str(folder / name) for name in FILES]
    found = []
    for arg in config.args:
        path, separator, rest = arg.partition("::")
        ours = path in FILES and not (config.invocation_params.dir / path).exists()
        found.append(str(folder / path) + separator + rest if ours else arg)
    return found if found != config.args else []


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt
