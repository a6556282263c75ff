"""Broken percentages: how many of the changes that honest documents state are found when they are made wrong.

`python -m tests.evidence.percentages --labels CSV --root DIR --runs DIR...`. A change is broken by 20 to 60 %. It counts as found
when the checks arithmetic and prose say something of its line that they did not say before. Left out, and counted with the reason:
changes of which no two cells of a table nor two numbers of the paragraph are the operands, and those whose
operands' rounding covers the
broken value too. Tables are read here by other means than the product's.
"""

import argparse
import csv
import itertools
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pytest_mlrbench.audits import Finding
from pytest_mlrbench.evidence.checks import Case, arithmetic, prose, subject_of_folder, subject_of_trial
from pytest_mlrbench.evidence.checks.documents import Document

TODAY = date(2026, 11, 23)
WORDS = (
    r"(?:improv|reduc|increas|decreas|higher|lower|gain|better|worse|faster|slower|drop|boost|declin|sav(?:es?|ed|ings?)\b|fewer|smaller|"
    r"larger|outperform|exceed|surpass|rais|cut)"
)
ROUGHLY = r"(?:(?:about|approximately|around|nearly|almost|over|more than|up to|at least|roughly|an?|~)\s?)*"
STATED = re.compile(
    rf"(?<![\w.])(?P<n1>\d+(?:\.\d+)?)\s?\\?%(?: [a-z@\d-]+){{0,2}}? {WORDS}|"
    rf"\b{WORDS}\w*\b[^.|\n\d]{{0,80}}?\b(?:by|of) {ROUGHLY}(?P<n2>\d+(?:\.\d+)?)\s?\\?%|"
    rf"\b{WORDS}\w*(?: [\w@-]+){{0,3}} \((?:a )?[+−–-]?(?P<n3>\d+(?:\.\d+)?)\s?\\?%|"
    rf"(?<=% and )(?P<n4>\d+(?:\.\d+)?)\s?\\?%(?= (?:over|for|in)\b|, respectively|\.)",
    re.I,
)
CELL = re.compile(r"^[^\w−+-]*([-−+]?\d+(?:\.\d+)?)")
VALUE = re.compile(r"\b(?:to|from|at)\s+(?:about |approximately |around |~)?$|\bfrom [^.]{0,30}$|\b(?:target|goal)[^.]{0,30}$")
COMPARED = re.compile(r"method|model|agent|approach|variant|system|algorithm|classifier", re.I)


@dataclass(frozen=True)
class Page:
    """One document and its audit."""

    name: str
    case: Case
    document: Document

    def told(self, lines: list[str]) -> list[Finding]:
        """What arithmetic and prose say of the document with these lines."""
        case = Case(self.case.subject)
        for shared in ("pool", "writers", "dataflow", "spoken"):
            case.__dict__[shared] = getattr(self.case, shared)
        new = Document(self.document.name, "\n".join(lines), self.document.scope)
        case.__dict__["report"] = new if self.document.scope == "results" else self.case.report
        case.__dict__["paper"] = new if self.document.scope == "paper" else self.case.paper
        return [*arithmetic.run(case).findings, *prose.run(case).findings]


@dataclass(frozen=True)
class Draw:
    """One broken change."""

    page: str
    line: int
    text: str
    new: str
    outcome: str
    """`found`, `missed`, or why it was left out."""


def columns_of(lines: Sequence[str]) -> list[list[tuple[str, str]]]:
    """Columns and rows of the tables: (name, value) of every number that begins a cell."""
    found = []
    rows: list[list[str]] = []
    for line in [*lines, ""]:
        if line.lstrip().startswith("|"):
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
            continue
        if len(rows) > 2:
            body = rows[2:]
            for column in range(1, len(rows[0])):
                found.append([(row[0], m[1]) for row in body if column < len(row) and (m := CELL.match(row[column]))])
            for row in body:
                found.append([(rows[0][i], m[1]) for i in range(1, min(len(row), len(rows[0]))) if (m := CELL.match(row[i]))])
        rows = []
    return found


def shares(a: str, b: str, stated: str) -> list[tuple[float, float]]:
    """What the change between two written values can be: of either side, and in points."""

    def interval(text: str) -> tuple[float, float]:
        value, half = abs(float(text.replace("−", "-"))), 0.5 * 10.0 ** -len(text.partition(".")[2])
        value = float(text.replace("−", "-"))
        return value - half, value + half

    (a0, a1), (b0, b1) = interval(a), interval(b)
    ends = [(x, y) for x in (a0, a1) for y in (b0, b1)]
    found = []
    if a0 * a1 > 0:
        found.append(sorted(100 * abs(y - x) / abs(x) for x, y in ends))
    if b0 * b1 > 0:
        found.append(sorted(100 * abs(y - x) / abs(y) for x, y in ends))
    scale = 100 if max(map(abs, (a0, a1, b0, b1))) <= 1.01 else 1
    found.append(sorted(scale * abs(y - x) for x, y in ends))
    return [(one[0], one[-1]) for one in found]


def gives(a: str, b: str, stated: str, rough: float = 0.0) -> bool:
    """Whether two values give a stated percentage."""
    value, slack = float(stated), 10.0 ** -len(stated.partition(".")[2])
    return any(low - slack - rough * value <= value <= high + slack + rough * value for low, high in shares(a, b, stated))


def draws_of(page: Page, draws: int, seed: int) -> Iterator[Draw]:
    """Break every stated change of a document `draws` times."""
    lines = page.document.lines
    before = {(one.check, one.message) for one in page.told(lines)}
    cells = [list(itertools.combinations(one, 2)) for one in columns_of(lines)]
    labels = {name for one in columns_of(lines) for name, _ in one}
    for index, line in enumerate(lines):
        if line.lstrip().startswith(("|", "#")):
            continue
        for match in STATED.finditer(line):
            group = next(name for name in ("n1", "n2", "n3", "n4") if match[name])
            text, start = match[group], match.start(group)
            if float(text) < 0.1 or VALUE.search(line[:start]):
                continue
            if any(label in line and f"{text} %" in label for label in labels):
                continue  # the name of a condition
            rough = 0.1 if re.search(r"(?:about|approx\w*|around|nearly|over|more than|up to|~|roughly)\s*$", line[:start]) else 0.0
            near = [
                n
                for n in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\d)", " ".join(lines[max(0, index - 2) : index + 1]))
                if n != text
            ]
            fitting = [pair for one in cells for pair in one if gives(pair[0][1], pair[1][1], text, rough)]
            said = " ".join(lines[max(0, index - 4) : index + 1]).lower()
            # Pairs whose names stand near are the operands, where there are any.
            named = [sum(name.lower() in said for name, _ in pair) for pair in fitting]
            fitting = [pair for pair, count in zip(fitting, named, strict=True) if count == max(named)]
            operands = [(a, b) for (_, a), (_, b) in fitting]
            operands += [pair for pair in itertools.combinations(near[-14:], 2) if gives(*pair, text, rough)]
            for draw in range(draws):
                rng = random.Random(f"{page.name}/{index}/{start}/{draw}/{seed}")
                decimals = len(text.partition(".")[2])
                new = f"{float(text) * rng.choice([rng.uniform(0.4, 0.8), rng.uniform(1.2, 1.6)]):.{decimals}f}"
                said = line[:start] + f"[{text} -> {new}]" + line[start + len(text) :]
                if abs(float(new) - float(text)) < 0.19 * float(text) or float(new) == 0:
                    yield Draw(page.name, index + 1, said, new, "too small to be changed by a fifth")
                    continue
                if not operands:
                    yield Draw(page.name, index + 1, said, new, "no operands: no cells of a table and no numbers beside it give it")
                    continue
                if any(gives(*pair, new, rough) for pair in operands):
                    yield Draw(page.name, index + 1, said, new, "within the rounding of its operands")
                    continue
                broken = [*lines[:index], line[:start] + new + line[start + len(text) :], *lines[index + 1 :]]
                found = [
                    one
                    for one in page.told(broken)
                    if one.severity in ("fail", "warn")
                    and (one.check, one.message) not in before
                    and any(quote.file == page.document.name and quote.line == index + 1 for quote in one.evidence)
                ]
                yield Draw(page.name, index + 1, said, new, "found" if found else "missed")


FORMS = (
    "On {m}, {a} ({x}) improves over {b} ({y}) by {p} %.",
    "{a} improves {m} by {p} % relative to {b}.",
    "On {m}, {a} reaches {x}, a {p} % gain over {b}, which reaches {y}.",
    "On {m}, the score rises from {y} ({b}) to {x} ({a}), a {p} % relative improvement.",
    "Compared with {b}, {a} achieves {p} % higher {m}.",
    "{a} outperforms {b} by {p} % on {m}.",
    "Compared to {b}, {a} shows:\n- {p} % higher {m}",
    "{a} exceeds {b} and {c} on {m} by {p} % and {q} %, respectively.",
    "{a} gains {p} % over {b} and {q} % over {c} on {m}.",
    "{a} brings an improvement of {p} % on {m} over {b}.",
    "On {m}, {b} reaches {y} and {a} {x}. This represents an improvement of {p} %.",
)
"""True sentences about three rows of a column, to be broken."""


def added(page: Page, count: int, seed: int) -> Iterator[tuple[Page, int, str, str]]:
    """(page with a true sentence at its end, 0-based line, number, form)."""
    lines = page.document.lines
    columns = []
    rows: list[list[str]] = []
    for line in [*lines, ""]:
        if line.lstrip().startswith("|"):
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
            continue
        for column in range(1, len(rows[0]) if len(rows) > 4 and COMPARED.search(rows[0][0]) else 0):
            values = [(row[0], m[1]) for row in rows[2:] if column < len(row) and (m := CELL.match(row[column]))]
            if len({name for name, _ in values}) == len(values) >= 3:
                columns.append((rows[0][column], values))
        rows = []
    end = next(
        (i for i, line in enumerate(lines) if re.match(r"^\W*(\d+\.?\s*)?(references|bibliography)\b", line, re.I)), len(lines)
    )
    for number, draw in itertools.product(range(len(FORMS)), range(count)):
        rng = random.Random(f"{page.name}/added/{number}/{draw}/{seed}")
        if not columns:
            return
        title, values = rng.choice(columns)
        chosen = sorted(rng.sample(values, 3), key=lambda one: -float(one[1].replace("−", "-")))
        (a, x), (b, y), (c, z) = chosen
        low = [float(value.replace("−", "-")) for value in (x, y, z)]
        if re.search(r"time|mse|loss|error|memory|brier|pinball", title, re.I):
            continue  # to be above is no improvement of these
        if low[2] <= 0 or 100 * (low[0] - low[1]) / low[1] < 3:
            continue
        p, q = (f"{100 * (low[0] - other) / other:.1f}" for other in (low[1], low[2]))
        sentence = FORMS[number].format(a=a, b=b, c=c, m=title, x=x, y=y, p=p, q=q)
        new = [*lines[:end], "", "## Comparison", "", *sentence.split("\n"), "", *lines[end:]]
        place = end + 3 + sentence.count("\n")
        document = Document(page.document.name, "\n".join(new), page.document.scope)
        yield Page(f"{page.name} form {number}", page.case, document), place, p, FORMS[number]


def added_draws(page: Page, count: int, seed: int) -> Iterator[Draw]:
    """True sentences, each broken once; an alarm on the true one is told too."""
    for new, place, text, form in added(page, count, seed):
        lines = new.document.lines
        before = new.told(lines)
        name = f"form: {form}"
        if any(quote.line == place + 1 and quote.file == new.document.name for one in before for quote in one.evidence):
            yield Draw(name, place + 1, lines[place], "", "FALSE ALARM")
            continue
        rng = random.Random(f"{new.name}/{place}/{seed}/broken")
        broken = f"{float(text) * rng.choice([rng.uniform(0.4, 0.8), rng.uniform(1.2, 1.6)]):.1f}"
        said = lines[place].replace(f"{text} %", f"{broken} %", 1)
        known = {(one.check, one.message) for one in before}
        found = any(
            (one.check, one.message) not in known and any(quote.line == place + 1 for quote in one.evidence)
            for one in new.told([*lines[:place], said, *lines[place + 1 :]])
        )
        yield Draw(name, place + 1, said, broken, "found" if found else "missed")


def pages_of_folder(folder: Path, name: str) -> Iterator[Page]:
    """The report and every paper of an agent's folder."""
    papers: list[Path | None] = [*sorted([*folder.glob("paper*.md"), *folder.glob("results/paper*.md")])]
    seen = set()
    for paper in papers or [None]:
        case = Case(subject_of_folder(folder, paper=paper, today=TODAY))
        for document in case.documents:
            if document.name not in seen:
                seen.add(document.name)
                yield Page(f"{name} {document.name}", case, document)


def pages_of_trial(trial: Path) -> Iterator[Page]:
    """The paper of a trial of ours; it holds the tables of the report."""
    inputs = {stage: trial / stage / "output" for stage in ("idea", "literature", "proposal", "experiment")}
    inputs = {stage: path for stage, path in inputs.items() if path.is_dir()}
    folder = trial / "paper"
    if (folder / "output" / "paper.md").is_file():
        case = Case(subject_of_trial("paper", folder / "output", folder, inputs, TODAY))
        if case.paper is not None:
            yield Page(f"{trial.parent.parent.name}/{trial.name}", case, case.paper)


def summary(title: str, draws: Iterable[Draw]) -> str:
    """Found of made, and what was left out."""
    kept = list(draws)
    counts = Counter(one.outcome for one in kept)
    made = counts["found"] + counts["missed"]
    lines = [f"{title}: {counts['found']} of {made} found" + (f" ({counts['found'] / made:.1%})" if made else "")]
    lines += [f"  {outcome}: {count}" for outcome, count in sorted(counts.items()) if outcome not in ("found", "missed")]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found; exit 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.evidence.percentages", description=__doc__)
    parser.add_argument("--labels", type=Path, help="CSV with the columns artifact, task, fabricated")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--runs", nargs="*", type=Path, default=[])
    parser.add_argument("--held-out", nargs="*", default=[], help="parts of task names that are reported apart")
    parser.add_argument("--n", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--missed", action="store_true")
    options = parser.parse_args(arguments)
    groups: dict[str, list[Draw]] = {}
    if options.labels:
        with options.labels.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                kind = "honest" if row["fabricated"] == "no" else "others"
                part = "held out" if any(one in row["task"] for one in options.held_out) else "seen"
                for page in pages_of_folder((options.root or options.labels.parent) / row["artifact"], row["artifact"]):
                    groups.setdefault(f"published, {kind}, {part}", []).extend(draws_of(page, options.n, options.seed))
                    if kind == "honest":
                        groups.setdefault("sentences added to published honest documents", []).extend(
                            added_draws(page, max(1, options.n // 4), options.seed)
                        )
    for run in options.runs:
        for trial in sorted(path for path in (run / "trials").glob("*") if path.is_dir()):
            for page in pages_of_trial(trial):
                groups.setdefault("ours, as stated", []).extend(draws_of(page, options.n, options.seed))
                groups.setdefault("sentences added to ours", []).extend(added_draws(page, max(1, options.n // 4), options.seed))
    for title, draws in groups.items():
        print(summary(title, draws))
        if title.startswith("sentences"):
            for form in dict.fromkeys(one.page for one in draws):
                print("   ", summary(form, [one for one in draws if one.page == form]).replace("\n", ";"))
        if options.missed:
            for one in draws:
                if one.outcome in ("missed", "FALSE ALARM"):
                    print(
                        f"  {one.outcome}: {one.page}:{one.line} {one.text[:420]}"
                        + (f" => {one.new}" if one.page.startswith("form") else "")
                    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
