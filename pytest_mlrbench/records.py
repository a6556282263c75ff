"""What is stored and passed around: usage, scores, reviews, the trial record. Frozen pydantic models, no behaviour."""

from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from .audits import Audit, Finding, FindingType, Scope, Verdict
from .keys import TrialKey

Status = Literal["done", "failed", "error", "skipped"]
"""done: output made, judged, audited. failed: no usable output, the agent's fault. error: the world's fault. skipped: not done."""
Order = Literal["base-first", "new-first"]
Winner = Literal["base", "new", "tie"]
"""Of a comparison of two runs."""


class Frozen(BaseModel):
    """Base of all records: immutable, unknown keys refused so that a typo or a newer format is seen."""

    # A record's validator is built when the first one is made: whoever reads records needs few of their kinds.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Usage(Frozen):
    """Tokens of one or more model calls, as the provider reported them."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    """Part of completion_tokens."""
    cached_tokens: int = 0
    """Part of prompt_tokens."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields})


class Spent(Frozen):
    """Usage and cost of one side of a trial."""

    usage: Usage = Usage()
    cost: float = 0.0
    """USD; list price where the provider reports none."""
    unpriced_calls: int = 0
    """Calls of models without a known price: their cost is missing from `cost`."""

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            usage=self.usage + other.usage,
            cost=self.cost + other.cost,
            unpriced_calls=self.unpriced_calls + other.unpriced_calls,
        )


class Opinion(Frozen):
    """A judge's own hallucination boolean: stored, never failing an item."""

    has_hallucination: bool
    details: str


class Review(Frozen):
    """One judge's answer about one trial."""

    judge: str
    stage: str
    repeat: int = 1
    """1-based; more than one with --mlr-judge-repeats."""
    protocol: str
    """Digest of rubric, judge prompt and packing rules: reviews of one protocol are comparable."""
    scores: dict[str, int | None]
    """Dimension -> 1..10 (Confidence 1..5); None where this judge cannot speak of it."""
    justifications: dict[str, str] = Field(default_factory=dict)
    """Dimension -> why; for a None score the reason it is absent."""
    strengths: list[str] = Field(default_factory=list)
    weaknesses: list[str] = Field(default_factory=list)
    opinion: Opinion | None = None
    answer: dict[str, Any] | None = None
    """What the judge answered, validated, with the keys of the rubric (`OverallAssessment`, ...); None for the offline judge."""
    mechanical: bool = False
    """True for the offline judge: counts features, understands nothing, never averaged with a model judge."""
    not_shown: list[str] = Field(default_factory=list)
    """What this judge was not given (no image input, cut for context), one sentence each."""
    tries: int = 1
    """Model calls it took to get a valid answer."""
    spent: Spent = Spent()
    added: bool = False
    """By `mlrbench rejudge`, after the run's own panel: no part of `scores`, of `judge_spent` and of the panel's mean in tables."""


class SideBySide(Frozen):
    """One judge's answer about two works of one trial, seen side by side (`pairwise/` of the newer run)."""

    judge: str
    stage: str
    repeat: int = 1
    order: Order
    """Which run's work stood first."""
    protocol: str
    """Digest of the rubric, the prompts and the rules by which the works were packed."""
    works: tuple[str, str]
    """Digests of what there was to show of base and new: an answer about other texts is not used again."""
    winner: Winner
    dimensions: dict[str, Winner]
    """Dimension -> the better one."""
    reason: str
    not_shown: list[str] = Field(default_factory=list)
    """What this judge was not given, one sentence each, with the run."""
    tries: int = 1
    spent: Spent = Spent()


class Passage(Frozen):
    """A quotation that was found in the file it names."""

    file: str
    """Relative to the work's folder."""
    line: int
    """Line on which it begins, 1-based."""
    quote: str = ""
    last: int
    """Line on which it ends."""


class JudgeClaim(Frozen):
    """One thing a judge holds against a work, with every quotation looked up."""

    type: FindingType
    scope: Scope
    statement: str
    """What is wrong, in the judge's words, cleaned."""
    confidence: int
    """1 (a suspicion) to 5 (certain), as the judge says."""
    quotes: list[Passage]
    """Where the work says or does it; at least one."""
    contradicts: Passage | None = None
    """What shows it to be wrong, at another place than `quotes`."""
    missing: int = 0
    """Further quotations of this claim that stand in no file."""


class DroppedClaim(Frozen):
    """A claim that counts for nothing."""

    type: FindingType
    statement: str
    why: str
    """`quote not found` and the like."""


class JudgeForm(Frozen):
    """One judge's answer to the hallucination form about one trial (`reviews/hallucination-*.json`)."""

    judge: str
    stage: str
    repeat: int = 1
    protocol: str
    """Digest of the definitions, the prompts and the rules by which the work is packed and quotes are looked up."""
    answer: dict[str, Any]
    """What the judge answered, validated."""
    claims: list[JudgeClaim] = Field(default_factory=list)
    dropped: list[DroppedClaim] = Field(default_factory=list)
    not_shown: list[str] = Field(default_factory=list)
    """What this judge was not given, one sentence each."""
    tries: int = 1
    spent: Spent = Spent()


class StageResult(Frozen):
    """How the agent's part of a trial ended; written once, before the output is judged (`stage.json`)."""

    status: Status
    reason: str = ""
    over_budget: bool = False
    """Not done because the budget did not cover it."""
    started: float
    """Unix time, seconds."""
    finished: float
    spent: Spent = Spent()
    not_shown: list[str] = Field(default_factory=list)
    """What the agent's model was not given (cut for context, no image input), one sentence each."""
    files: dict[str, str] = Field(default_factory=dict)
    """Output file, relative to output/ -> sha256."""
    environment: dict[str, Any] = Field(default_factory=dict)
    """Experiment only: sandbox, image digest, limits, network."""


class TrialRecord(Frozen):
    """A trial's whole story (`record.json`)."""

    task: str
    stage: str
    epoch: int = 1
    model: str
    agent: str
    coder: str | None = None
    """Only for stages that ran or used an experiment."""
    status: Status
    reason: str = ""
    """Why it is not `done`."""
    over_budget: bool = False
    """Skipped because the budget did not cover it or one of its inputs."""
    attempt: int = 1
    """Which time this is that the trial was taken up; an ERROR or SKIPPED trial is taken up again by the next invocation."""
    inputs: dict[str, str] = Field(default_factory=dict)
    """Stage -> where its output came from: `own` or `RUN_DIRECTORY::TASK/STAGE`."""
    started: float
    finished: float
    usage: Usage = Usage()
    """Agent and judges together."""
    cost: float = 0.0
    """USD, agent and judges together."""
    agent_spent: Spent = Spent()
    judge_spent: Spent = Spent()
    scores: dict[str, float | None] = Field(default_factory=dict)
    """Panel: dimension -> mean of all judges of one kind; None where no judge could speak of it."""
    mechanical: bool = False
    """The panel is the offline judge."""
    reviews: list[Review] = Field(default_factory=list)
    verdict: Verdict | None = None
    """None for stages without results to verify (idea, literature, proposal)."""
    support: float | None = None
    coverage: dict[str, str] = Field(default_factory=dict)
    findings: list[Finding] = Field(default_factory=list)
    """The checks' (audit.json) and, of check `judges`, what the panel's forms come to."""
    forms: list[JudgeForm] = Field(default_factory=list)
    not_shown: list[str] = Field(default_factory=list)
    files: dict[str, str] = Field(default_factory=dict)
    environment: dict[str, Any] = Field(default_factory=dict)

    @property
    def key(self) -> TrialKey:
        return TrialKey(self.task, self.stage, self.epoch)


@cache
def audits() -> TypeAdapter[Audit]:
    """Reads, checks and writes audits as the models here do themselves; made once, which takes milliseconds."""
    return TypeAdapter(Audit)
