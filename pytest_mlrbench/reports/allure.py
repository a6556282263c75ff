"""What Allure is told of a trial, and the files that describe the run to it; items call `attach_trial`, the controller the rest.

Workers import this module, so it needs only the standard library and, inside the functions, allure: a record is plain JSON here.
"""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..keys import TrialKey
from ..results.shown import finding_text, plain

FIGURES = 8
"""Figures attached to one item."""
ATTACHMENT = 2_000_000
"""Bytes of an attached text or figure; a longer text is cut, a larger figure left out, each said in the `left out` attachment."""
TAIL = 20_000
"""Bytes of the end of a log."""

MAIN_OUTPUT = {"idea": "idea.md", "proposal": "proposal.md", "experiment": "results/results.md", "paper": "paper.md"}
LOG = "results/log.txt"

FINDING = r"\((faked_results|hallucinated_methodology|incorrect_citation|mathematical_error|other), (results|paper)\)"
"""How a finding is named in an item's failure message: `check (type, scope): message`."""


def attach_trial(record: Mapping[str, Any], run: str, item_info: Mapping[str, Any] | None = None) -> None:
    """Describe the trial to Allure: labels, parameters, a step per judge and dimension, attachments.

    `record` is a TrialRecord as plain JSON and `run` the run directory. `item_info` may give the task's `category` and `title`;
    without it the catalogue is asked. Call it in the test's own call phase: called from a fixture, Allure shows the
    steps and attachments below that fixture. Does nothing when no Allure plugin listens.
    """
    import allure
    from allure_commons import plugin_manager

    if not plugin_manager.hook.attach_data.get_hookimpls():
        return
    if item_info is None:
        from ..tasks.catalogue import load_tasks

        task = load_tasks().get(record["task"])
        item_info = {"category": task.category, "title": task.title} if task else {}
    dynamic: Any = allure.dynamic  # its functions carry no types
    dynamic.epic("MLR-Bench")
    dynamic.feature(record["stage"])
    dynamic.story(item_info.get("category") or "no category")
    dynamic.parent_suite(record["model"])
    dynamic.suite(record["stage"])
    if item_info.get("title"):
        dynamic.description(f"{item_info['title']} ({record['task']}, {record['stage']}, epoch {record['epoch']})")
    _parameters(dynamic.parameter, record)
    for review in record["reviews"]:
        _review(allure.step, review)
    _attach(allure, record, Path(run))


def write_allure_files(directory: Path, settings: Mapping[str, Any], run: str) -> None:
    """Write categories.json, environment.properties and executor.json into the results directory; nothing else is touched.

    `settings` are the run's Settings as plain JSON. Raises OSError when `directory` cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "categories.json").write_text(json.dumps(categories(), indent=1), encoding="utf-8")
    (directory / "environment.properties").write_text(_properties(environment(settings, run)), encoding="utf-8")
    (directory / "executor.json").write_text(json.dumps(executor(os.environ, run), indent=1), encoding="utf-8")


def categories() -> list[dict[str, Any]]:
    """Allure's categories: what the three kinds of bad look like. The first that matches an item counts in Allure 3.

    Allure 2 wants a Java pattern that matches the whole message, Allure 3 a JavaScript one: `[\\s\\S]*` is both.
    """

    def containing(pattern: str) -> str:
        return rf"[\s\S]*{pattern}[\s\S]*"

    return [
        {"name": "Hallucinated", "matchedStatuses": ["failed"], "messageRegex": containing(FINDING)},
        {"name": "Agent failure", "matchedStatuses": ["failed"], "messageRegex": containing("AgentFailure")},
        {"name": "Budget spent", "matchedStatuses": ["skipped"], "messageRegex": containing("[Bb]udget")},
        {"name": "Input not usable", "matchedStatuses": ["skipped"], "messageRegex": containing("no usable output")},
        {"name": "Infrastructure", "matchedStatuses": ["broken"]},
    ]


def environment(settings: Mapping[str, Any], run: str) -> dict[str, str]:
    """What Allure shows as the environment. Only named settings: nothing a user typed as a command can carry a secret out."""
    from .. import __version__

    named = ("model", "agent", "coder", "search", "suite", "mode", "epochs", "seed", "sandbox", "network", "budget")
    shown = {name: str(settings[name]) for name in named if name in settings}
    return {**shown, "judges": ", ".join(settings.get("judges", ())), "run": str(run), "pytest-mlrbench": __version__}


def executor(environ: Mapping[str, str], run: str) -> dict[str, Any]:
    """Who ran it: the CI system that `environ` speaks of, else this command line."""
    if environ.get("GITHUB_ACTIONS") == "true":
        page = f"{environ.get('GITHUB_SERVER_URL', '')}/{environ.get('GITHUB_REPOSITORY', '')}"
        number, url = environ.get("GITHUB_RUN_NUMBER"), f"{page}/actions/runs/{environ.get('GITHUB_RUN_ID', '')}"
        who = {"name": "GitHub Actions", "type": "github", "buildUrl": url}
    elif environ.get("GITLAB_CI") == "true":
        number = environ.get("CI_PIPELINE_IID")
        who = {"name": "GitLab CI", "type": "gitlab", "buildUrl": environ.get("CI_PIPELINE_URL", "")}
    elif environ.get("JENKINS_URL"):
        number = environ.get("BUILD_NUMBER")
        who = {"name": "Jenkins", "type": "jenkins", "buildUrl": environ.get("BUILD_URL", "")}
    else:
        number, who = None, {"name": "pytest-mlrbench", "type": "pytest"}
    order = {"buildOrder": int(number)} if number is not None and number.isdigit() else {}
    return {**who, **order, "buildName": Path(run).name}


def _parameters(parameter: Any, record: Mapping[str, Any]) -> None:
    """Model and agent tell histories apart; what a run measured is excluded from an item's identity, else no item has a history."""
    parameter("model", record["model"])
    parameter("agent", record["agent"])
    measured: dict[str, object] = {name: score for name, score in record["scores"].items() if score is not None}
    if record["verdict"] is not None:
        measured["verdict"] = record["verdict"]
    if record["support"] is not None:
        measured["support"] = record["support"]
    cost = record["agent_spent"]["cost"] + record["judge_spent"]["cost"]
    for name, value in {**measured, "cost USD": cost}.items():
        parameter(name, round(value, 4) if isinstance(value, float) else value, excluded=True)


def _review(step: Any, review: Mapping[str, Any]) -> None:
    """A step for the judge with one for each dimension in it; the justification is that step's parameter."""
    repeat = f" #{review['repeat']}" if review["repeat"] > 1 else ""
    kind = " (mechanical)" if review["mechanical"] else ""

    with step(plain(f"{review['judge']}{repeat}{kind}")):
        for dimension, score in review["scores"].items():
            # allure fills `{name}` in titles from the arguments.
            title = plain(f"{dimension}: {'no score' if score is None else score}").replace("{", "{{").replace("}", "}}")
            step(title)(_because)(why=plain(review["justifications"].get(dimension, "")))


def _because(why: str) -> None:
    """The body of a dimension's step: allure shows `why` as its parameter."""


def _attach(allure: Any, record: Mapping[str, Any], run: Path) -> None:
    key = TrialKey(record["task"], record["stage"], record["epoch"])
    output = run / "trials" / str(key) / "output"
    text, picture = allure.attachment_type.TEXT, allure.attachment_type
    left_out = []
    name = MAIN_OUTPUT.get(record["stage"])
    if name is not None and (content := _read(output / name, ATTACHMENT)) is not None:
        allure.attach(_text(content), name, text)
        if len(content) == ATTACHMENT:
            left_out.append(f"{name}: only its first {ATTACHMENT} bytes are attached")
    if record["reviews"]:
        allure.attach(json.dumps(record["reviews"], indent=1, ensure_ascii=False), "reviews.json", allure.attachment_type.JSON)
    if record["findings"]:
        allure.attach("\n\n".join(_finding(finding) for finding in record["findings"]), "findings", text)
    if (tail := _read(output / LOG, TAIL, end=True)) is not None:
        allure.attach(_text(tail), "log.txt (end)", text)
    figures = [file for file in sorted(record["files"]) if file.lower().endswith((".png", ".jpg", ".jpeg"))]
    for file in figures[:FIGURES]:
        content = _read(output / file, ATTACHMENT + 1)
        if content is None or len(content) > ATTACHMENT:
            left_out.append(f"{file}: larger than {ATTACHMENT} bytes or not a regular file")
        else:
            allure.attach(content, plain(file), picture.PNG if file.lower().endswith(".png") else picture.JPG)
    left_out += [f"{file}: more than {FIGURES} figures" for file in figures[FIGURES:]]
    if left_out:
        allure.attach(plain("\n".join(left_out), lines=True), "left out", text)


def _finding(finding: Mapping[str, Any]) -> str:
    head = f"[{finding['severity']}] {finding['type']} ({finding['check']}, {finding['scope']})"
    places = []
    for place in finding["evidence"]:
        where = place["file"] + (f":{place['line']}" if place["line"] is not None else "")
        quote = place["quote"].replace("\n", "\n    ")
        places.append(f"  {where}: {quote}" if quote else f"  {where}")
    return plain("\n".join([f"{head}: {finding_text({**finding, 'evidence': []}, length=1000)}", *places]), lines=True)


def _read(path: Path, limit: int, *, end: bool = False) -> bytes | None:
    """At most `limit` bytes of a regular file, of its end with `end`; None for anything else: outputs are foreign."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        if end:
            stream.seek(max(0, status.st_size - limit))
        return stream.read(limit)


def _text(content: bytes) -> str:
    return plain(content.decode("utf-8", "replace"), lines=True)


def _properties(values: Mapping[str, str]) -> str:
    """Java's properties format, whose reader takes ISO 8859-1 and escapes."""

    def escaped(text: str, special: str) -> str:
        out = []
        for character in text:
            if character in special or character == "\\":
                out.append("\\" + character)
            elif character.isascii() and character.isprintable():
                out.append(character)
            else:
                units = character.encode("utf-16-be", "surrogatepass")
                out += [f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2)]
        return "".join(out)

    return "".join(f"{escaped(name, ' =:#!')}={escaped(value, '')}\n" for name, value in values.items())
