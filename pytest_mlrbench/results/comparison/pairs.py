"""Pairs of two runs: what of them may be compared, and what each trial counts as; the comparison and the gate read them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ...errors import ConfigError
from ...keys import GRADED, WITH_EXPERIMENT, TrialKey
from ...settings import Settings
from ...stages.stage import STAGES
from ..notes import COMPARED
from ..store import RunStore
from ..trial_lines import TrialLine, read_run
from .panels import compared_judges, panel_means

LOWEST = 1.0
"""Score of an item without a usable output, the agent's fault: intention to treat, so that giving up never helps a mean."""
NAMED = 6
"""Trials that one warning names."""

Kind = Literal["graded", "failed", "unscored"]
"""graded: has scores. failed: no usable output, the agent's fault, counts LOWEST. unscored: the world's fault, or not done."""


@dataclass(frozen=True)
class Side:
    """One run's trial of a pair."""

    record: TrialLine | None
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
        return hallucinated(self.record)

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
    hallucinated: tuple[Mapping[str, Sequence[TrialKey]], Mapping[str, Sequence[TrialKey]]]
    """TASK/STAGE -> its hallucinated epochs in base and new, whether the other has them or not; absent where none was audited."""

    @property
    def unscored(self) -> list[Pair]:
        """Trials of both runs that are no pair, because one of them has no score through no fault of the agent."""
        return [pair for pair in self.pairs if not pair.scored]


def read_pairs(
    base: RunStore,
    new: RunStore,
    rejudged: RunStore | None = None,
    only: Collection[str] | None = None,
    selected: Collection[TrialKey] | None = None,
) -> Pairs:
    """The pairs of two runs. Raises ConfigError where a comparison would mean nothing: the same run twice, no task in common,
    other task texts, scores by other rubrics, no judge in common.

    `rejudged` holds reviews of `base`'s outputs that take the place of its own, where it has them. `only` names the tasks to
    compare, `selected` the trials that count of `new`; None is all.
    """
    if base.root.resolve() == new.root.resolve():
        raise ConfigError(f"{new.root} is compared with itself: give two runs (an A/A comparison needs a second run of the agent)")
    ours, theirs = _records(base), _records(new)
    theirs = {key: one for key, one in theirs.items() if selected is None or key in selected}
    warnings = differing(base, new)
    if only is not None:
        ours, theirs = ({key: one for key, one in side.items() if key.task in only} for side in (ours, theirs))
    common = [key for key in ours if key in theirs]
    if not common:
        raise ConfigError(
            f"{base.root} and {new.root} have no trial in common ({_listed(ours)} against {_listed(theirs)}): "
            "compare runs of the same tasks, stages and epochs"
        )
    made_up = _made_up(ours), _made_up(theirs)
    if rejudged is not None:
        warnings += _judged_again(ours, theirs, _records(rejudged))
    for store, keys in ((base, [key for key in ours if key not in theirs]), (new, [key for key in theirs if key not in ours])):
        if keys:
            warnings.append(f"only in {store.root.name}, not compared: {_listed(keys)}")
    alone = [key for item, keys in made_up[1].items() if item not in made_up[0] for key in keys]
    if alone:
        warnings.append(f"hallucinated in {new.root.name}, and nothing in {base.root.name} to compare with: {_listed(alone)}")
    for store, side, other in ((base, ours, theirs), (new, theirs, ours)):
        if keys := [key for key in common if hallucinated(side[key]) is not None and _unaudited(other[key])]:
            warnings.append(f"audited for made-up results in {store.root.name} only, not compared in that: {_listed(keys)}")
    judges: dict[str, dict[str, str]] = {}
    counts: dict[str, float] = {}
    for stage in GRADED:
        keys = [key for key in common if key.stage == stage]
        if not keys:
            continue
        # A trial that one side did not get to says nothing of who judged what is compared.
        open_keys = [key for key in keys if all(_ended(side[key]) for side in (ours, theirs))]
        sides = [_graded(side, open_keys) for side in (ours, theirs)]
        judges[stage], told = compared_judges(stage, sides[0], sides[1], (base.root, new.root))
        warnings += told
        graded = sides[0] + sides[1]
        used = [one for line in graded for one in line.reviews if judges[stage].get(one.judge) == one.protocol]
        counts[stage] = len(used) / len(graded) if graded else 1.0
    pairs = [
        Pair(key, _side(base, key, ours[key], judges[key.stage]), _side(new, key, theirs[key], judges[key.stage])) for key in common
    ]
    return Pairs(
        tuple(pairs), {stage: tuple(one) for stage, one in judges.items()}, counts, tuple(dict.fromkeys(warnings)), made_up
    )


def _records(store: RunStore) -> dict[TrialKey, TrialLine | None]:
    """Graded trials of a run, selected ones without a record included, in the order of stages and tasks."""
    found: dict[TrialKey, TrialLine | None] = {TrialKey.parse(text): None for text in store.run().get("selected", [])}
    found.update({line.key: line for line in read_run(store).lines if line.stage in GRADED})
    order = sorted(found, key=lambda key: (GRADED.index(key.stage), key.task, key.epoch))
    return {key: found[key] for key in order}


def _judged_again(
    ours: dict[TrialKey, TrialLine | None],
    theirs: Mapping[TrialKey, TrialLine | None],
    again: Mapping[TrialKey, TrialLine | None],
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


def _ended(record: TrialLine | None) -> bool:
    return record is not None and record.status in ("done", "failed")


def _graded(records: Mapping[TrialKey, TrialLine | None], keys: Iterable[TrialKey]) -> list[TrialLine]:
    return [record for key in keys if (record := records[key]) is not None and record.reviews]


def hallucinated(record: TrialLine | None) -> bool | None:
    """Whether a finding of severity fail stands against a trial; None where nothing was audited for made-up results.

    An idea or a proposal has no verdict: nothing is said of one that no finding fails.
    """
    if record is None or record.status != "done" or _unaudited(record):
        return None
    failing = any(one.severity == "fail" for one in record.findings)
    return failing or (record.verdict == "hallucinated" if record.verdict is not None else None)


def _unaudited(record: TrialLine | None) -> bool:
    """As an output that was imported without a check of it."""
    return record is not None and record.status == "done" and record.verdict is None and record.stage in WITH_EXPERIMENT


def _made_up(records: Mapping[TrialKey, TrialLine | None]) -> dict[str, list[TrialKey]]:
    found: dict[str, list[TrialKey]] = {}
    for key, record in records.items():
        if record is not None and record.status == "done" and not _unaudited(record):
            found.setdefault(str(key._replace(epoch=1)), []).extend([key] if hallucinated(record) else [])
    return found


def _listed(keys: Iterable[TrialKey]) -> str:
    known = list(keys)
    more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
    return (", ".join(str(key) for key in known[:NAMED]) or "nothing") + more


# -- what may be compared ---------------------------------------------------------------------------------------------


def differing(base: RunStore, new: RunStore) -> list[str]:
    """In what two runs differ beside their agents. Raises ConfigError where task texts differ: other questions were asked."""
    runs = [base.run(), new.run()]
    texts = [run.get("digests") or {} for run in runs]
    sources = [found.get("tasks_source") for found in texts]
    tasks = [{TrialKey.parse(key).task for key in run.get("selected", [])} for run in runs]
    changed = tasks[0] == tasks[1] and texts[0].get("tasks") != texts[1].get("tasks")
    if sources[0] != sources[1] or changed:
        told = [
            f"{store.root.name} has {one}" if one else f"{store.root.name} does not record its own"
            for store, one in zip((base, new), sources, strict=True)
        ]
        what = ", ".join(told) if sources[0] != sources[1] else "the same source in two wordings"
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


# -- what a trial counts as -------------------------------------------------------------------------------------------


def _side(store: RunStore, key: TrialKey, record: TrialLine | None, judges: Mapping[str, str]) -> Side:
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
