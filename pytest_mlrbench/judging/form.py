"""The hallucination form: what a judge holds against a work, type by type, each claim with quotations that are looked up.

Called by the engine's grader after the checks have ended. The form is asked apart from the graded review, which stays blind: only
here does a judge read what the checks found.
"""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ..audits import Audit, Finding, FindingType, Scope
from ..models.api import Models
from ..records import DroppedClaim, JudgeClaim, JudgeForm, Passage
from ..stages.fitting import middle_out
from ..stages.outputs import clean
from ..stages.prompts import prompt_digest, render
from ..stages.rubric import HallucinationRubric, plain_schema
from . import packing, quotes
from .asking import ask, fitted_prompt, shown_task
from .packing import Packed
from .parsing import parse_answer
from .quotes import CONTEXT, Exhibits, NotFound
from .work import Part, Work

MOST_CLAIMS = 12
"""Claims of one type that are looked at; nobody reads more."""
MOST_QUOTES = 4
"""Quotations of one claim that are looked up."""
FINDINGS = 20_000
"""Characters of the checks' findings that a judge is shown."""
STATEMENT = 600
"""Characters of a claim's statement that are kept."""


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Place(_Answer):
    """A quotation as the judge gives it."""

    file: str = Field(description="the part it stands in, by the name in its heading")
    text: str = Field(description="the words themselves, copied")


# The places come before the statement: a model that accuses first only looks for something to quote afterwards.
class Claim(_Answer):
    """One thing held against the work."""

    quotes: list[Place] = Field(description="where the work says or does it")
    contradicts: Place | None = Field(description="another place that shows it to be wrong, null where there is none")
    statement: str = Field(description="what is wrong, in one or two sentences")
    scope: Scope = Field(description="results: data, metrics, logs or figures; paper: only what the text says of them")
    confidence: Annotated[int, Field(ge=1, le=5, description="1 a suspicion, 3 likely, 4 sure, 5 beyond doubt")]


class Form(_Answer):
    """The whole answer; an empty list is the answer to a type of which there is nothing."""

    faked_results: list[Claim]
    hallucinated_methodology: list[Claim]
    incorrect_citation: list[Claim]
    mathematical_error: list[Claim]

    def by_type(self) -> Iterable[tuple[FindingType, list[Claim]]]:
        """The four lists with their types."""
        return (
            ("faked_results", self.faked_results),
            ("hallucinated_methodology", self.hallucinated_methodology),
            ("incorrect_citation", self.incorrect_citation),
            ("mathematical_error", self.mathematical_error),
        )


SKELETON = json.dumps(
    {
        "faked_results": [
            {
                "quotes": [{"file": "<name of the part>", "text": "<words copied from it>"}],
                "contradicts": {"file": "<name of the part>", "text": "<words copied from it>"},
                "statement": "<what is wrong>",
                "scope": "<results or paper>",
                "confidence": None,
            }
        ],
        "hallucinated_methodology": [],
        "incorrect_citation": [],
        "mathematical_error": [],
    },
    indent=2,
)
"""The shape of an answer. The confidence is null: a judge that copies the shape is refused instead of believed."""


def form_schema() -> dict[str, Any]:
    """JSON schema of `Form` without references, so that it can be sent as a strict response format."""
    schema = Form.model_json_schema()
    plain: dict[str, Any] = plain_schema(schema, schema.get("$defs", {}))
    return plain


def form_protocol(rubric: HallucinationRubric, prompts_dir: str | None) -> str:
    """sha256 (hex) over definitions, prompts, form and the rules of packing and quoting: forms of one protocol are comparable.

    Raises ConfigError when a prompt is missing or broken.
    """
    folder = Path(prompts_dir) if prompts_dir else None
    texts = (prompt_digest("hallucination", folder), prompt_digest("judge_again", folder))
    parts = (rubric.digest, *texts, json.dumps(form_schema(), sort_keys=True), packing.RULES, quotes.RULES)
    return sha256("\0".join(parts).encode()).hexdigest()


async def fill_form(
    work: Work,
    audit: Audit,
    exhibits: Exhibits,
    rubric: HallucinationRubric,
    judge: str,
    repeat: int,
    *,
    models: Models,
    scope: str,
    today: date,
    prompts: str | None,
) -> JudgeForm:
    """What `judge` holds against `work` (of collect_case), given the checks' findings; `spent` is left to the caller.

    Raises InfrastructureError when no answer was a valid form (an empty one is valid), ConfigError when the window cannot hold the
    work or a prompt is broken, and what `models` raises.
    """
    folder = Path(prompts) if prompts else None
    shown = replace(work, parts=(Part("findings", "text", findings_text(audit)), *work.parts))

    def prompt() -> tuple[str, Packed]:
        def rendered(delimiter: str, text: str, not_shown: list[str], images: int) -> str:
            return render(
                "hallucination",
                folder,
                rubric=rubric,
                task=shown_task(work),
                today=today.isoformat(),
                delimiter=delimiter,
                work=text,
                not_shown=not_shown,
                shape=SKELETON,
                schema=json.dumps(form_schema()),
            )

        return fitted_prompt(shown, judge, models, rendered)

    text, packed = await asyncio.to_thread(prompt)
    answer, tries = await ask(
        judge,
        text,
        (),
        lambda said: parse_answer(said, Form, "form"),
        schema=form_schema(),
        models=models,
        scope=scope,
        prompts=folder,
        what="hallucination form",
    )
    assert isinstance(answer, Form)
    claims, dropped = await asyncio.to_thread(look_up, answer, exhibits, work.stage)
    return JudgeForm(
        judge=judge,
        stage=work.stage,
        repeat=repeat,
        protocol=form_protocol(rubric, prompts),
        answer=answer.model_dump(),
        claims=claims,
        dropped=dropped,
        not_shown=packed.not_shown,
        tries=tries,
    )


def findings_text(audit: Audit) -> str:
    """What the checks found and which of them could not look, for a prompt."""
    lines = []
    for found in audit.findings:
        lines.append(f"[{found.severity}] {found.type}, {found.scope} (check {found.check}): {clean(found.message)}")
        lines += [f"    {place.file}:{place.line or '?'}: {clean(place.quote)}" for place in found.evidence[:4]]
    blind = [f"{name}: {clean(told)}" for name, told in audit.coverage.items() if told != "done"]
    return middle_out("\n".join([*(lines or ["The checks found nothing."]), *blind]), FINDINGS)[0]


def look_up(form: Form, exhibits: Exhibits, stage: str) -> tuple[list[JudgeClaim], list[DroppedClaim]]:
    """The claims of `form` of which at least one quotation stands in the work, and the others with the reason."""
    claims: list[JudgeClaim] = []
    dropped: list[DroppedClaim] = []
    for kind, said in form.by_type():
        for number, claim in enumerate(said):
            statement = " ".join(clean(claim.statement).split())[:STATEMENT]
            try:
                if number >= MOST_CLAIMS:
                    raise NotFound(f"more than {MOST_CLAIMS} claims of this type")
                claims.append(_looked_up(kind, statement, claim, exhibits, stage))
            except NotFound as error:
                dropped.append(DroppedClaim(type=kind, statement=statement, why=str(error)))
    return claims, dropped


def _looked_up(kind: FindingType, statement: str, claim: Claim, exhibits: Exhibits, stage: str) -> JudgeClaim:
    found: list[Passage] = []
    missing: list[str] = []
    for place in claim.quotes[:MOST_QUOTES]:
        try:
            passage = exhibits.find(place.file, place.text)
        except NotFound as error:
            missing.append(str(error))
        else:
            found.append(passage)
    own = [passage for passage in found if passage.file not in _CONTEXT_FILES]
    if not own:
        raise NotFound(missing[0] if missing else "only the plan or the literature is quoted" if found else "nothing is quoted")
    against = None
    if claim.contradicts is not None:
        try:
            against = exhibits.find(claim.contradicts.file, claim.contradicts.text)
        except NotFound as error:
            missing.append(str(error))
    else:
        # What the plan or the literature says of it is the other side, wherever the judge wrote it down.
        against = next((passage for passage in found if passage.file in _CONTEXT_FILES), None)
    if against is not None and any(overlap(against, passage) for passage in own):
        against = None
    return JudgeClaim(
        type=kind,
        scope=_scope(kind, claim.scope, [*own, *([against] if against else [])], stage),
        statement=statement,
        confidence=claim.confidence,
        quotes=own,
        contradicts=against,
        missing=len(missing),
    )


_CONTEXT_FILES = frozenset(f"{name}.md" for name in CONTEXT)


def overlap(one: Passage, other: Passage) -> bool:
    """Whether two passages share a line."""
    return one.file == other.file and (one.line or 0) <= other.last and (other.line or 0) <= one.last


def _scope(kind: FindingType, said: Scope, passages: list[Passage], stage: str) -> Scope:
    """`results` only where something of the experiment itself is quoted; an experiment has no paper to speak of."""
    if stage == "experiment":
        return "results"
    beyond = any(passage.file != "paper.md" and passage.file not in _CONTEXT_FILES for passage in passages)
    return "results" if said == "results" and beyond and kind != "incorrect_citation" else "paper"


def told_dropped(forms: Iterable[JudgeForm]) -> list[Finding]:
    """One `info` finding a judge whose claims were dropped, with how many and why."""
    counted: dict[str, tuple[int, list[str]]] = {}
    for form in forms:
        made, whys = counted.get(form.judge, (0, []))
        counted[form.judge] = (made + len(form.claims) + len(form.dropped), [*whys, *(one.why for one in form.dropped)])
    found = []
    for judge, (made, whys) in counted.items():
        if whys:
            reasons = ", ".join(f"{why} ({whys.count(why)})" for why in dict.fromkeys(whys))
            message = f"judge {judge}: {len(whys)} of {made} claims dropped: {reasons}"
            found.append(Finding(type="other", scope="results", check="judges", severity="info", message=message))
    return found
