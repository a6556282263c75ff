"""Allure results of stored trials, without a pytest session: `mlrbench report --allure` writes them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from allure_commons import hookimpl, plugin_manager
from allure_commons.lifecycle import AllureLifecycle
from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import Label, Parameter, StatusDetails
from allure_commons.utils import md5, represent, uuid4

from ..keys import GRADED
from ..records import TrialRecord
from ..results.shown import outcome
from ..results.store import RunStore
from ..results.tables import thresholds
from .allure import attach_trial, write_allure_files

STATUS = {"passed": "passed", "failed": "failed", "error": "broken", "skipped": "skipped"}
"""Outcome -> Allure's status."""


def write_results(stores: Sequence[RunStore], directory: Path) -> Path:
    """Write one Allure result for each stored graded trial and the describing files into `directory`; returns it.

    What lies in the directory already is left alone. Raises OSError when it cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _listening(AllureFileLogger(str(directory))) as hooks:  # type: ignore[no-untyped-call]
        for store in stores:
            limits = thresholds(store)
            for record in store.records():
                if record.stage in GRADED:
                    plain = record.model_dump(mode="json")
                    what, reasons = outcome(plain, *limits)
                    with hooks.test(record, STATUS[what], "\n".join(reasons)):
                        attach_trial(plain, str(store.root))
    settings = stores[-1].run().get("settings", {})
    write_allure_files(directory, settings, str(stores[-1].root))
    return directory


@contextmanager
def _listening(logger: Any) -> Iterator["_Hooks"]:
    """Allure's functions reach the yielded hooks, whose files go to `logger`."""
    hooks = _Hooks()
    plugin_manager.register(logger)
    plugin_manager.register(hooks)
    try:
        yield hooks
    finally:
        plugin_manager.unregister(hooks)
        plugin_manager.unregister(logger)


class _Hooks:
    """Between allure's functions (labels, parameters, steps, attachments) and its life cycle, as allure-pytest has it for items."""

    def __init__(self) -> None:
        self._lifecycle: Any = AllureLifecycle()  # type: ignore[no-untyped-call]

    @contextmanager
    def test(self, record: TrialRecord, status: str, message: str) -> Iterator[None]:
        """One result; what allure is told meanwhile belongs to it."""
        name = f"test_{record.stage}[{record.key.item_id}]"
        with self._lifecycle.schedule_test_case() as result:
            result.name = name
            result.fullName = f"test_{record.stage}#test_{record.stage}"
            result.testCaseId = md5(result.fullName)  # type: ignore[no-untyped-call]
            result.historyId = md5(name, record.model, record.agent)  # type: ignore[no-untyped-call]
            result.status = status
            result.statusDetails = StatusDetails(message=message) if message else None
            result.start, result.stop = int(record.started * 1000), int(record.finished * 1000)
            result.labels.append(Label(name="framework", value="pytest"))
        yield
        self._lifecycle.write_test_case()

    @hookimpl
    def add_label(self, label_type: str, labels: Sequence[object]) -> None:
        with self._lifecycle.update_test_case() as result:
            result.labels.extend(Label(name=label_type, value=str(value)) for value in labels)

    @hookimpl
    def add_description(self, test_description: str) -> None:
        with self._lifecycle.update_test_case() as result:
            result.description = test_description

    @hookimpl
    def add_parameter(self, name: str, value: object, excluded: bool | None, mode: Any) -> None:
        with self._lifecycle.update_test_case() as result:
            shown = mode.value if mode is not None else None
            result.parameters.append(Parameter(name=name, value=represent(value), excluded=excluded, mode=shown))  # type: ignore[no-untyped-call]

    @hookimpl
    def start_step(self, uuid: str, title: str, params: dict[str, object]) -> None:
        with self._lifecycle.start_step(uuid=uuid) as step:
            step.name = title
            step.status = "passed"
            step.parameters = [Parameter(name=name, value=value) for name, value in params.items()]

    @hookimpl
    def stop_step(self, uuid: str) -> None:
        self._lifecycle.stop_step(uuid=uuid)

    @hookimpl
    def attach_data(self, body: str | bytes, name: str, attachment_type: Any, extension: str | None) -> None:
        self._lifecycle.attach_data(uuid4(), body, name=name, attachment_type=attachment_type, extension=extension)  # type: ignore[no-untyped-call]
