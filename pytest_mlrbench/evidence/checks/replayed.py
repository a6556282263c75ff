"""Recorded outputs beside those of a re-run: values of the same file under the same name; rerun.py and the replayer read these.

A value is known by its file, its keys (JSON path, row labels and column) and its statistic; in a log or a printed text by the line
without its numbers. Values of one name are compared as a sorted list: workers that run at once write their rows in any order.
"""

import math
import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..reruns import ATTEMPTS, Attempt, DataFile, Rerun
from .case import Case
from .data import RESULT_SUFFIXES, facts_of
from .documents import Claim
from .quantities import agree, numbers_in, slack
from .subject import read_text
from .tallies import Traced
from .writers import WITHOUT_PROGRAM, Writing

Key = tuple[str, tuple[str, ...], str]
"""File, names, statistic (`value` for what stands there)."""
Values = Mapping[Key, tuple[float, ...]]
EQUAL = 1e-9
"""Relative difference up to which a value of a re-run is the recorded one again."""
SAME = 1e-6
"""Relative difference up to which two values are the same: what printing and summing in another order leave."""
BYTES = 4 * 2**20
"""Of one run's files are compared; an audit has a second for everything."""
_TEXTS = (".txt", ".log", ".md", ".out")
_TIMES = """
time times timing timings timestamp microseconds milliseconds nanoseconds usec msec seconds second secs sec s ms
us ns minutes minute mins hours hour duration durations elapsed
runtime walltime wall latency throughput speed speedup fps qps rate_per_second overhead memory mem ram rss vram mb gb mib gib bytes
usage utilization utilisation cpu gpu pid date clock created started finished eta energy power watts flops tokens_per_second it port
"""
TIMES = frozenset(_TIMES.split())
"""Words of what no two runs share: time, memory, load."""
_METRICS = """
accuracy acc f1 auc auroc auprc roc ap map precision recall sensitivity specificity r2 rmse mse mae mape error err loss nll bleu
rouge meteor perplexity ppl ece brier correlation pearson spearman kappa mcc iou dice ndcg mrr hit hits reward return regret score
em macro micro balanced coverage fid psnr ssim
"""
METRICS = frozenset(_METRICS.split())
"""Words of what says how good a method is."""
_SUPERVISED = """
accuracy acc f1 auc auroc auprc precision recall sensitivity specificity r2 rmse mse mae mape error kappa mcc macro balanced
"""
SUPERVISED = frozenset(_SUPERVISED.split())
"""Of these, those that need a true label or target."""

_LEARNT = """
train training trained tr trn fit fitted insample seen memorised memorized memorisation memorization oracle upper ceiling
"""
BOUND = frozenset(("accuracy", "acc", "r2", "kappa", "mcc"))
"""Scores that can only be of a label, or of what stands for one; an AUC may be of anything that a program tells apart."""
LEARNT = frozenset(_LEARNT.split())
"""Words of a score on rows that a method may know, or of a bound that uses their labels."""
KEPT_SCORE, KEPT_SHARE = 0.15, 0.5
"""A score that labels without information leave so far above chance, and so much of its distance from chance, is remembered."""


def words_of(key: Key) -> frozenset[str]:
    """The words of a key's names, `testAccuracy` being two."""
    text = " ".join(re.sub(r"([a-z])([A-Z])", r"\1 \2", name) for name in key[1])
    return frozenset(re.findall(r"[a-z]+(?:\d(?!\d))?", text.lower()))


def timed(key: Key) -> bool:
    """Whether a value is a time, a memory or a load by its name."""
    return bool(words_of(key) & TIMES)


def values_of(file: str, text: str) -> dict[Key, tuple[float, ...]]:
    """All values of one file, by key."""
    found: dict[Key, list[float]] = defaultdict(list)
    suffix = file[file.rfind(".") :].lower()
    facts, named = facts_of(file, text)
    if named:
        for fact in facts:
            if fact.names and fact.how not in ("first", "last"):  # these two depend on the order
                found[file, fact.names, fact.how].append(fact.value)
    if suffix in _TEXTS or not named:
        for key, value in _lines(file, text):
            found[key].append(value)
    return {key: tuple(sorted(values)) for key, values in found.items()}


def _lines(file: str, text: str) -> Iterable[tuple[Key, float]]:
    """Numbers of a plain text, named by the words before them (and a unit behind), or by their whole line."""
    for line in text.splitlines()[:20_000]:
        bare = re.sub(r"^\S*\d{4}-\d{2}-\d{2}\S*(?:[ T]\S*\d{2}:\d{2}\S*)?", "", line[:2000])
        numbers = numbers_in(bare)
        if not numbers:
            continue
        masked = re.sub(r"\d[\d.,:]*", "#", bare).strip()[:200]
        end = 0
        for position, number in enumerate(numbers):
            label = bare[end : number.start]
            end = number.start + len(number.text)
            unit = re.match(r"\s?(ms|s|sec|seconds|min|MB|GB|MiB|GiB)\b", bare[end:])
            name = " ".join(re.findall(r"[A-Za-z_]\w*", label)[-3:]) + (f" {unit.group(1)}" if unit else "")
            yield (file, (masked, name), f"number {position + 1}"), number.value


def equal(a: tuple[float, ...] | None, b: tuple[float, ...] | None, tolerance: float = SAME) -> bool:
    """Whether two lists of values are the same; False where one is missing."""
    if a is None or b is None or len(a) != len(b):
        return False
    return all(math.isclose(x, y, rel_tol=tolerance, abs_tol=1e-12) for x, y in zip(a, b, strict=True))


@dataclass
class Outputs:
    """What one run left: files by name and every value of them."""

    texts: dict[str, str]
    values: dict[Key, tuple[float, ...]]


def _outputs(texts: dict[str, str]) -> Outputs:
    values: dict[Key, tuple[float, ...]] = {}
    for file, text in texts.items():
        values.update(values_of(file, text))
    return Outputs(texts, values)


def of_attempt(trial_dir: Path, attempt: Attempt) -> Outputs:
    """What an attempt's programs wrote and printed; a printed output bears the name of the recorded one."""
    folder = trial_dir / ATTEMPTS / attempt.name
    places = {name: folder / "output" / name for name in attempt.files if _suffix(name) in RESULT_SUFFIXES}
    places |= {printed(ran.seq): folder / ran.output for ran in attempt.ran if ran.output}
    texts = {name: read_text(path, BYTES + 1) for name, path in places.items()}
    left = BYTES
    # The small ones first: tables and summaries before logs of every step.
    for name in sorted(texts, key=lambda name: (len(texts[name]), name)):
        left -= len(texts[name])
        if left < 0:
            del texts[name]
    return _outputs(texts)


def recorded(case: Case, attempt: Attempt, like: Outputs) -> Outputs:
    """What the experiment itself left in the files that `attempt` wrote too, and what its commands printed.

    Only files whose last program was run again: what a failed or cut command left, no re-run can be held against. A file that was
    typed over since then is compared, a document that was typed is not: it is where the claims stand.
    """
    subject = case.subject
    texts: dict[str, str] = {}
    events = {printed(event.seq): event for event in subject.events if event.kind == "command"}
    again = {ran.seq for ran in attempt.ran}
    documents = {document.name for document in case.documents}
    for name in like.texts:
        if name in events:
            texts[name] = subject.output_text(events[name])
        elif subject.experiment is not None and _comparable(case, name, again, name in documents):
            texts[name] = read_text(subject.experiment / name)
    return _outputs(texts)


def _comparable(case: Case, name: str, again: set[int], document: bool) -> bool:
    last: Writing | None = None
    for writing in case.writers.all:
        if writing.path == name and (writing.how == "program" or writing.means == WITHOUT_PROGRAM):
            last = writing
    if last is None or (document and case.writers.last[name].how == "typed" and case.writers.last[name] is not last):
        return False
    return last.event.seq in again or (last.means == WITHOUT_PROGRAM and not last.event.failed)


def versions(case: Case, key: Key) -> list[float]:
    """The values of one key in every version of its file that a program of the run wrote, without sign."""
    found: list[float] = []
    for writing in case.writers.all:
        if writing.path == key[0] and writing.how == "program" and (text := case.subject.version_text(writing.after)):
            found += [abs(value) for value in values_of(key[0], text).get(key, ())]
    return found


def printed(seq: int) -> str:
    """The name under which a command's output is compared: that of the ledger."""
    return f"evidence/outputs/{seq:04d}.log"


def _suffix(name: str) -> str:
    return name[name.rfind(".") :].lower() if "." in name else ""


@dataclass(frozen=True)
class Stated:
    """A number of a document that the recorded output holds under a name which the re-runs have too."""

    document: str
    scope: str
    claim: Claim
    key: Key
    recorded: float


def stated(case: Case, before: Outputs, after: list[Outputs]) -> list[Stated]:
    """The informative numbers of all documents with the recorded value that each is; times and memory left out."""
    by_value = _by_value(before.values)
    found = []
    for document in case.documents:
        for one in case.tallies[document.name].informative:
            match = _match(one, by_value, after, document.name)
            if match is not None:
                found.append(Stated(document.name, document.scope, one.claim, *match))
    return found


def _by_value(values: Values) -> list[tuple[float, Key]]:
    return sorted((abs(value), key) for key, numbers in values.items() for value in numbers)


def _match(one: Traced, by_value: list[tuple[float, Key]], after: list[Outputs], document: str) -> tuple[Key, float] | None:
    """The key that a claim most likely speaks of: plain values before statistics, files before printed text."""
    import bisect

    number = one.claim.number
    candidates: list[tuple[Key, float]] = []
    for scale in (1.0, 0.01):
        wanted = abs(number.value) * scale
        reach = slack(number.value, number.ulp) * scale
        index = bisect.bisect_left(by_value, wanted - reach, key=lambda item: item[0])
        while index < len(by_value) and by_value[index][0] <= wanted + reach and len(candidates) < 200:
            candidates.append((by_value[index][1], by_value[index][0]))
            index += 1
    if any(timed(key) for key, _ in candidates):
        return None
    candidates = [(key, value) for key, value in candidates if all(key in outputs.values for outputs in after)]
    quoted = frozenset(re.findall(r"[a-z]+\d?", one.claim.quote.lower()))
    ranked = sorted(
        candidates,
        key=lambda item: (item[0][0] == document, item[0][2] != "value", -len(words_of(item[0]) & quoted), item[0][0], item[0]),
    )
    return ranked[0] if ranked else None


def borne_out(claim: Claim, outputs: Outputs, sorted_values: list[float]) -> bool:
    """Whether any value of a run's outputs, under whatever name, is the claimed number rounded."""
    import bisect

    number = claim.number
    for scale in (1.0, 0.01):
        wanted = abs(number.value) * scale
        reach = slack(number.value, number.ulp) * scale
        index = bisect.bisect_left(sorted_values, wanted - reach)
        if index < len(sorted_values) and sorted_values[index] <= wanted + reach:
            return True
    return False


def magnitudes(outputs: Outputs) -> list[float]:
    """All values of a run without sign, sorted, for `borne_out`."""
    return sorted(abs(value) for values in outputs.values.values() for value in values)


def contradicted(one: Stated, outputs: Outputs) -> bool:
    """Whether the value of the same name is another one there, not the claim by any rounding."""
    values = outputs.values.get(one.key)
    return values is not None and not any(agree(one.claim.number, value) or agree(one.claim.number, -value) for value in values)


def differs(case: Case, trial_dir: Path, attempt: Attempt) -> bool:
    """Whether a re-run leaves any claim without its number: then it is run again, and with every step."""
    after = of_attempt(trial_dir, attempt)
    before = recorded(case, attempt, after)
    pool = magnitudes(after)
    return any(contradicted(one, after) and not borne_out(one.claim, after, pool) for one in stated(case, before, [after]))


def metrics(outputs: Outputs) -> dict[Key, tuple[float, ...]]:
    """The values that need a true label, by their names: what must move when the labels do."""
    return {key: values for key, values in outputs.values.items() if words_of(key) & SUPERVISED and not timed(key)}


def unmoved(base: Outputs, changed: Outputs) -> bool:
    """Whether there are such values, and none of them is another number in `changed`."""
    found = metrics(base)
    return bool(found) and all(equal(values, changed.values.get(key), 1e-12) for key, values in found.items())


def majority(data: Iterable[DataFile], attempt: Attempt) -> float | None:
    """The largest share of one label in the data that were changed for an attempt; None where any label is no class."""
    shares = [one.majority for one in data if one.label and one.path in attempt.changed]
    return max((share for share in shares if share is not None), default=None) if None not in shares else None


def chance(key: Key, most_frequent: float | None) -> float | None:
    """What a score comes to, at most, where labels say nothing; None for a value whose chance level its name does not tell."""
    # Of a printed line, the words before the number; the line may speak of other metrics too.
    file, names, how = key
    words = words_of((file, names[-1:], how) if how.startswith("number ") else key)
    if words_of(key) & LEARNT or timed(key):
        return None
    if words & {"auc", "auroc"}:
        return 0.5
    if words & {"r2", "kappa", "mcc"}:
        return 0.0
    return most_frequent if words & {"accuracy", "acc"} else None


def remembered(base: Outputs, changed: Sequence[Outputs], most_frequent: float | None) -> dict[Key, tuple[float, float]]:
    """Scores that permuted labels leave well above chance: the value as recorded, and the least of the others.

    Labels in another order say nothing of a row, so no method can know those of rows that it has not seen.
    """
    found = {}
    for key, values in base.values.items():
        level = chance(key, most_frequent)
        others = [one.values.get(key) for one in changed]
        if level is None or any(other is None or len(other) != len(values) for other in others):
            continue
        scale = 0.01 if max(values) > 1.5 else 1.0
        before = scale * statistics.fmean(values)
        after = min(scale * statistics.fmean(other) for other in others if other is not None)
        if any(equal(values, other, 1e-12) for other in others):
            continue  # it comes from other data, or from none
        if after <= before <= 1.0 + 1e-9 and after - level >= max(KEPT_SCORE, KEPT_SHARE * (before - level)):
            found[key] = (before, after)
    return found


@dataclass
class Again:
    """The attempts of one re-execution, read."""

    rerun: Rerun
    same: list[Attempt]
    """With the recorded seeds, all steps needed, ended well."""
    outputs: dict[str, Outputs]
    """By the attempt's name."""

    def of(self, *kinds: str) -> list[Attempt]:
        return [one for one in self.rerun.attempts if one.kind in kinds and one.ended == "done"]

    def shown(self, made: Attempt, key: Key) -> str:
        return ", ".join(f"{value:.6g}" for value in self.outputs[made.name].values[key][:5])


@dataclass
class Comparison:
    """A re-execution beside what was recorded."""

    again: Again
    before: Outputs
    """What the experiment itself left in the files that were written again."""
    claims: list[Stated]


def compare(case: Case, trial: Path, rerun: Rerun) -> Comparison:
    """Read the attempts that are stored in the directory `trial`."""
    ended = [one for one in rerun.attempts if one.ended == "done"]
    same = [one for one in ended if one.kind == "same"]
    whole = [one for one in same if one.complete]
    again = Again(rerun, whole or same, {one.name: of_attempt(trial, one) for one in ended})
    if not again.same:
        return Comparison(again, Outputs({}, {}), [])
    after = [again.outputs[one.name] for one in again.same]
    before = recorded(case, again.same[0], after[0])
    return Comparison(again, before, stated(case, before, after))


def place(attempt: Attempt, key: Key) -> str:
    """The stored file of an attempt that holds a key's values."""
    for ran in attempt.ran:
        if key[0] == printed(ran.seq):
            return f"{ATTEMPTS}/{attempt.name}/{ran.output}"
    return f"{ATTEMPTS}/{attempt.name}/output/{key[0]}"
