"""What a panel's hallucination forms come to: claims about the same place made one finding, its severity by how many judges agree.

Three or more judges: a strict majority of the panel can make a `fail`; two: both; one alone, or a minority: `warn`. A voice counts
towards a `fail` only with a quotation of the work, a contradicting one at another place, one of the two in what the run reports
(results/ or the paper), and a confidence of at least 4: a reader can then hold the two places against each other without us. The
other place has to be the same for all of them, within ten lines: judges who hold a row to be false for different reasons agree on
nothing that could be shown. Repeats of a judge are one voice, raised where most of them agree; so is one model under two providers.
Agreement is on a line: claims of one type that quote a common line of a file. Called by the engine's grader.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..audits import Finding, Quote, Severity
from ..records import JudgeClaim, JudgeForm, Passage
from .form import overlap

CHECK = "judges"
SURE = 4
"""Confidence from which a claim can take part in a `fail`; the form's 3 is only "more likely than not"."""
NEAR = 10
"""Lines within which two quotations speak of the same piece of a file: a function, a block of a log."""
PLACES = 8
"""Quotations of one finding that are kept."""

Line = tuple[str, int]


@dataclass(frozen=True, eq=False)
class _Said:
    voice: str
    form: int
    """Index of the form: a repeat of the voice."""
    claim: JudgeClaim
    lines: frozenset[Line]


def voice_of(judge: str) -> str:
    """The model behind a judge's id, the same for two providers of it."""
    return judge.rpartition("/")[2].casefold()


def severity(full: int, voices: int, panel: int) -> Severity:
    """The panel rule: `full` of `panel` judges made a claim that can fail, `voices` any verified one.

    >>> severity(2, 2, 3), severity(2, 2, 4), severity(1, 1, 1), severity(0, 0, 3)
    ('fail', 'warn', 'warn', 'info')
    """
    if panel >= 2 and full * 2 > panel:
        return "fail"
    return "warn" if voices else "info"


def panel_findings(forms: Sequence[JudgeForm]) -> list[Finding]:
    """The findings of the whole panel, those with most judges behind them first; `forms` holds every judge's every repeat."""
    repeats: dict[str, int] = defaultdict(int)
    names: dict[str, str] = {}
    said: list[_Said] = []
    for number, form in enumerate(forms):
        voice = voice_of(form.judge)
        repeats[voice] += 1
        names.setdefault(voice, form.judge)
        said += [_Said(voice, number, claim, _lines(claim)) for claim in form.claims]
    found: list[tuple[int, Finding]] = []
    for kind in dict.fromkeys(one.claim.type for one in said):
        rest = [one for one in said if one.claim.type == kind]
        while rest:
            line, group = _most_agreed(rest, repeats)
            rest = [one for one in rest if one not in group]
            telling = _telling(line, group, repeats)
            found.append((len(_voices(group, repeats)), _finding(group, telling, repeats, names)))
    order = ("fail", "warn", "info")
    return [one for _, one in sorted(found, key=lambda pair: (order.index(pair[1].severity), -pair[0]))]


def can_fail(claim: JudgeClaim) -> bool:
    """Whether a reader can verify the claim from its quotations alone."""
    if claim.contradicts is None or claim.confidence < SURE:
        return False
    return any(_reported(passage.file) for passage in (*claim.quotes, claim.contradicts))


def _reported(file: str) -> bool:
    return file == "paper.md" or file.startswith("results/")


def _passages(claim: JudgeClaim) -> list[Passage]:
    return [*claim.quotes, *([claim.contradicts] if claim.contradicts else [])]


def _lines(claim: JudgeClaim) -> frozenset[Line]:
    return frozenset((one.file, line) for one in _passages(claim) for line in range(one.line or 0, one.last + 1))


def _voices(said: Iterable[_Said], repeats: dict[str, int]) -> list[str]:
    """Judges of whose repeats more than half are in `said`."""
    forms: dict[str, set[int]] = defaultdict(set)
    for one in said:
        forms[one.voice].add(one.form)
    return [voice for voice, those in forms.items() if len(those) * 2 > repeats[voice]]


def _most_agreed(said: list[_Said], repeats: dict[str, int]) -> tuple[Line, list[_Said]]:
    """The line on which most judges agree, with their claims; a common line, so that no chain of claims passes for one."""
    at: dict[Line, list[_Said]] = defaultdict(list)
    for one in said:
        for line in sorted(one.lines):
            at[line].append(one)

    def agreed(place: tuple[Line, list[_Said]]) -> tuple[int, int, int]:
        line, group = place
        voices = len(_voices(group, repeats))
        # A minority cannot fail, and looking for what it agrees on takes time quadratic in its quotations.
        full = len(_voices(_telling(line, group, repeats), repeats)) if voices * 2 > len(repeats) else 0
        return full, voices, len(group)

    return max(at.items(), key=agreed)  # the first of equals: lines come in the order of the forms


def _telling(line: Line, group: list[_Said], repeats: dict[str, int]) -> list[_Said]:
    """Those claims of `group`, all on `line`, that can fail and agree on the other side as well, one side being a report."""
    able = [one for one in group if can_fail(one.claim)]
    elsewhere = [(one, passage) for one in able for passage in _other_side(one.claim, line)]
    best: list[_Said] = []
    for place in {(passage.file, passage.line, passage.last): passage for _, passage in elsewhere}.values():
        if not (_reported(place.file) or _reported(line[0])):
            continue
        those = [one for one, passage in elsewhere if _near(place, passage)]
        if len(_voices(those, repeats)) > len(_voices(best, repeats)):
            best = list(dict.fromkeys(those))
    return best


def _other_side(claim: JudgeClaim, line: Line) -> list[Passage]:
    """What a claim holds against `line`: the contradiction of a quotation there, or the quotations that it contradicts."""
    if claim.contradicts is None:
        return []
    return claim.quotes if _on(claim.contradicts, line) else [claim.contradicts]


def _on(passage: Passage, line: Line) -> bool:
    return passage.file == line[0] and (passage.line or 0) <= line[1] <= passage.last


def _near(one: Passage, other: Passage) -> bool:
    return one.file == other.file and (one.line or 0) - other.last <= NEAR and (other.line or 0) - one.last <= NEAR


def _finding(group: list[_Said], telling: list[_Said], repeats: dict[str, int], names: dict[str, str]) -> Finding:
    voices, full = _voices(group, repeats), _voices(telling, repeats)
    level = severity(len(full), len(voices), len(repeats))
    telling = [one for one in telling if one.voice in full] if level == "fail" else group
    best = max(telling, key=lambda one: (one.claim.contradicts is not None, one.claim.confidence)).claim
    results = sum(one.claim.scope == "results" for one in telling)
    return Finding(
        type=best.type,
        scope="results" if results * 2 > len(telling) else "paper",
        check=CHECK,
        severity=level,
        message=f"{_who(group, voices, full, level, repeats, names)}: {best.statement}",
        evidence=_evidence([best, *(one.claim for one in telling)]),
    )


def _who(
    group: list[_Said], voices: list[str], full: list[str], level: Severity, repeats: dict[str, int], names: dict[str, str]
) -> str:
    panel = len(repeats)
    if level == "info":
        voice = group[0].voice
        made = len({one.form for one in group if one.voice == voice})
        return f"judge {names[voice]} in {made} of {repeats[voice]} repeats only"
    counted = full if level == "fail" else voices
    named = ", ".join(names[voice] for voice in counted)
    told = f"{len(counted)} of {panel} judges ({named})" if panel > 1 else f"the only judge ({named})"
    if level == "warn" and panel > 1 and len(voices) * 2 > panel:
        told += f", {len(full)} of them sure and with the same contradicting source"
    return f"{told}, quotes verified"


def _evidence(claims: Iterable[JudgeClaim]) -> list[Quote]:
    """Statement and contradiction of the leading claim first, then what else was quoted, each line once."""
    kept: list[Passage] = []
    for claim in claims:
        for passage in (*claim.quotes[:2], *([claim.contradicts] if claim.contradicts else []), *claim.quotes[2:]):
            if len(kept) < PLACES and not any(overlap(passage, one) for one in kept):
                kept.append(passage)
    return [Quote(file=one.file, line=one.line, quote=one.quote) for one in kept]
