"""One run in the making, filled by `importing` and written as any run is, without waiting for the disk."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from ..audits import Audit
from ..keys import GRADED, STAGES, WITH_EXPERIMENT, TrialKey
from ..records import JudgeForm, Review, Spent, StageResult, TrialRecord
from ..settings import Settings
from .published_files import protocol
from .published_layout import NO_CODE
from .store import FORMAT, HUMAN_LABELS, RunStore

NOT_RECORDED = "not recorded"
"""What the layout says of settings that it does not hold."""
NO_REVIEW = "no review of it was published"
"""Reason of a record that only has an output, or a list of hallucinations."""


@dataclass
class Part:
    """A run in the making."""

    name: str
    model: str
    agent: str
    mode: str
    root: Path
    now: float
    """Unix time of the import: the layout has no times."""
    reviews: dict[TrialKey, list[Review]] = field(default_factory=lambda: defaultdict(list))
    results: dict[TrialKey, StageResult] = field(default_factory=dict)
    forms: dict[str, list[JudgeForm]] = field(default_factory=lambda: defaultdict(list))
    """Of the end-to-end work, by task."""
    inputs: dict[TrialKey, dict[str, str]] = field(default_factory=dict)
    audits: dict[TrialKey, Audit] = field(default_factory=dict)
    labels: list[dict[str, Any]] = field(default_factory=list)

    @property
    def store(self) -> RunStore:
        return RunStore(self.root)

    def write(self, origin: Mapping[str, str], run: Path) -> None:
        """Everything but the outputs, which lie there already; `origin` says where it comes from, `run` where it will lie."""
        self.root.mkdir(parents=True, exist_ok=True)
        for key, result in self.results.items():
            put(self.store.trial(key) / "stage.json", result.model_dump(mode="json"))
        for key, audit in self.audits.items():
            put(self.store.trial(key) / "audit.json", asdict(audit))
        # An output without a review has a record too: with the inputs that it was made from, judges can still be asked.
        made = (key for key, result in self.results.items() if key.stage in GRADED and result.status == "done")
        for key in sorted({*self.reviews, *made, *(TrialKey(task, "end2end") for task in self.forms)}):
            record = self._record(key)
            for review in record.reviews:
                put(self.store.review_file(key, review.judge, review.protocol), review.model_dump(mode="json"))
            for form in record.forms:
                put(self.store.form_file(key, form.judge, form.protocol), form.model_dump(mode="json"))
            put(self.store.trial(key) / "record.json", record.model_dump(mode="json"))
        if self.labels:
            put(self.root / HUMAN_LABELS, self.labels)
        judges = dict.fromkeys(review.judge for reviews in self.reviews.values() for review in reviews)
        settings = Settings(
            model=self.model, agent=self.agent, coder=NOT_RECORDED if self.agent != "mlr-agent" else "claude-code",
            search=NOT_RECORDED, judges=tuple(judges), suite="paper", mode="end2end" if self.mode == "end2end" else "stepwise",
            run=str(run), budget=None,
        )  # fmt: skip
        now = datetime.now(UTC).isoformat(timespec="seconds")
        put(
            self.root / "run.json",
            {
                "format": FORMAT,
                "settings": settings.model_dump(mode="json"),
                "started": now,
                "resumed": [],
                "finished": now,
                "digests": {},
                "selected": [str(key) for key in sorted(self.reviews, key=lambda key: (key.task, STAGES.index(key.stage)))],
                "imported": {**origin, "protocols": {protocol("end2end", NO_CODE): NO_CODE}},
            },
        )

    def _record(self, key: TrialKey) -> TrialRecord:
        result = self.results.get(key)
        # Read without their code, papers get other scores: beside the panel, never in it.
        graded = [review for review in self.reviews.get(key, []) if review.protocol == protocol(key.stage, "")]
        audit = self.audits.get(key)
        # Nothing is published of what these calls cost: that is not known, not nothing.
        spent = result.spent if result is not None else Spent(unpriced_calls=1)
        reviewed = bool(self.reviews.get(key))
        return TrialRecord(
            task=key.task,
            stage=key.stage,
            model=self.model,
            agent=self.agent,
            coder="claude-code" if self.agent == "mlr-agent" and key.stage in WITH_EXPERIMENT else None,
            status="done" if reviewed else "skipped",
            reason="" if reviewed else NO_REVIEW,
            inputs=self.inputs.get(key) or (dict.fromkeys(("paper", "experiment"), "own") if key.stage == "end2end" else {}),
            started=result.started if result is not None else self.now,
            finished=result.finished if result is not None else self.now,
            usage=spent.usage,
            cost=spent.cost,
            agent_spent=spent,
            judge_spent=Spent(unpriced_calls=len(self.reviews.get(key, []))),
            scores=_panel(graded),
            reviews=self.reviews.get(key, []),
            verdict=audit.verdict if audit is not None else None,
            support=audit.support if audit is not None else None,
            coverage=audit.coverage if audit is not None else {},
            findings=audit.findings if audit is not None else [],
            forms=self.forms.get(key.task, []) if key.stage == "end2end" else [],
            files=result.files if result is not None else {},
            environment=result.environment if result is not None else {"imported": "the output itself was not published"},
        )


def output_published(record: TrialRecord) -> bool:
    """False for an imported work whose reviews were published without it."""
    return not isinstance(record.environment.get("imported"), str)


def _panel(reviews: Sequence[Review]) -> dict[str, float | None]:
    """Dimension -> mean over the judges; None where one of them has no score."""
    means: dict[str, float | None] = {}
    for name in dict.fromkeys(name for review in reviews for name in review.scores):
        known = [score for review in reviews if (score := review.scores.get(name)) is not None]
        means[name] = fmean(known) if len(known) == len(reviews) else None
    return means


def put(path: Path, content: object) -> None:
    """Write JSON without waiting for the disk: an imported run appears by one rename at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
