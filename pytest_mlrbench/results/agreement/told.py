"""Agreement in words: tables in Markdown, and below each what its numbers show and what they do not."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..shown import count, plain
from .human import DimensionAgreement
from .joining import Joined
from .measures import Estimate
from .works import Row

SIGNIFICANT = 0.05


def human_text(joined: Joined, found: Mapping[str, DimensionAgreement]) -> str:
    """People against a judge, for a reader."""
    people = {row.rater for _, row in joined.rows}
    items = {item for item, _ in joined.rows}
    head = [
        "Dimension",
        "pairs",
        "reviews",
        "human-human",
        "human-judge",
        "gap",
        "U",
        "p",
        "Spearman",
        "Kappa",
        "Alpha",
        "Alpha of people",
    ]
    lines = [
        [
            name,
            str(one.n_human_human),
            str(one.n_human_judge),
            *(_number(part) for part in (one.human_human, one.human_judge, one.gap)),
            "–" if one.u is None else f"{one.u:.1f}",
            "–" if one.p is None else f"{one.p:.6f}",
            *(_number(part) for part in (one.spearman, one.kappa, one.alpha, one.alpha_humans)),
        ]
        for name, one in found.items()
    ]
    judge = joined.judge + (" (mechanical)" if joined.mechanical else "")
    numbers = f"{count(len(items), 'item')}, {count(len(joined.rows), 'review')} by {count(len(people), 'person', 'people')}"
    about = f"Judge: {plain(judge)}; {numbers}."
    return (
        "\n\n".join(
            [
                "### people and judge",
                about,
                table(head, lines),
                _list(["values with 95 % intervals over items; seeded bootstrap, 2,000 draws", *human_sentences(found)]),
            ]
        )
        + "\n"
    )


def human_sentences(found: Mapping[str, DimensionAgreement]) -> list[str]:
    """One sentence or two for each measure: what it shows here, and what it does not."""
    if not found:
        return []
    return [
        _test(found),
        _gap(found),
        _by_sign(
            "Spearman",
            found,
            lambda one: one.spearman,
            "the judge ranks items as people do, at least in part",
            "it is not shown that the judge ranks items as people do",
            "the judge ranks items against people",
            "It says nothing on the level of the scores.",
        ),
        _by_sign(
            "Kappa",
            found,
            lambda one: one.kappa,
            "judge and person agree more than their own spreads of scores make likely",
            "no agreement beyond chance is shown",
            "they agree less than by chance",
            "It counts level and ranking together, and is low where all works get similar scores, however close those are.",
        ),
        _by_sign(
            "Alpha",
            found,
            lambda one: one.alpha,
            "people and judge together tell items apart",
            "it is not shown that people and judge together tell items apart",
            "they differ more on one item than across items",
            "Where the people alone have no higher alpha, the people are the limit, and no judge can be validated against them; "
            "conclusions on single items ask for 0.8 (Krippendorff, 2019).",
        ),
        _shift(found),
    ]


def _test(found: Mapping[str, DimensionAgreement]) -> str:
    tested = {name: one.p for name, one in found.items() if one.p is not None}
    if not tested:
        return "Mann-Whitney: no two people reviewed the same item as often, so there is nothing to compare the judge with"
    differing = [name for name, p in tested.items() if p < SIGNIFICANT]
    told = (
        f"p is below {SIGNIFICANT} in {', '.join(differing)}: there the judge's distance from people differs from theirs"
        if differing
        else f"no p is below {SIGNIFICANT}: these samples show no difference between the two distances"
    )
    return (
        f"Mann-Whitney: {told}. {count(len(tested), 'test')}, not corrected for their number. No significant difference is not "
        "agreement: few pairs hide large differences, and a judge that gives every work the same middling score passes too"
    )


def _gap(found: Mapping[str, DimensionAgreement]) -> str:
    known = {name: one.gap for name, one in found.items() if one.gap.ends is not None}
    if not known:
        return "gap: not to be estimated from these reviews"
    widest = max(known, key=lambda name: known[name].high or 0.0)
    clear = [name for name, one in known.items() if not one.leaves_zero_open]
    told = f"its interval excludes 0 in {', '.join(clear)}" if clear else "its interval includes 0 everywhere"
    return (
        f"gap: mean absolute difference human-judge minus human-human; {told}. At its widest ({widest}) the data allow "
        f"the judge to be {known[widest].high:.2f} points further from a person than another person is. A gap around 0 says that "
        "the judge is as far off as people are, not that it is off in the same places"
    )


def _shift(found: Mapping[str, DimensionAgreement]) -> str:
    known = {name: one.shift for name, one in found.items() if one.shift.value is not None}
    told = ", ".join(f"{name} {_number(shift, sign=True)}" for name, shift in known.items())
    return f"judge minus person, signed: {told or '–'}. A shift can be corrected for, a wrong ranking cannot"


def _by_sign(
    name: str,
    found: Mapping[str, DimensionAgreement],
    read: Callable[[DimensionAgreement], Estimate],
    above: str,
    open_: str,
    below: str,
    limit: str,
) -> str:
    groups: dict[str, list[str]] = {above: [], open_: [], below: []}
    for dimension, one in found.items():
        estimate = read(one)
        groups[open_ if estimate.leaves_zero_open else above if (estimate.low or 0) > 0 else below].append(dimension)
    told = "; ".join(f"{what} ({', '.join(names)})" for what, names in groups.items() if names)
    return f"{name}: {told}. {limit}".rstrip(".")


# -- runs -------------------------------------------------------------------------------------------------------------


def runs_text(sections: Mapping[str, Any]) -> str:
    """What the judges of runs have in common, for a reader; `sections` as in the JSON."""
    parts = [
        _section("judge against judge", sections["judges"], _PAIR_HEAD, _pair, _PAIR_SAYS),
        _section("hallucination verdicts, judge against judge", sections["hallucination"], _VERDICT_HEAD, _verdict, _VERDICT_SAYS),
        _section(
            "hallucination, people beside judges and checks", sections["hallucination_people"], _LABEL_HEAD, _label, _LABEL_SAYS
        ),
        _section("a judge against itself", sections["repeats"], _REPEAT_HEAD, _repeat, _REPEAT_SAYS),
        _section("drift between runs on the same outputs", sections["drift"], _DRIFT_HEAD, _drift, _DRIFT_SAYS),
        _section("leniency by family of models", sections["leniency"], _LENIENT_HEAD, _lenient, _LENIENT_SAYS),
        _section("panel without the agent's own family", sections["panel_without_own_family"], _OWN_HEAD, _own, _OWN_SAYS),
        _section("score and length", sections["length"], _LENGTH_HEAD, _length, _LENGTH_SAYS),
        _section("blind against informed", sections["blind_informed"], _BLIND_HEAD, _blind, _BLIND_SAYS),
        _differ(sections["differ_most"]),
        "### notes\n\n" + _list(sections["notes"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(title: str, rows: Sequence[Row], head: Sequence[str], line: Callable[[Row], list[str]], says: Sequence[str]) -> str:
    if not rows:
        return ""
    return "\n\n".join([f"### {title}", table(head, [line(row) for row in rows]), _list(says)])


_PAIR_HEAD = ("Stage", "Judges", "Dimension", "n", "second minus first", "distance", "Spearman", "Kappa", "Alpha")
_PAIR_SAYS = (
    "Spearman: whether two judges rank works alike; kappa and alpha: whether they also give the same level. Judges that agree may "
    "share a fault: models are trained on much the same text, and agreement of judges is no agreement with people",
    "with several models in a stage, judges agree by telling the models apart too, which is easier than telling works of one apart",
)


def _pair(row: Row) -> list[str]:
    judges = " / ".join(row["judges"]) + (" (mechanical)" if row["mechanical"] else "")
    values = [_cell(row, name) for name in ("mean_abs_diff", "spearman", "kappa_weighted", "krippendorff_alpha")]
    return [row["stage"], judges, row["dimension"], str(row["n"]), _cell(row, "mean_diff", sign=True), *values]


def _judge(row: Row) -> str:
    return f"{row['judge']}{' (mechanical)' if row['mechanical'] else ''}"


_VERDICT_HEAD = ("Stage", "Judges", "Kind", "n", "both", "only first", "only second", "neither", "agree", "Kappa")
_VERDICT_SAYS = (
    "the share of equal verdicts is high wherever both say the same of nearly all works; kappa takes that chance out, and is not "
    "defined where both always say the same. Neither says who is right: that is looked up in the findings' evidence",
    "a judge's repeats are one verdict, that of most of them; where they are split evenly it has none",
)


def _verdict(row: Row) -> list[str]:
    counts = [str(row[name]) for name in ("n", "both", "only_first", "only_second", "neither")]
    return [row["stage"], " / ".join(row["judges"]), row["kind"], *counts, _cell(row, "agree"), _cell(row, "kappa")]


_LABEL_HEAD = ("Run", "Stage", "Who", "Type", "n", "not sure", "both", "only people", "only who", "neither", "agree", "Kappa")
_LABEL_SAYS = (
    "Who: a judge's own list, quotations not looked up, or our checks. What people were not sure of is in no pair",
    "people were given the judges' lists and looked up what those say: they hardly looked for what no judge had listed, so this is "
    "how much of a list stood a check, no agreement of two readers, and it favours the judges over the checks",
)


def _label(row: Row) -> list[str]:
    counts = [str(row[name]) for name in ("n", "not_sure", "both", "only_people", "only_who", "neither")]
    start = [row["run"], row["stage"], row["who"], row["type"].replace("_", " ")]
    return [*start, *counts, _cell(row, "agree"), _cell(row, "kappa")]


_REPEAT_HEAD = ("Stage", "Judge", "Dimension", "n", "repeats", "distance", "same score", "Alpha")
_REPEAT_SAYS = (
    "distance between two answers to one question: a difference between works that is not larger cannot be read from one review. "
    "A judge that repeats itself is reliable, not right",
)


def _repeat(row: Row) -> list[str]:
    values = [_cell(row, name) for name in ("mean_abs_diff", "same", "krippendorff_alpha")]
    return [row["stage"], _judge(row), row["dimension"], str(row["n"]), str(row["repeats"]), *values]


_DRIFT_HEAD = ("Runs", "Stage", "Judge", "Dimension", "n", "later minus earlier", "distance", "Spearman", "Protocol")
_DRIFT_SAYS = (
    "the outputs are byte for byte the same, so a shift is the judge's (its version, its date, its chance), or that of another "
    "protocol. An interval around 0 excludes no drift smaller than its ends",
)


def _drift(row: Row) -> list[str]:
    values = [_cell(row, "mean_diff", sign=True), _cell(row, "mean_abs_diff"), _cell(row, "spearman")]
    start = [" to ".join(row["runs"]), row["stage"], row["judge"], row["dimension"], str(row["n"])]
    return [*start, *values, "same" if row["same_protocol"] else "other"]


_LENIENT_HEAD = ("Stage", "Judge", "Works of", "n", "above the other judges", "own minus other families")
_LENIENT_SAYS = (
    "points of Overall by which a judge lies above the mean of the others on the same works. A judge that is kinder to everyone is "
    "not partial: partiality is the last column, kindness to its own family beyond that to others. Works of other families may "
    "also differ from its own in quality, which moves judges differently. Families are read from model ids",
)


def _lenient(row: Row) -> list[str]:
    maker = (row["model_family"] or "unknown") + (" (its own)" if row["own_family"] else "")
    own = "–"
    if "self_preference" in row:
        ends = row["self_preference_ci95"]
        own = _number(Estimate(row["self_preference"], *(ends or (None, None))), sign=True)
    return [row["stage"], row["judge"], maker, str(row["n"]), _cell(row, "above_others", sign=True), own]


_OWN_HEAD = ("Stage", "Model", "Dimension", "n", "panel", "without own family", "difference", "Left out")
_OWN_SAYS = ("a difference here is partiality or only a judge that is stricter or kinder to all; the leniency table tells which",)


def _own(row: Row) -> list[str]:
    values = [_cell(row, "panel"), _cell(row, "without_own_family"), _cell(row, "difference", sign=True)]
    return [row["stage"], row["model"], row["dimension"], str(row["n"]), *values, ", ".join(row["left_out"])]


_LENGTH_HEAD = ("Stage", "Judge", "Dimension", "n", "points per 1,000 characters", "mean length")
_LENGTH_SAYS = (
    "length of the main text (idea.md, proposal.md, results.md, paper.md) in characters. A slope shows that longer works score "
    "otherwise, not that length is why: better work may be longer. Padding one text and judging it again would show that",
)


def _length(row: Row) -> list[str]:
    slope = _cell(row, "slope_per_1000", sign=True, digits=3)
    return [row["stage"], _judge(row), row["dimension"], str(row["n"]), slope, f"{row['mean_characters']:,.0f}"]


_BLIND_HEAD = ("Stage", "Judge", "n", "both", "only blind", "only informed", "neither", "agree", "Kappa")
_BLIND_SAYS = (
    "blind: the boolean of the graded review; informed: a claim in the hallucination form, which shows the checks' findings, whose "
    "quotation was found. The two also differ in what is asked and shown, so a change of mind is not all due to the findings",
)


def _blind(row: Row) -> list[str]:
    counts = [str(row[name]) for name in ("n", "both", "only_blind", "only_informed", "neither")]
    return [row["stage"], row["judge"], *counts, _cell(row, "agree"), _cell(row, "kappa")]


def _differ(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    lines = []
    for row in rows:
        widest = row["widest"]
        scores = ", ".join(
            f"{judge} {_score(given.get('Overall'))}" + (f" ({widest} {_score(given.get(widest))})" if widest != "Overall" else "")
            for judge, given in row["scores"].items()
        )
        lines.append(
            [row["stage"], row["item"], row["run"], f"{row['spread_overall']:g}", scores, row["text"] or "not here", row["reviews"]]
        )
    head = ("Stage", "Item", "Run", "apart on Overall", "Scores", "Read", "Reviews")
    says = (
        "Overall first, then the dimension on which the judges lie furthest apart. These are where a person's reading settles most",
    )
    return "\n\n".join(["### where judges differ most", table(head, lines), _list(says)])


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


# -- pieces -----------------------------------------------------------------------------------------------------------

_WORDS = frozenset(
    (
        "Dimension",
        "Stage",
        "Judges",
        "Judge",
        "Kind",
        "Runs",
        "Works of",
        "Model",
        "Left out",
        "Item",
        "Run",
        "Scores",
        "Read",
        "Reviews",
        "Protocol",
        "Who",
        "Type",
    )
)
"""Columns that stand left."""


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    rule = ["---" if name in _WORDS else "---:" for name in head]
    return "\n".join("| " + " | ".join(plain(cell).replace("|", "\\|") for cell in cells) + " |" for cells in (head, rule, *lines))


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {plain(one)}" for one in sentences)


def _cell(row: Row, name: str, *, sign: bool = False, digits: int = 2) -> str:
    ends = row["ci95"].get(name)
    return _number(Estimate(row[name], *(ends or (None, None))), sign=sign, digits=digits)


def _number(found: Estimate, *, sign: bool = False, digits: int = 2) -> str:
    """`0.57 [0.10, 0.90]`, the value alone where it has no interval, a dash where it is not defined."""
    if found.value is None:
        return "–"
    form = f"{'+' if sign else ''}z.{digits}f"
    interval = f" [{found.low:{form}}, {found.high:{form}}]" if found.ends is not None else ""
    return f"{found.value:{form}}{interval}"
