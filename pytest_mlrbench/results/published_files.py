"""Reading the files of the published layout: reviews, hallucination lists, token usage, coder logs, people's labels."""

import csv
import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..audits import FindingType
from ..records import DroppedClaim, JudgeForm, Opinion, Review, Spent, Usage
from ..stages.rubric import REVIEW_KEYS, SCALES, STAGE_KEYS
from .agreement.sheets import separator_of, with_point

BYTES_CAP = 64 * 2**20
"""Largest file that is read: a coder's log of a day has a few MiB."""

NOT_LOOKED_UP = "imported: its quotations were not looked up"
"""Why a claim of an imported form counts for no verdict."""

LIST_PRICES: dict[str, tuple[float, float]] = {
    "claude-3-7-sonnet": (3.0, 15.0),
    "o4-mini": (1.1, 4.4),
    "gemini-2.5-pro-preview": (1.25, 10.0),
    "gpt-4o-search-preview": (2.5, 10.0),
}
"""USD per million input and output tokens of the models behind the published token counts, as listed in 2025: price maps drop
models that can no longer be called. With them the means of ten tasks are the paper's 2.40 and 1.15 USD (Table 6)."""

HALLUCINATIONS: dict[str, FindingType] = {
    "fakedexperimentalresult": "faked_results",
    "fakedexperimentresult": "faked_results",
    "fakedresult": "faked_results",
    "hallucinatedmethodology": "hallucinated_methodology",
    "nonexistentcitation": "incorrect_citation",
    "incorrectcitation": "incorrect_citation",
    "mathematicalerror": "mathematical_error",
}
"""The published names of the types of Fig. 6, letters only and without the plural's `s`."""

ANSWERS = {"yes": "yes", "no": "no", "not sure": "not sure", "notsure": "not sure", "unsure": "not sure"}
"""What a person may say of a type."""


class Malformed(ValueError):
    """A file does not hold what its place says; the message says what was expected and found."""


def read_review(path: Path, judge: str, stage: str, variant: str) -> Review:
    """The review in `path`. Raises Malformed for anything but a whole review of `stage` with integer scores on their scales."""
    answer = _object(path)
    missing = STAGE_KEYS[stage] - set(answer)
    if missing:
        raise Malformed(f"a review of stage {stage} without {', '.join(sorted(missing))}")
    scores: dict[str, int | None] = {}
    justifications = {}
    opinion = None
    overall: dict[str, Any] = {}
    for key in answer:  # in the judge's order
        if key not in STAGE_KEYS[stage]:
            continue
        name, kind = REVIEW_KEYS[key]
        value = answer[key]
        if kind == "opinion":
            opinion = _opinion(key, value)
            continue
        part = value if isinstance(value, dict) else {"score": value}
        scores[name] = _score(key, part.get("score"), *SCALES[kind])
        if isinstance(part.get("justification"), str):
            justifications[name] = part["justification"]
        if kind == "overall":
            overall = part
    return Review(
        judge=judge,
        stage=stage,
        protocol=protocol(stage, variant),
        scores=scores,
        justifications=justifications,
        strengths=_texts(overall.get("strengths")),
        weaknesses=_texts(overall.get("weaknesses")),
        opinion=opinion,
        answer=answer,
        not_shown=["the code behind the paper"] if variant else [],
    )


def protocol(stage: str, variant: str) -> str:
    """Protocol digest of imported reviews: all that is known of their rubric is the stage and whether the code was left out."""
    return hashlib.sha256(f"imported from the published layout: {stage} {variant}".encode()).hexdigest()


def read_form(path: Path, judge: str) -> JudgeForm:
    """A judge's list of hallucinations in one end-to-end work; its claims are `dropped`, since nobody looked their quotes up."""
    answer = _object(path)
    listed = answer.get("hallucinations")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise Malformed("no list `hallucinations` of objects")
    dropped = [
        DroppedClaim(
            type=HALLUCINATIONS.get(_letters(str(one.get("type"))), "other"),
            statement=str(one.get("description", "")),
            why=NOT_LOOKED_UP,
        )
        for one in listed
    ]
    return JudgeForm(judge=judge, stage="end2end", protocol=protocol("hallucination", ""), answer=answer, dropped=dropped)


def read_usage(path: Path, price: tuple[float, float] | None) -> Spent:
    """One model's tokens in OpenAI's or Anthropic's names, at `price` (USD per million input and output tokens; None: unpriced)."""
    found = _object(path)
    sent, received = (
        _tokens(found, *names) for names in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
    )
    cost = 0.0 if price is None else (sent * price[0] + received * price[1]) / 1e6
    usage = Usage(calls=1, prompt_tokens=sent, completion_tokens=received)
    return Spent(usage=usage, cost=cost, unpriced_calls=int(price is None))


def read_coder(path: Path) -> tuple[Spent, float]:
    """What a coder's session log says at its end of cost (USD), and how long it took in seconds."""
    text = _text(path)
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError):
        try:
            loaded = [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError) as error:
            raise Malformed(f"neither JSON nor JSON lines: {error}") from error
    events = [one for one in (loaded if isinstance(loaded, list) else [loaded]) if isinstance(one, dict)]
    calls = [use for one in events if isinstance(one.get("message"), dict | None) and (use := _usage_of(one)) is not None]
    usage = sum(calls, Usage())
    for event in reversed(events):
        cost = event.get("total_cost_usd", event.get("cost_usd"))
        if isinstance(cost, int | float) and not isinstance(cost, bool) and cost >= 0:
            took = event.get("duration_ms", 0)
            seconds = took / 1000 if isinstance(took, int | float) and took >= 0 else 0.0
            return Spent(usage=usage, cost=float(cost)), seconds
    raise Malformed("no cost at the end of the coder's log: expected total_cost_usd or cost_usd")


def read_labels(path: Path) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """People's verdicts on the four types of Fig. 6, by agent: `[{"task", "types": {TYPE: "yes"|"no"|"not sure"}}]`; and problems.

    Raises Malformed when a column is missing. A row that cannot be read, or that repeats an agent and task, is a problem.
    """
    rows = _csv(path)
    columns = {_letters(name.removeprefix("is_")): name for name in (rows[0] if rows else {})}
    types = {kind: columns[name] for name, kind in HALLUCINATIONS.items() if name in columns}
    by = columns.get("llm") or columns.get("agent")
    task = columns.get("workshopname") or columns.get("task")
    if not rows or by is None or task is None or len(types) < 4:
        raise Malformed("expected the columns LLM, Workshop_name and one for each of the four types of hallucination")
    found: dict[str, list[dict[str, Any]]] = {}
    problems = []
    seen = set()
    for number, row in enumerate(rows, 2):
        said = {kind: ANSWERS.get(row[name].lower()) for kind, name in types.items()}
        place = row[by], row[task]
        if not all(place) or None in said.values():
            problems.append(f"line {number}: expected Yes, No or Not Sure for each type, an agent and a task")
        elif place in seen:
            problems.append(f"line {number}: {place[0]} and {place[1]} stand there twice; the first counts")
        else:
            seen.add(place)
            found.setdefault(place[0], []).append({"task": place[1], "types": said})
    return found, problems


def check_scores(path: Path) -> list[str]:
    """What is wrong with a CSV file of scores that people (or a panel) gave: each line that a reader must not count.

    Raises Malformed when it has no column of a dimension.
    """
    rows = _csv(path)
    known = {kind.casefold() for kind, _ in REVIEW_KEYS.values()}
    names = [name for name in (rows[0] if rows else {}) if name.casefold().partition("_")[0] in known]
    if not names:
        raise Malformed("no column of a dimension (Novelty, Clarity, ..., Overall)")
    problems = []
    for number, row in enumerate(rows, 2):
        for name in names:
            text = row[name]
            top = 5 if name.casefold().startswith("confidence") else 10
            try:
                good = not text or 1 <= float(text) <= top
            except ValueError:
                good = False
            if not good:
                problems.append(f"line {number}: {name} is {text!r}, expected 1 to {top}")
    return problems


def price_of(model: str, prices: Iterable[tuple[str, tuple[float, float]]]) -> tuple[float, float] | None:
    """The price of `model`: of the first name in `prices` that is its own or begins it."""
    last = model.rpartition("/")[2]
    return next((price for name, price in prices if last == name or last.startswith(f"{name}-")), None)


def _score(key: str, value: object, lowest: int, highest: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise Malformed(f"{key} is {value!r}, expected a whole number from {lowest} to {highest}")
    return value


def _opinion(key: str, value: object) -> Opinion:
    if not isinstance(value, dict) or not isinstance(value.get("has_hallucination"), bool):
        raise Malformed(f"{key} has no boolean has_hallucination")
    return Opinion(has_hallucination=value["has_hallucination"], details=str(value.get("details", "")))


def _usage_of(event: dict[str, Any]) -> Usage | None:
    message = event.get("message", event)
    used = message.get("usage") if isinstance(message, dict) else None
    if not isinstance(used, dict):
        return None
    cached, written, fresh, made = (
        value if isinstance(value := used.get(name), int) else 0
        for name in ("cache_read_input_tokens", "cache_creation_input_tokens", "input_tokens", "output_tokens")
    )
    return Usage(calls=1, prompt_tokens=cached + written + fresh, completion_tokens=made, cached_tokens=cached)


def _tokens(found: dict[str, Any], *names: str) -> int:
    for name in names:
        value = found.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    raise Malformed(f"no token count {' or '.join(names)}")


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [value] if isinstance(value, str) else []


def _letters(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalpha()).removesuffix("s")


def _csv(path: Path) -> list[dict[str, str]]:
    """The rows by column, read as `mlrbench agreement` reads sheets: an empty cell for one that is not there."""
    text = _text(path)
    separator = separator_of(text)
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True, restval=""))
    except csv.Error as error:
        raise Malformed(f"not CSV: {error}") from error
    cells = [{name.strip(): value.strip() for name, value in row.items() if isinstance(name, str)} for row in rows]
    return [{name: with_point(value) for name, value in row.items()} for row in cells] if separator == ";" else cells


def _object(path: Path) -> dict[str, Any]:
    text = _text(path)
    try:
        loaded = json.loads(text, object_pairs_hook=_once)
    except Malformed:
        raise
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise Malformed("no JSON object")
    return loaded


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of `pairs`. Raises Malformed when a name is there twice: two scores are none."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise Malformed(f"{next(name for name in names if names.count(name) > 1)} is there twice")
    return made


def _text(path: Path) -> str:
    try:
        if path.is_symlink() or not path.is_file():
            raise Malformed("no regular file")
        if path.stat().st_size > BYTES_CAP:
            raise Malformed(f"larger than {BYTES_CAP // 2**20} MiB")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"no UTF-8 text: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise Malformed(f"cannot be read: {error.strerror}") from error
