"""Pairs of two runs: what of them may be compared, and what each trial counts as; the comparison and the gate read them."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal

from ...errors import ConfigError
from ...keys import GRADED, TrialKey
from ...records import Review, TrialRecord
from ...settings import Settings
from ...stages.stage import STAGES
from ..notes import COMPARED
from ..store import RunStore

LOWEST = 1.0
"""Score of an item without a usable output, the agent's fault: intention to treat, so that giving up never helps a mean."""
NAMED = 6
"""Trials that one warning names."""

Kind = Literal["graded", "failed", "unscored"]
"""graded: has scores. failed: no usable output, the agent's fault, counts LOWEST. unscored: the world's fault, or not done."""


@dataclass(frozen=True)
class Side:
    """One run's trial of a pair."""

    record: TrialRecord | None
    kind: Kind
    why: str = ""
    """Why it has no scores."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Dimension -> mean over the compared judges; only what all of them scored."""
    infrastructure: bool = False
    """Unscored for the world's fault, as against not done."""

    @property
    def hallucinated(self) -> bool | None:
        """Whether a finding of severity fail stands against it; None where nothing was audited for made-up results."""
        if self.record is None or self.record.status != "done":
            return None
        failing = any(one.severity == "fail" for one in self.record.findings)
        return failing or (self.record.verdict == "hallucinated" if self.record.verdict is not None else None)

    @property
    def support(self) -> float | None:
        return self.record.support if self.record is not None and self.record.status == "done" else None


@dataclass(frozen=True)
class Pair:
    """One trial in both runs."""

    key: TrialKey
    base: Side
    new: Side

    @property
    def scored(self) -> bool:
        return "unscored" not in (self.base.kind, self.new.kind)


@dataclass(frozen=True)
class Pairs:
    """What two runs have in common."""

    pairs: tuple[Pair, ...]
    judges: Mapping[str, tuple[str, ...]]
    """Stage -> judges whose reviews are compared."""
    reviews: Mapping[str, float]
    """Stage -> reviews behind one score, repeats included (mean)."""
    warnings: tuple[str, ...]

    @property
    def unscored(self) -> list[Pair]:
        """Trials of both runs that are no pair, because one of them has no score through no fault of the agent."""
        return [pair for pair in self.pairs if not pair.scored]


def read_pairs(base: RunStore, new: RunStore, rejudged: RunStore | None = None, only: Collection[str] | None = None) -> Pairs:
    """The pairs of two runs. Raises ConfigError where a comparison would mean nothing: the same run twice, no task in common,
    other task texts, scores by other rubrics, no judge in common.

    `rejudged` holds reviews of `base`'s outputs that take the place of its own, where it has them. `only` names the tasks to
    compare; None is all.
    """
    if base.root.resolve() == new.root.resolve():
        raise ConfigError(f"{new.root} is compared with itself: give two runs (an A/A comparison needs a second run of the agent)")
    ours, theirs = _records(base), _records(new)
    warnings = differing(base, new)
    if only is not None:
        ours, theirs = ({key: one for key, one in side.items() if key.task in only} for side in (ours, theirs))
    common = [key for key in ours if key in theirs]
    if not common:
        raise ConfigError(
            f"{base.root} and {new.root} have no trial in common ({_listed(ours)} against {_listed(theirs)}): "
            "compare runs of the same tasks, stages and epochs"
        )
    if rejudged is not None:
        warnings += _judged_again(ours, theirs, _records(rejudged))
    for store, keys in ((base, [key for key in ours if key not in theirs]), (new, [key for key in theirs if key not in ours])):
        if keys:
            warnings.append(f"only in {store.root.name}, not compared: {_listed(keys)}")
    judges: dict[str, tuple[str, ...]] = {}
    counts: dict[str, float] = {}
    for stage in GRADED:
        keys = [key for key in common if key.stage == stage]
        if not keys:
            continue
        # A trial that one side did not get to says nothing of who judged what is compared.
        open_keys = [key for key in keys if all(_ended(side[key]) for side in (ours, theirs))]
        sides = [[review for key in open_keys if (one := side[key]) for review in one.reviews] for side in (ours, theirs)]
        judges[stage], told = _judges(stage, sides[0], sides[1], base, new)
        warnings += told
        used = [review for review in sides[0] + sides[1] if review.judge in judges[stage]]
        counts[stage] = len(used) / len(graded) if (graded := _graded(ours, open_keys) + _graded(theirs, open_keys)) else 1.0
    pairs = [
        Pair(key, _side(base, key, ours[key], judges[key.stage]), _side(new, key, theirs[key], judges[key.stage])) for key in common
    ]
    return Pairs(tuple(pairs), judges, counts, tuple(dict.fromkeys(warnings)))


def _records(store: RunStore) -> dict[TrialKey, TrialRecord | None]:
    """Graded trials of a run, selected ones without a record included, in the order of stages and tasks."""
    found: dict[TrialKey, TrialRecord | None] = {TrialKey.parse(text): None for text in store.run().get("selected", [])}
    found.update({record.key: record for record in store.records() if record.stage in GRADED})
    order = sorted(found, key=lambda key: (GRADED.index(key.stage), key.task, key.epoch))
    return {key: found[key] for key in order}


def _judged_again(
    ours: dict[TrialKey, TrialRecord | None],
    theirs: Mapping[TrialKey, TrialRecord | None],
    again: Mapping[TrialKey, TrialRecord | None],
) -> list[str]:
    """Put the new reviews of the baseline in place of its own, stage by stage; returns what to say of it.

    All of a stage or nothing: old and new reviews in one mean would be nobody's judgement.
    """
    told = []
    for stage in GRADED:
        wanted = [
            key
            for key, record in ours.items()
            if key.stage == stage and record is not None and record.status == "done" and _ended(theirs.get(key))
        ]
        there = [key for key in wanted if again.get(key) is not None]
        if there and len(there) == len(wanted):
            ours.update({key: again[key] for key in there})
            told.append(f"{stage}: the baseline's {len(there)} outputs are compared by new reviews of the new run's panel")
        elif there:
            told.append(
                f"{stage}: only {len(there)} of the baseline's {len(wanted)} outputs were judged again, its own reviews are used"
            )
    return told


def _ended(record: TrialRecord | None) -> bool:
    return record is not None and record.status in ("done", "failed")


def _graded(records: Mapping[TrialKey, TrialRecord | None], keys: Iterable[TrialKey]) -> list[TrialRecord]:
    return [record for key in keys if (record := records[key]) is not None and record.reviews]


def _listed(keys: Iterable[TrialKey]) -> str:
    known = list(keys)
    more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
    return (", ".join(str(key) for key in known[:NAMED]) or "nothing") + more


# -- what may be compared ---------------------------------------------------------------------------------------------


def differing(base: RunStore, new: RunStore) -> list[str]:
    """In what two runs differ beside their agents. Raises ConfigError where task texts differ: other questions were asked."""
    runs = [base.run(), new.run()]
    texts = [run.get("digests") or {} for run in runs]
    sources = [str(found.get("tasks_source")) for found in texts]
    tasks = [{TrialKey.parse(key).task for key in run.get("selected", [])} for run in runs]
    changed = tasks[0] == tasks[1] and texts[0].get("tasks") != texts[1].get("tasks")
    if sources[0] != sources[1] or changed:
        what = f"{sources[0]} against {sources[1]}" if sources[0] != sources[1] else "the same source in two wordings"
        raise ConfigError(
            f"{base.root} and {new.root} gave their agents other task texts ({what}): their scores cannot be compared"
        )
    warnings = []
    if tasks[0] != tasks[1] and None not in (texts[0].get("tasks"), texts[1].get("tasks")):
        versions = {str((run.get("versions") or {}).get("pytest-mlrbench")) for run in runs}
        if len(versions) > 1:
            warnings.append(
                f"the runs were made by versions {' and '.join(sorted(versions))} of pytest-mlrbench, whose texts may differ"
            )
    settings = [Settings.model_validate(run["settings"]) for run in runs if run.get("settings")]
    for name, read in {**COMPARED, **_ALSO}.items():
        if len(settings) == 2 and name != "judges" and read(settings[0]) != read(settings[1]):
            warnings.append(f"the runs differ in {name}: {read(settings[0])} against {read(settings[1])}")
    prompts = [{name: digest for name, digest in found.items() if name.startswith("prompt ")} for found in texts]
    other = sorted(name for name in prompts[0].keys() & prompts[1].keys() if prompts[0][name] != prompts[1][name])
    if other:
        warnings.append(f"the runs differ in the wording of {', '.join(other)}")
    return warnings


_ALSO: dict[str, Callable[[Settings], object]] = {
    "the pool of inputs": lambda settings: ", ".join(settings.inputs) or "none",
    "the network of experiments": lambda settings: settings.network,
}


def _judges(
    stage: str, ours: Sequence[Review], theirs: Sequence[Review], base: RunStore, new: RunStore
) -> tuple[tuple[str, ...], list[str]]:
    """Judges to compare a stage by, and what to warn of. Raises ConfigError for no judge in common, or one with two rubrics."""
    known = [_protocols(ours), _protocols(theirs)]
    if not known[0] or not known[1]:  # nothing graded on one side: whoever graded the other
        return tuple(known[0] or known[1]), []
    common = [judge for judge in known[0] if judge in known[1]]
    if not common:
        raise ConfigError(
            f"stage {stage} was judged by {', '.join(known[0])} in {base.root} and by {', '.join(known[1])} in {new.root}: "
            "no judge in common, so no difference of theirs is the agents'; have one judged again by the other's panel"
        )
    if any(known[0][judge] != known[1][judge] for judge in common):
        raise ConfigError(
            f"stage {stage} was judged by other rubrics or judge prompts in {base.root} than in {new.root} (their protocols "
            f"differ): scores cannot be compared; have one of them judged again with the other's --mlr-rubrics and --mlr-prompts"
        )
    left = [judge for judge in (*known[0], *known[1]) if judge not in common]
    told = [f"stage {stage}: only judges of both runs are compared ({', '.join(common)}), not {', '.join(left)}"] if left else []
    return tuple(common), told


def _protocols(reviews: Sequence[Review]) -> dict[str, set[str]]:
    """Judge -> protocols; mechanical judges only where no model judge sits beside them (as the panel's mean has it)."""
    found: dict[str, set[str]] = defaultdict(set)
    counted = [one for one in reviews if not one.mechanical] or reviews
    for one in counted:
        found[one.judge].add(one.protocol)
    return found


# -- what a trial counts as -------------------------------------------------------------------------------------------


def _side(store: RunStore, key: TrialKey, record: TrialRecord | None, judges: Sequence[str]) -> Side:
    if record is None:
        return Side(None, "unscored", "not reached")
    if record.status == "done":
        scores = panel_means(record.reviews, judges)
        if scores:
            return Side(record, "graded", scores=scores)
        return Side(record, "unscored", f"no score by {', '.join(judges) or 'any judge'}", infrastructure=True)
    if record.status == "failed":
        return Side(record, "failed", record.reason)
    if record.status == "skipped" and not record.over_budget and (cause := broken_input(store, key)):
        return Side(record, "failed", f"its input {cause} failed: {record.reason}")
    return Side(record, "unscored", f"{record.status}: {record.reason}", infrastructure=record.status == "error")


def panel_means(reviews: Sequence[Review], judges: Sequence[str]) -> dict[str, float]:
    """Dimension -> mean over `judges` of each one's mean over repeats; a dimension that one of them did not score is absent."""
    means: list[dict[str, float]] = []
    for judge in judges:
        own: dict[str, list[float]] = defaultdict(list)
        for review in reviews:
            if review.judge == judge:
                for name, score in review.scores.items():
                    if score is not None:
                        own[name].append(score)
        means.append({name: fmean(scores) for name, scores in own.items()})
    shared = set.intersection(*(set(one) for one in means)) if means else set()
    return {name: fmean(one[name] for one in means) for name in shared}


def broken_input(store: RunStore, key: TrialKey) -> TrialKey | None:
    """The input in the trial's own chain that has no usable output by the agent's fault; None where the fault is elsewhere."""
    if (store.run().get("settings") or {}).get("inputs") and key.stage != "end2end":
        return None
    for stage in STAGES[key.stage].inputs:
        source = key.at(stage)
        record, result = store.record(source), store.stage_result(source)
        if "failed" in (record.status if record else "", result.status if result else ""):
            return source
        if deeper := broken_input(store, source):
            return deeper
    return None
