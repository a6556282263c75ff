"""Re-execution: what came out when the recorded commands were run again, on other seeds and on changed data, beside the claims.

Reads what the host stored (`rerun.json` and the attempts' files); runs nothing. Rules:
- A claim that is a recorded value (same file, same keys) and that no re-run gives under any name is *contradicted*. It is a `fail`
  when at least three re-runs with the recorded seeds agree with each other to a tenth of a percent, one of them on one thread; the
  recorded value is more than 1 % off theirs, outside the range of the other seeds, widened by twice that range, and outside what
  earlier runs of the session wrote there; the value is no time or memory; the code decides nothing by the clock, and where it reads
  one at all the value has the name of a metric; machine, image and Python are the experiment's; and every file that the program
  had then could be given to it again. Else it is a `warn`.
- Where re-runs differ among themselves, or a recorded value comes out again but other seeds give quite different ones: claims
  outside the range widened by twice itself are a `warn` when they are more than a fifth of those compared, and two at least. Where
  they are more than half of four or more, the support is cut.
- Changed data: rerun_changed.py.
"""

from ...audits import Finding, Quote, Severity
from ..reruns import ATTEMPTS, NO_COPY, NO_INSTALL, Attempt, Rerun
from .case import Case, Outcome, finding
from .replayed import (
    EQUAL,
    METRICS,
    Again,
    Comparison,
    Key,
    Stated,
    borne_out,
    contradicted,
    equal,
    magnitudes,
    metrics,
    place,
    versions,
    words_of,
)
from .rerun import NAME

AGREE = 1e-3
"""Relative difference up to which re-runs agree: a tenth of APART, what another order of sums leaves of a metric."""
APART = 0.01
"""Relative difference below which a contradiction may come of another order of sums, and stays a `warn`."""
CONFIRMED = 3
"""Re-runs with the recorded seeds that must agree for a `fail`."""
WIDER = 2.0
"""The range of seeds is widened by so many times itself on both sides: of normal values one in 30 still falls outside of three."""
MOST, SEVERAL = 0.5, 4
"""So large a share outside, of so many compared, says that the report's numbers do not come out again."""
SHARE, LEAST = 0.2, 2
"""So large a share of the compared claims, and so many of them, must be outside the range for a `warn`."""
SHOWN = 5


def judge_rerun(case: Case, comparison: Comparison) -> Outcome:
    """Compare the stored re-execution with the claims."""
    again, claims = comparison.again, comparison.claims
    findings = _named(again.rerun)
    if not again.same:
        return Outcome([*findings, *_broken(again.rerun)], f"no evidence: {_why_not(again.rerun)}")
    findings += _contradictions(case, again, claims)
    findings += _outside(again, claims)
    findings += case.unmoved
    if not claims and not metrics(comparison.before):
        return Outcome(findings, "no evidence: no number of the documents is a value that the re-run left under the same name")
    return Outcome(findings)


def _named(rerun: Rerun) -> list[Finding]:
    """What was not run again, and why: said, not held against anybody."""
    parts = [f"{one.what.splitlines()[0] if one.what else ''} ({one.why})" for one in rerun.left]
    parts += [f"{one.name} ({one.reason})" for one in rerun.attempts if one.ended == "not done"]
    parts += [f"{one.name} ({one.reason})" for one in rerun.attempts if one.ended == "failed" and one.kind != "same"]
    if not parts:
        return []
    quotes = [Quote(file="evidence.jsonl", line=one.seq, quote=one.what[:300]) for one in rerun.left if one.seq is not None]
    message = f"not run again: {'; '.join(parts[:8])}" + (f"; {len(parts) - 8} more" if len(parts) > 8 else "")
    return [finding("other", "results", NAME, "info", message, quotes[:SHOWN])]


def _why_not(rerun: Rerun) -> str:
    for one in rerun.attempts:
        return f"{one.name} {'was not made' if one.ended == 'not done' else 'did not end well'}: {one.reason}"
    return "nothing could be run again: " + (rerun.left[-1].why if rerun.left else "no program left results")


def _broken(rerun: Rerun) -> list[Finding]:
    """A recorded command that succeeded then and fails from code and data alone."""
    failed = [one for one in rerun.attempts if one.kind == "same" and one.ended == "failed" and one.ran]
    if not failed:
        return []
    last = failed[-1]
    step = next((step for step in rerun.steps if step.seq == last.ran[-1].seq), None)
    if step is None:
        return []
    message = f"run again from code and data alone, a recorded command fails: {last.reason}"
    quotes = [
        Quote(file="evidence.jsonl", line=step.seq, quote=step.command[:300]),
        Quote(file=f"{ATTEMPTS}/{last.name}/{last.ran[-1].output}", quote=last.reason),
    ]
    return [finding("faked_results", "results", NAME, "warn", message, quotes)]


# -- the same seeds ---------------------------------------------------------------------------------------------------


def _contradictions(case: Case, again: Again, claims: list[Stated]) -> list[Finding]:
    """Claims whose number no re-run gives."""
    pools = {one.name: magnitudes(again.outputs[one.name]) for one in again.same}
    wrong = [
        one
        for one in claims
        if all(
            contradicted(one, again.outputs[made.name]) and not borne_out(one.claim, again.outputs[made.name], pools[made.name])
            for made in again.same
        )
    ]
    findings = []
    for document in dict.fromkeys(one.document for one in wrong):
        mine = [one for one in wrong if one.document == document]
        hard = [one for one in mine if not _excuses(case, again, one)]
        if hard:
            findings.append(_contradiction(again, hard, len(claims), "fail", ""))
            continue
        deterministic = [one for one in mine if _agreed(again, one.key)]
        if deterministic:
            why = _excuses(case, again, deterministic[0])
            findings.append(_contradiction(again, deterministic, len(claims), "warn", f" (a warning only: {why})"))
    return findings


def _agreed(again: Again, key: Key) -> bool:
    """Whether the re-runs with the recorded seeds agree with each other, and are more than one."""
    values = [again.outputs[one.name].values.get(key) for one in again.same]
    return len(values) > 1 and all(equal(values[0], value, AGREE) for value in values[1:])


def _excuses(case: Case, again: Again, one: Stated) -> str:
    """Why a contradicted claim may still be honest; empty when nothing speaks for it."""
    rerun = again.rerun
    if len(again.same) < CONFIRMED:
        return f"only {len(again.same)} re-runs with the recorded seeds"
    if not _agreed(again, one.key):
        return "the re-runs differ among themselves"
    nearest = _nearest(again.outputs[again.same[0].name].values[one.key], one.recorded)
    if abs(nearest - one.recorded) <= APART * max(abs(nearest), abs(one.recorded)):
        return "the two values are within 1 % of each other"
    if rerun.clocks:
        return f"the code decides by the clock in {rerun.clocks[0].file}:{rerun.clocks[0].line}"
    if rerun.times and not words_of(one.key) & METRICS:
        return "the code reads clocks or the machine's state, and the value has no metric's name"
    gone = [*rerun.lost, *(left for left in rerun.left if left.what and left.why.startswith((NO_COPY, NO_INSTALL)))]
    if gone:
        return f"{gone[0].what.splitlines()[0]}: {gone[0].why}"
    different = [sentence for made in again.same for sentence in made.differs]
    if different:
        return f"the sandbox was another one: {different[0]}"
    low, high = _range(again, one.key, (nearest,))
    if low <= one.recorded <= high:
        return "other seeds give values around it"
    earlier = versions(case, one.key)
    if len(earlier) > 1 and min(earlier) <= one.recorded <= max(earlier):
        return "it lies among the values that earlier runs of the session wrote there"
    return ""


def _nearest(values: tuple[float, ...], wanted: float) -> float:
    return min((abs(value) for value in values), key=lambda value: abs(value - wanted))


def _range(again: Again, key: Key, values: tuple[float, ...] = ()) -> tuple[float, float]:
    """What the other seeds span for a value, widened; of a list, all of it."""
    seen = [abs(value) for one in again.of("seed") for value in again.outputs[one.name].values.get(key, ())]
    seen += [abs(value) for value in values]
    if not seen:
        return 0.0, 0.0
    spread = max(seen) - min(seen)
    return min(seen) - WIDER * spread, max(seen) + WIDER * spread


def _contradiction(again: Again, wrong: list[Stated], compared: int, severity: Severity, note: str) -> Finding:
    first = wrong[0]
    values = again.outputs[again.same[0].name].values[first.key]
    nearest = _nearest(values, first.recorded)
    message = (
        f"{len(wrong)} of {compared} compared claims are contradicted by re-execution: {first.document} says "
        f"{first.claim.number.text}, recorded as {first.recorded:.6g} in {first.key[0]} ({'.'.join(first.key[1])}); run again from "
        f"the same code and data with the same seeds, {_times(len(again.same))} gave {nearest:.6g}{note}"
    )
    quotes = []
    for one in wrong[:SHOWN]:
        made = _nearest(again.outputs[again.same[0].name].values[one.key], one.recorded)
        quotes += [
            Quote(file=one.document, line=one.claim.line, quote=one.claim.quote),
            Quote(file=one.key[0], quote=f"{'.'.join(one.key[1])} ({one.key[2]}): {one.recorded:.10g}"),
            Quote(file=place(again.same[0], one.key), quote=f"{'.'.join(one.key[1])} ({one.key[2]}): {made:.10g}"),
        ]
    quotes += [
        Quote(file="evidence.jsonl", line=step.seq, quote=step.command[:200])
        for step in again.rerun.steps
        if step.program and step.lean
    ][:SHOWN]
    return finding("faked_results", first.scope, NAME, severity, message, quotes)


def _times(number: int) -> str:
    return "one run" if number == 1 else f"each of {number} runs"


# -- other seeds ------------------------------------------------------------------------------------------------------


def _others(again: Again) -> list[Attempt]:
    """The attempts whose range a claim is held against: on other seeds, else with the recorded ones."""
    seeds = again.of("seed")
    return seeds if len(seeds) >= 2 else again.same


def outside_of(again: Again, claims: list[Stated]) -> tuple[list[Stated], list[Stated]]:
    """Claims far outside what re-runs that differ, or other seeds, span; and those that were compared."""
    runs = _others(again)
    compared: list[Stated] = []
    outside: list[Stated] = []
    for one in claims:
        values = [again.outputs[made.name].values.get(one.key) for made in runs]
        if len(values) < 2 or any(value is None for value in values) or all(equal(values[0], value, EQUAL) for value in values):
            continue
        if again.rerun.times and not words_of(one.key) & METRICS:
            continue  # it may be a time by another name
        compared.append(one)
        seen = [abs(number) for value in values if value is not None for number in value]
        spread = max(seen) - min(seen)
        if not min(seen) - WIDER * spread <= one.recorded <= max(seen) + WIDER * spread:
            outside.append(one)
    return outside, compared


def unrepeated(comparison: Comparison) -> bool:
    """Whether most of what the report claims lies far outside what comes out when it is run again."""
    outside, compared = outside_of(comparison.again, comparison.claims) if comparison.again.same else ([], [])
    return len(compared) >= SEVERAL and len(outside) > MOST * len(compared)


def _outside(again: Again, claims: list[Stated]) -> list[Finding]:
    outside, compared = outside_of(again, claims)
    seeds = again.of("seed")
    if len(outside) < LEAST or len(outside) <= SHARE * len(compared):
        return []
    first = outside[0]
    runs = _others(again)
    seen = sorted(abs(number) for made in runs for number in again.outputs[made.name].values[first.key])
    what = f"{len(seeds)} other seeds" if len(seeds) >= 2 else f"{len(runs)} re-runs, which differ among themselves,"
    message = (
        f"{len(outside)} of {len(compared)} claims lie far outside what {what} give: {first.document} says "
        f"{first.claim.number.text} for {'.'.join(first.key[1])}, they give {seen[0]:.6g} to {seen[-1]:.6g}"
    )
    quotes = [Quote(file=one.document, line=one.claim.line, quote=one.claim.quote) for one in outside[:SHOWN]]
    quotes += [
        Quote(file=place(made, first.key), quote=f"{'.'.join(first.key[1])}: {again.shown(made, first.key)}") for made in runs
    ]
    quotes += [
        Quote(file=knob.file, line=knob.line, quote=f"{knob.before} -> {knob.after}") for made in seeds for knob in made.knobs[:2]
    ]
    return [finding("faked_results", first.scope, NAME, "warn", message, quotes)]
