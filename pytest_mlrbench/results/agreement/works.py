"""The reviewed works of runs with every judge's reviews, as `panel` and `bias` compare them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

from ...keys import GRADED, TrialKey
from ...records import JudgeForm, Review, TrialRecord
from ..store import RunStore, file_digests
from .measures import Estimate

Row = dict[str, Any]
"""A line of the JSON, as docs/interface.md has it."""

MAIN_FILE = {"idea": "idea.md", "proposal": "proposal.md", "experiment": "results/results.md", "paper": "paper.md"}
"""The text that stands for a work, within its output folder; that of end2end is its chain's paper."""


@dataclass(frozen=True, eq=False)
class Work:
    """One graded trial with its reviews."""

    store: RunStore
    record: TrialRecord
    reviews: dict[str, list[Review]] = field(default_factory=dict)
    """Judge -> its repeats. What it said under another than the stage's main protocol stands under its name with that protocol."""

    @property
    def task(self) -> str:
        """The unit that is drawn."""
        return self.record.task

    @property
    def stage(self) -> str:
        return self.record.stage

    def score(self, judge: str, dimension: str) -> float | None:
        """Mean over the judge's repeats, None where one has none."""
        scores = [review.scores.get(dimension) for review in self.reviews.get(judge, [])]
        known = [score for score in scores if score is not None]
        return fmean(known) if known and len(known) == len(scores) else None

    def opinion(self, judge: str) -> bool | None:
        """What most of the judge's repeats say on hallucination, not knowing of a finding; None when not asked or tied.

        The published hallucination reviews, which are imported as forms with a boolean, were made without findings too.
        """
        graded = [review.opinion.has_hallucination for review in self.reviews.get(judge, []) if review.opinion is not None]
        return _most(graded or [said for form in self.record.forms if form.judge == judge and (said := _said(form)) is not None])

    def informed(self, judge: str) -> bool | None:
        """Whether the judge, shown the checks' findings, made a claim whose quotation stands in the work; most of its repeats."""
        return _most([bool(form.claims) for form in self.record.forms if form.judge == judge and _said(form) is None])

    def mechanical(self, judge: str) -> bool:
        return all(review.mechanical for review in self.reviews[judge])

    @cached_property
    def text(self) -> Path | None:
        """The file that stands for the work, where it lies in this run or one that still can be found."""
        stage = "paper" if self.stage == "end2end" else self.stage
        place = source(self.store, self.record, stage)
        path = place[0].output(place[1]) / MAIN_FILE[stage] if place else None
        return path if path is not None and path.is_file() and not path.is_symlink() else None

    @cached_property
    def fingerprint(self) -> tuple[tuple[str, str], ...] | None:
        """Digests of all that is judged, inputs too; None where a part of it is not here."""
        stages = [*self.record.inputs, *([] if self.stage == "end2end" else [self.stage])]
        found: list[tuple[str, str]] = []
        for stage in dict.fromkeys(stages):
            place = source(self.store, self.record, stage)
            if place is None:
                return None
            result = place[0].stage_result(place[1])
            digests = result.files if result and result.files else file_digests(place[0].output(place[1]))
            found += [(f"{stage}/{name}", digest) for name, digest in digests.items()]
        return tuple(sorted(found)) or None


def source(store: RunStore, record: TrialRecord, stage: str) -> tuple[RunStore, TrialKey] | None:
    """Where the output of `stage` in the chain of `record` lies; None when its run has gone."""
    said = record.inputs.get(stage, "own")
    if said == "own" or stage == record.stage:
        place = store, record.key.at(stage)
    else:
        run, _, key = said.rpartition("::")
        try:
            place = RunStore(Path(run)), TrialKey.parse(key)
        except ValueError:
            return None
    return place if place[0].output(place[1]).is_dir() else None


def added(review: Review) -> bool:
    """Whether `mlrbench rejudge` added the review: compared with all others, and no part of the panel's mean."""
    return review.added


def plain_judge(judge: str) -> str:
    """The judge's id without the protocol."""
    return judge.partition(_OTHER)[0]


def works_of(stores: Sequence[RunStore], stages: Sequence[str] = (), *, once: bool = False) -> list[Work]:
    """Every graded trial (of `stages`) that has a review; with `once`, what several runs judged is there as the first judged it."""
    found = [
        Work(store, record)
        for store in stores
        for record in store.records()
        if record.stage in (stages or GRADED) and record.stage in GRADED and record.reviews
    ]
    if once:
        found = _distinct(found)
    main = main_protocols(work.record for work in found)
    for work in found:
        for review in work.record.reviews:
            other = "" if review.protocol == main[review.stage, review.judge] else f"{_OTHER}{review.protocol[:8]}]"
            work.reviews.setdefault(review.judge + other, []).append(review)
    return found


_OTHER = " [protocol "


def main_protocols(records: Iterable[TrialRecord]) -> dict[tuple[str, str], str]:
    """(Stage, judge) -> the protocol under which it gave most reviews, those of the runs' own panels and of earlier runs first."""
    counted: dict[tuple[str, str], Counter[tuple[bool, str]]] = defaultdict(Counter)
    for record in records:
        for review in record.reviews:
            counted[record.stage, review.judge][not added(review), review.protocol] += 1
    return {place: max(number, key=lambda one: (one[0], number[one]))[1] for place, number in counted.items()}


def _distinct(works: Sequence[Work]) -> list[Work]:
    """`works` without those whose like (trial, files, inputs) stands earlier: judged again, a work is no new one."""
    seen: set[tuple[TrialKey, str, tuple[tuple[str, str], ...]]] = set()
    kept = []
    for work in works:
        if work.fingerprint is not None:
            like = (work.record.key, work.record.model, work.fingerprint)
            if like in seen:
                continue
            seen.add(like)
        kept.append(work)
    return kept


def by_stage(works: Iterable[Work]) -> Iterator[tuple[str, list[Work]]]:
    """Works of one stage after the other, in the order of the stages."""
    grouped: dict[str, list[Work]] = defaultdict(list)
    for work in works:
        grouped[work.stage].append(work)
    for stage in GRADED:
        if stage in grouped:
            yield stage, grouped[stage]


def judges_of(works: Iterable[Work]) -> list[str]:
    """Judges of `works` under their main protocols, by name."""
    return sorted({judge for work in works for judge in work.reviews if judge == plain_judge(judge)})


def judge_pairs_of(works: Sequence[Work]) -> Iterator[tuple[str, str]]:
    """Every two judges that reviewed a common work, and each judge under its main and under another protocol."""
    every = sorted({judge for work in works for judge in work.reviews})
    for first, second in combinations(every, 2):
        main = {first, second} == {plain_judge(first), plain_judge(second)}
        if (main or plain_judge(first) == second or plain_judge(second) == first) and any(
            first in work.reviews and second in work.reviews for work in works
        ):
            yield first, second


def measured(**estimates: Estimate) -> Row:
    """Values and their intervals, for JSON: `{NAME: value, "ci95": {NAME: [low, high]}}`."""
    values: Row = {name: found.value for name, found in estimates.items()}
    return values | {"ci95": {name: found.ends for name, found in estimates.items() if found.ends is not None}}


def _said(form: JudgeForm) -> bool | None:
    """The plain boolean of a published hallucination review; None for a form of ours, whose claims were looked up."""
    said = form.answer.get("has_hallucination")
    return said if isinstance(said, bool) else None


def _most(said: Sequence[bool]) -> bool | None:
    true = sum(said)
    return None if 2 * true == len(said) else 2 * true > len(said)
