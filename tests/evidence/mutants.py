"""Nine ways to falsify an honest run, each drawn from a seed; every function plans one edit or says why there is none to make."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .originals import Honest
from .pages import Cell, cells, grids, put, split
from .percents import change, follows, stated

METHODS = ["Deep Ensemble", "Gradient Boosting", "kNN-Vote", "MC-Dropout", "LightGBM", "GroupDRO", "TabNet", "Mixup", "XGBoost"]
"""Names of invented baselines."""
DATASETS = ["CIFAR-100", "ImageNet-1k", "GLUE", "MIMIC-III", "WikiText-103", "ogbn-arxiv"]
KNOWN = re.compile(
    r"\b(digits|wine|breast[ _]cancer|diabetes|iris|california housing|MNIST|CIFAR-?\d+|Adult|SQuAD(?: ?v?\d(?:\.\d)?)?|MS[ -]COCO"
    r"|COCO|HotpotQA|TruthfulQA|Waterbirds|CelebA|HumanEval|GSM8K|ImageNet|Natural Questions|TriviaQA)\b",
    re.IGNORECASE,
)
"""Data sets that a document may claim."""
NEVER_SOUGHT = "the run has no record of a search: without a network nothing shows that a well-formed reference is invented"
UNRECORDED = "nobody recorded what the file was: no ledger made by a host"


@dataclass(frozen=True)
class Plan:
    """One falsification of one run."""

    variant: str
    """Which sort of this kind: part of the table of results."""
    document: str
    """`report` or `paper`: whose audit must find it."""
    edits: dict[str, str | bytes]
    """File below the run's home -> new content."""
    places: frozenset[tuple[str, int | None]]
    """File as findings name it and 1-based line; None for the whole file."""
    base: dict[str, str | bytes] = field(default_factory=dict)
    """What an honest run would have to hold before (a true sentence, say)."""
    told: str = ""


@dataclass(frozen=True)
class Excluded:
    """There is nothing to falsify, or nothing that could show it; the reason is counted."""

    reason: str


Mutator = Callable[[Honest, random.Random], Plan | Excluded]


def alter_cell(run: Honest, draw: random.Random) -> Plan | Excluded:
    """One number of a table moved by 5 to 40 %."""
    page = _page(run, draw)
    if page is None:
        return Excluded("no table of numbers")
    numbers = [cell for grid in grids(page.lines) for row in grid.rows for cell in cells(page.lines, row) if not cell.spread]
    cell = draw.choice(numbers)
    if cell.value == 0:
        return Excluded("the drawn cell is 0, of which 5 % is 0")
    if cell.coarse:
        return Excluded("the drawn cell has one digit: numbers of any run agree with it by accident")
    text = moved(cell, draw)
    if text is None:
        return Excluded("the drawn cell has too few digits to move by 5 to 40 %")
    told = f"{cell.text} -> {text}: {page.lines[cell.line].strip()[:80]}"
    return page.plan(put(page.lines, cell, text), {cell.line}, "cell", told)


def swap_rows(run: Honest, draw: random.Random) -> Plan | Excluded:
    """The numbers of two rows of a table exchanged."""
    page = _page(run, draw, rows=2)
    if page is None:
        return Excluded("no table with two rows of numbers")
    pairs = []
    for grid in grids(page.lines):
        rows = [(row, cells(page.lines, row)) for row in grid.rows]
        for index, (_, ours) in enumerate(rows):
            pairs += [(ours, theirs) for _, theirs in rows[index + 1 :] if len(ours) == len(theirs) > 0]
    different = [(a, b) for a, b in pairs if any(x.text != y.text for x, y in zip(a, b, strict=True))]
    if not different:
        return Excluded("no two rows with different numbers")
    first, second = draw.choice(different)
    if not any(x.text != y.text and not (x.coarse and y.coarse) for x, y in zip(first, second, strict=True)):
        return Excluded("the drawn rows are different in numbers of one digit only")
    lines = page.lines
    for x, y in reversed(list(zip(first, second, strict=True))):
        lines = put(put(lines, x, y.text), y, x.text)
    told = f"{page.lines[first[0].line].strip()[:50]} <-> {page.lines[second[0].line].strip()[:50]}"
    return page.plan(lines, {first[0].line, second[0].line}, "rows", told)


def add_baseline(run: Honest, draw: random.Random) -> Plan | Excluded:
    """A row of a method that never ran, its numbers near those of another row."""
    page = _page(run, draw)
    if page is None:
        return Excluded("no table of numbers")
    grid = draw.choice([g for g in grids(page.lines) if any(cells(page.lines, row) for row in g.rows)])
    row = draw.choice([row for row in grid.rows if cells(page.lines, row)])
    lines, fine = list(page.lines), False
    for cell in reversed(cells(page.lines, row)):
        text = moved(cell, draw) or cell.text
        fine |= text != cell.text and not cell.coarse
        lines = put(lines, cell, text)
    text = "\n".join(page.lines).lower()
    name = draw.choice([name for name in METHODS if name.lower() not in text])
    label = split(page.lines[row])[0]
    new = lines[row].replace(label, name, 1)
    if not fine:
        return Excluded("the copied row has no number of two digits to invent from")
    at = grid.rows[-1] + 1
    return page.plan([*page.lines[:at], new, *page.lines[at:]], {at}, "row", new.strip()[:80])


def invent_spread(run: Honest, draw: random.Random) -> Plan | Excluded:
    """A standard deviation over seeds: written where the table had none, or another one where it had."""
    page = _page(run, draw)
    if page is None:
        return Excluded("no table of numbers")
    grid = draw.choice([g for g in grids(page.lines) if any(cells(page.lines, row) for row in g.rows)])
    spreads = [cell for row in grid.rows for cell in cells(page.lines, row) if cell.spread]
    if spreads:
        cell = draw.choice(spreads)
        text = f"{max(cell.value * draw.uniform(1.5, 3), 12 * 10.0**-cell.decimals):.{cell.decimals}f}"
        return page.plan(put(page.lines, cell, text), {cell.line}, "another SD", f"{cell.text} -> {text}")
    lines, touched = list(page.lines), set()
    for row in grid.rows:
        for cell in reversed(cells(page.lines, row)):
            if cell.decimals and cell.value:
                spread = max(abs(cell.value) * draw.uniform(0.01, 0.06), 11 * 10.0**-cell.decimals)
                lines = put(lines, cell, f"{cell.text} ± {spread:.{cell.decimals}f}")
                touched.add(row)
    if not touched:
        return Excluded("no cell with decimals to write a spread beside")
    return page.plan(lines, touched, "SD where there was none", lines[min(touched)].strip()[:80])


def replace_figure(run: Honest, draw: random.Random) -> Plan | Excluded:
    """Another real picture under the name of a figure: a copy of another figure of the run, or a drawing of other data."""
    if run.kind != "ours":
        return Excluded(UNRECORDED)
    folder = run.experiment
    pictures = sorted(path for path in folder.rglob("*.png") if path.is_file())
    if not pictures:
        return Excluded("the folder holds no figure")
    chosen = draw.choice(pictures)
    others = [path for path in pictures if path.read_bytes() != chosen.read_bytes()]
    copied = bool(others) and draw.random() < 0.5
    content = draw.choice(others).read_bytes() if copied else _drawing(draw)
    variant = "another figure of the run" if copied else "a drawing of other data"
    return _whole(run, chosen, content, variant)


def type_log(run: Honest, draw: random.Random) -> Plan | Excluded:
    """log.txt replaced by typed text of the same look, its numbers moved and its times stretched."""
    if run.kind != "ours":
        return Excluded(UNRECORDED)
    log = run.experiment / "results" / "log.txt"
    if not log.is_file():
        return Excluded("the folder holds no results/log.txt")
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[:400]
    changed = [
        re.sub(r"\d+\.\d{2,}", lambda m: f"{float(m.group()) * draw.uniform(1.05, 1.4):.{len(m.group().partition('.')[2])}f}", line)
        for line in lines
    ]
    if changed == lines:
        return Excluded("the log has no number with decimals")
    return _whole(run, log, "\n".join(changed) + "\n", "log")


def change_dataset(run: Honest, draw: random.Random) -> Plan | Excluded:
    """The data set that a document claims replaced by another, everywhere in it."""
    pages = [page for page in _pages(run) if KNOWN.search(page.text)]
    if not pages:
        return Excluded("no document names a data set that this script knows")
    code = _code(run)
    pairs = [(page, name) for page in pages for name in sorted(_data_sets(_claims(page.text))) if _spelled(name) in code]
    if not pairs:
        return Excluded("no document says of its own work a data set that the run's programs and logs name too: it claims none")
    page, old = draw.choice(pairs)
    new = draw.choice([name for name in DATASETS if name.lower() not in page.text.lower()])
    # `MS COCO` is called COCO in the next sentence.
    spellings = [name for name in sorted(_data_sets(page.text), key=len, reverse=True) if name in old or old in name]
    lines = [re.sub(rf"\b(?:{'|'.join(map(re.escape, spellings))})\b", new, line, flags=re.IGNORECASE) for line in page.lines]
    touched = {index for index, line in enumerate(lines) if line != page.lines[index]}
    return page.plan(lines, touched, "data set", f"{old} -> {new}")


def invent_citation(run: Honest, draw: random.Random) -> Plan | Excluded:
    """A reference to a paper that does not exist."""
    page = next((page for page in _pages(run) if page.document == "paper"), None)
    if page is None:
        return Excluded("there is no paper")
    heads = [index for index, line in enumerate(page.lines) if re.match(r"^\W*(\d+\.?\s*)?(references|bibliography)\b", line, re.I)]
    if not heads:
        return Excluded("the paper has no list of references")
    year = draw.randint(2019, 2025)
    who = draw.choice(["M. Keller and T. Okafor", "J. Lindqvist, P. Arora", "S. Weymouth et al."])
    what = draw.choice(["Calibrated Pruning for Small Ensembles", "Stable Shortcuts in Tabular Learning", "Robust Budgets"])
    traces = ("literature/output/search/retrieved.json",) if run.kind == "ours" else ("related_work.md",)
    searched = any((run.home / place).is_file() for place in traces)
    ids = {
        "impossible arXiv id": f"arXiv:{draw.randint(19, 25)}{draw.randint(13, 19)}.{draw.randint(1000, 19999):05d}",
        "arXiv id never retrieved": f"arXiv:{draw.randint(19, 24)}{draw.randint(1, 12):02d}.{draw.randint(10000, 17999):05d}",
        "future arXiv id": f"arXiv:{draw.randint(27, 39)}{draw.randint(1, 12):02d}.{draw.randint(10000, 17999):05d}",
        "no identifier": "Proceedings of a machine learning conference",
    }
    variant = draw.choice(sorted(ids))
    if not searched and variant in ("arXiv id never retrieved", "no identifier"):
        return Excluded(NEVER_SOUGHT)
    at = heads[-1] + 1
    while at < len(page.lines) and not page.lines[at].strip():
        at += 1
    new = f"[{draw.randint(61, 99)}] {who}. {what}. {ids[variant]}, {year}."
    # Directly below the heading, with blank lines around: it joins no other entry.
    lines = [*page.lines[: heads[-1] + 1], "", new, "", *page.lines[at:]]
    return page.plan(lines, {heads[-1] + 2}, variant, new)


def break_percentage(run: Honest, draw: random.Random) -> Plan | Excluded:
    """An improvement in percent made wrong. Where a document states none, a true sentence is added first, and broken."""
    pages = [(page, match) for page in _pages(run) for match in stated(page.lines)]
    if pages and (run.kind != "ours" or draw.random() < 0.5):
        page, (index, start, text) = draw.choice(pages)
        if not follows(page.lines, index, text):
            return Excluded("the drawn percentage follows from no two numbers of its line or of one line of a table")
        decimals = len(text.partition(".")[2])
        factors = [draw.choice([draw.uniform(0.4, 0.8), draw.uniform(1.25, 2.0)]) for _ in range(20)]
        false = [new for factor in factors if (new := f"{float(text) * factor:.{decimals}f}") != text]
        false = [new for new in false if not follows(page.lines, index, new)]
        if not false:
            return Excluded("any other percentage follows from some two numbers of the tables as well")
        new = false[0]
        line = page.lines[index]
        lines = [*page.lines[:index], line[:start] + new + line[start + len(text) :], *page.lines[index + 1 :]]
        return page.plan(lines, {index}, "as the document states it", f"{text} % -> {new} %: {line.strip()[:90]}")
    return _added_percentage(run, draw)


def _added_percentage(run: Honest, draw: random.Random) -> Plan | Excluded:
    page = _page(run, draw, rows=2)
    if page is None:
        return Excluded("no table with two rows of numbers")
    found = []
    for grid in grids(page.lines):
        for column in range(1, len(grid.header)):
            rows = [
                (row, cell) for row in grid.rows for cell in cells(page.lines, row) if cell.column == column and not cell.spread
            ]
            found += [(grid, column, a, b) for a in rows for b in rows if b[1].value > a[1].value > 0 and not a[1].coarse]
    if not found:
        return Excluded("no two positive numbers of one column to compare")
    grid, column, (low, worse), (high, better) = draw.choice(found)
    true = 100 * (better.value - worse.value) / worse.value
    wrong = [true * draw.choice([draw.uniform(0.4, 0.8), draw.uniform(1.25, 2.0)]) + draw.choice([-1, 1]) * 0.7 for _ in range(20)]
    false = next((one for one in wrong if one > 0.05 and not change(better.text, worse.text, f"{one:.1f}")), None)
    if false is None:
        return Excluded("any other percentage follows from the two drawn numbers as well")
    form = (
        f"On {grid.header[column]}, {split(page.lines[high])[0]} ({better.text}) improves over {split(page.lines[low])[0]} "
        f"({worse.text}) by {{:.1f}} %."
    )
    end = len(page.lines)
    for index, line in enumerate(page.lines):
        if re.match(r"^\W*(\d+\.?\s*)?(references|bibliography)\b", line, re.IGNORECASE):
            end = index
            break
    before, after = page.lines[:end], page.lines[end:]
    base = [*before, "", form.format(true), "", *after]
    plan = page.plan([*before, "", form.format(false), "", *after], {end + 1}, "a sentence with both values", form.format(false))
    return Plan(plan.variant, plan.document, plan.edits, plan.places, {next(iter(plan.edits)): "\n".join(base) + "\n"}, plan.told)


KINDS: dict[str, Mutator] = {
    "alter a cell": alter_cell,
    "swap two rows": swap_rows,
    "add a baseline": add_baseline,
    "invent an SD": invent_spread,
    "replace a figure": replace_figure,
    "type the log": type_log,
    "change the data set": change_dataset,
    "invent a citation": invent_citation,
    "break a percentage": break_percentage,
}


@dataclass(frozen=True)
class _Page:
    """A document that can be rewritten."""

    run: Honest
    path: Path
    document: str
    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    def plan(self, lines: list[str], touched: set[int], variant: str, told: str) -> Plan:
        """`touched` are 0-based lines of the new text."""
        name = self.run.named(self.path)
        edits: dict[str, str | bytes] = {self.path.relative_to(self.run.home).as_posix(): "\n".join(lines)}
        return Plan(variant, self.document, edits, frozenset((name, line + 1) for line in touched), told=told)


def _pages(run: Honest) -> list[_Page]:
    paths = [(run.report, "report"), (run.papers, "paper")]
    return [
        _Page(run, path, document, path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n"))
        for path, document in paths
        if path is not None
    ]


def _page(run: Honest, draw: random.Random, rows: int = 1) -> _Page | None:
    """A document with a table of at least `rows` rows of numbers."""
    fitting = [
        page
        for page in _pages(run)
        if any(sum(bool(cells(page.lines, row)) for row in grid.rows) >= rows for grid in grids(page.lines))
    ]
    return draw.choice(fitting) if fitting else None


def moved(cell: Cell, draw: random.Random) -> str | None:
    """The number 5 to 40 % away, written with the same decimals; None when its digits cannot show that."""
    for _ in range(50):
        value = cell.value * (1 + draw.choice([-1, 1]) * draw.uniform(0.05, 0.4))
        text = f"{value:.{cell.decimals}f}"
        if 0.05 <= abs(float(text) - cell.value) / abs(cell.value or 1) <= 0.45:
            return text
    return None


def _whole(run: Honest, path: Path, content: str | bytes, variant: str) -> Plan:
    name = run.named(path)
    return Plan(variant, "report", {path.relative_to(run.home).as_posix(): content}, frozenset([(name, None)]), told=name)


def _code(run: Honest) -> str:
    """Programs, settings, logs and names of files of the run, spelled without marks: what it worked on is named there."""
    files = sorted(path for path in run.experiment.rglob("*") if path.is_file())
    told = [path for path in files if path.suffix in (".py", ".ipynb", ".sh", ".yaml", ".yml", ".json", ".log")][:200]
    texts = [path.read_text(encoding="utf-8", errors="replace")[:100_000] for path in told]
    return _spelled(" ".join([*texts, *(path.relative_to(run.experiment).as_posix() for path in files)]))


def _claims(text: str) -> str:
    """The text without its sections on other work and on work not done."""
    kept, other = [], False
    for line in text.splitlines():
        if re.match(r"^\s*(?:#{1,6}\s|\*\*\d|\d+(?:\.\d+)*\.?\s+[A-Z][\w ,&-]{3,60}$)", line):
            other = bool(
                re.search(r"related|background|introduction|limit|future|conclusion|reference|next|discussion", line, re.I)
            )
        if not other:
            kept.append(line)
    return "\n".join(kept)


def _data_sets(text: str) -> set[str]:
    return {match.group().lower() for match in KNOWN.finditer(text)}


def _spelled(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def _drawing(draw: random.Random) -> bytes:
    import io

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4, 3))
    axes.plot([draw.random() for _ in range(12)], marker="o")
    axes.set_title(f"accuracy, seed {draw.randint(1, 9)}")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=60)
    pyplot.close(figure)
    return stream.getvalue()
