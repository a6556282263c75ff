"""The gate's answer as an Allure result of its own; the controller writes it after the items."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STATUS = {"holds": "passed", "broken": "failed", "inconclusive": "skipped"}
"""Answer -> Allure's status; skipped, because an open question is no fault of the agent's and none of the test's."""


def write_gate(directory: Path, decision: Mapping[str, Any], markdown: str) -> None:
    """One result `MLR-Bench gate` with the reasons, the whole text attached; raises OSError when `directory` cannot be written.

    `decision` is a results.gate.decision.Decision as plain JSON.
    """
    from allure_commons.logger import AllureFileLogger
    from allure_commons.model2 import Attachment, Label, Parameter, StatusDetails, TestResult
    from allure_commons.utils import md5, uuid4

    files: Any = AllureFileLogger(str(directory))  # type: ignore[no-untyped-call]
    name: Any = uuid4
    source = f"{name()}-attachment.txt"
    now = int(time.time() * 1000)
    reasons = "\n".join(decision["reasons"])
    result = TestResult(
        uuid=name(),
        name="MLR-Bench gate",
        fullName="mlrbench#gate",
        historyId=md5("mlrbench#gate"),  # type: ignore[no-untyped-call]
        testCaseId=md5("mlrbench#gate"),  # type: ignore[no-untyped-call]
        status=STATUS[decision["verdict"]],
        statusDetails=StatusDetails(message=f"gate {decision['verdict']}: {reasons}"),
        start=now,
        stop=now,
        labels=[Label(name="epic", value="MLR-Bench"), Label(name="feature", value="gate")],
        parameters=[Parameter(name="largest drop", value=str(decision["max_drop"]))],
        attachments=[Attachment(name="gate", source=source, type="text/plain")],
    )
    files.report_attached_data(markdown, source)
    files.report_result(result)
