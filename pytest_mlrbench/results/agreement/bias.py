"""What sways the judges of runs: whose work it is, how long it is, what they were told, and the day on which they were asked."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean

from ..store import RunStore
from ..tables import ordered
from .families import family
from .measures import Pairs, difference_of_means, pooled_mean
from .panel import verdict_counts
from .works import Row, Work, added, by_stage, judges_of, measured, plain_judge, works_of

THOUSAND = 1000
"""Characters of text that a slope is given for."""


def leniency(works: Iterable[Work], dimension: str = "Overall") -> list[Row]:
    """How much higher a judge scores works of one family of models than the other model judges do on the same works."""
    rows: list[Row] = []
    for stage, those in by_stage(works):
        for judge in judges_of(those):
            above: dict[str | None, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
            for work in those:
                own = work.score(judge, dimension)
                others = [
                    score
                    for other in work.reviews
                    if other == plain_judge(other) != judge
                    and not work.mechanical(other)
                    and (score := work.score(other, dimension)) is not None
                ]
                if own is not None and others and not work.mechanical(judge):
                    above[family(work.record.model)][work.task].append(own - fmean(others))
            mine = family(plain_judge(judge))
            for maker in sorted(above, key=str):
                told = pooled_mean(above[maker])
                rows.append(
                    {
                        "stage": stage,
                        "judge": judge,
                        "judge_family": mine,
                        "model_family": maker,
                        "own_family": maker is not None and maker == mine,
                        "dimension": dimension,
                        "n": sum(map(len, above[maker].values())),
                        **measured(above_others=told),
                        **_own_family(above, maker, mine),
                    }
                )
    return rows


def _own_family(above: dict[str | None, dict[str, list[float]]], maker: str | None, mine: str | None) -> Row:
    """For the judge's own family: its leniency there minus that towards all others, the self-preference proper."""
    if maker is None or maker != mine or len(above) < 2:
        return {}
    others: dict[str, list[float]] = defaultdict(list)
    for name, by_task in above.items():
        if name != mine:
            for task, values in by_task.items():
                others[task].extend(values)
    found = difference_of_means(others, above[maker])
    return {"self_preference": found.value, "self_preference_ci95": found.ends}


def without_own_family(works: Iterable[Work]) -> list[Row]:
    """Panel means, and the same without the judges of the agent's own family, over the works that all judges scored."""
    rows: list[Row] = []
    for stage, those in by_stage(works):
        models = sorted({work.record.model for work in those})
        for model in models:
            mine = family(model)
            its = [work for work in those if work.record.model == model]
            judges = [judge for judge in judges_of(its) if _on_panel(judge, its)]
            own = [judge for judge in judges if mine is not None and family(plain_judge(judge)) == mine]
            if not own or len(own) == len(judges):
                continue
            for dimension in ordered(
                {name for work in its for judge in judges for one in work.reviews.get(judge, []) for name in one.scores}
            ):
                full: dict[str, list[float]] = defaultdict(list)
                rest: dict[str, list[float]] = defaultdict(list)
                for work in its:
                    scores = {judge: work.score(judge, dimension) for judge in judges}
                    known = {judge: score for judge, score in scores.items() if score is not None}
                    if len(known) == len(judges):
                        full[work.task].append(fmean(known.values()))
                        rest[work.task].append(fmean(score for judge, score in known.items() if judge not in own))
                if full:
                    rows.append(
                        {
                            "stage": stage,
                            "model": model,
                            "dimension": dimension,
                            "left_out": own,
                            "n": sum(map(len, full.values())),
                            **measured(
                                panel=pooled_mean(full),
                                without_own_family=pooled_mean(rest),
                                difference=difference_of_means(full, rest),
                            ),
                        }
                    )
    return rows


def _on_panel(judge: str, works: Sequence[Work]) -> bool:
    """Whether `judge` is a model judge that the run itself asked."""
    reviews = [review for work in works for review in work.reviews.get(judge, [])]
    return not any(review.mechanical or added(review) for review in reviews)


def length_slopes(works: Iterable[Work]) -> list[Row]:
    """Slope of a judge's score on the length of the work's main text, for 1,000 characters more."""
    rows: list[Row] = []
    for stage, those in by_stage(works):
        lengths = {work: number for work in those if (number := _characters(work)) is not None}
        for judge in judges_of(those):
            for dimension in ordered({name for work in those for one in work.reviews.get(judge, []) for name in one.scores}):
                pairs = Pairs(
                    (work.task, number / THOUSAND, score)
                    for work, number in lengths.items()
                    if (score := work.score(judge, dimension)) is not None
                )
                if pairs.n > 1:
                    rows.append(
                        {
                            "stage": stage,
                            "judge": judge,
                            "mechanical": any(judge in work.reviews and work.mechanical(judge) for work in those),
                            "dimension": dimension,
                            "n": pairs.n,
                            "mean_characters": fmean(lengths.values()),
                            **measured(slope_per_1000=pairs.slope()),
                        }
                    )
    return rows


def _characters(work: Work) -> int | None:
    if work.text is None:
        return None
    try:
        return len(work.text.read_bytes().decode("utf-8", "replace"))
    except OSError:
        return None


def blind_informed(works: Iterable[Work]) -> list[Row]:
    """A judge's verdict before it knew of any finding against its verdict with the checks' findings before it."""
    rows: list[Row] = []
    for stage, those in by_stage(works):
        for judge in judges_of(those):
            both = [
                (work.task, float(blind), float(informed))
                for work in those
                if (blind := work.opinion(judge)) is not None and (informed := work.informed(judge)) is not None
            ]
            if both:
                counted = verdict_counts(both, ("both", "only_blind", "only_informed", "neither"))
                rows.append({"stage": stage, "judge": judge, **counted})
    return rows


def drift(stores: Sequence[RunStore], stages: Sequence[str] = ()) -> tuple[list[Row], list[str]]:
    """Each judge's scores in a later run minus those in an earlier one, on works whose files and inputs are the same; and notes.

    `stores` in the order in which they are compared. Works of which a part is gone are not taken for equal.
    """
    rows: list[Row] = []
    notes: list[str] = []
    listed = [(store, works_of([store], stages)) for store in stores]
    for index, (first, before) in enumerate(listed):
        for second, after in listed[index + 1 :]:
            same = _same(before, after)
            names = [first.root.name, second.root.name]
            if not before or not after:
                continue
            common = {work.record.key for work in before} & {work.record.key for work in after}
            if not common:
                continue
            notes.append(f"{names[0]} and {names[1]}: {len(same)} of {len(common)} common items have the same outputs")
            for stage, those in by_stage(work for work, _ in same):
                partner = {id(work): other for work, other in same}
                for judge in sorted({*judges_of(those)} & {*judges_of(work for _, work in same)}):
                    rows += _drift_of(stage, judge, [(work, partner[id(work)]) for work in those], names)
    return rows, notes


def _same(before: Sequence[Work], after: Sequence[Work]) -> list[tuple[Work, Work]]:
    later = {work.record.key: work for work in after}
    return [
        (work, other)
        for work in before
        if (other := later.get(work.record.key)) is not None
        and work.fingerprint is not None
        and work.fingerprint == other.fingerprint
    ]


def _drift_of(stage: str, judge: str, both: Sequence[tuple[Work, Work]], runs: list[str]) -> list[Row]:
    rows = []
    protocols = {review.protocol for pair in both for work in pair for review in work.reviews.get(judge, [])}
    for dimension in ordered({name for work, _ in both for review in work.reviews.get(judge, []) for name in review.scores}):
        pairs = Pairs(
            (one.task, first, second)
            for one, other in both
            if (first := one.score(judge, dimension)) is not None and (second := other.score(judge, dimension)) is not None
        )
        if pairs.n:
            rows.append(
                {
                    "runs": runs,
                    "stage": stage,
                    "judge": judge,
                    "same_protocol": len(protocols) == 1,
                    "dimension": dimension,
                    "n": pairs.n,
                    **measured(mean_diff=pairs.mean_difference(), mean_abs_diff=pairs.mean_distance(), spearman=pairs.spearman()),
                }
            )
    return rows
