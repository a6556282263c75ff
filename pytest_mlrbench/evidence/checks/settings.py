"""Settings that documents state (epochs, learning rate, batch size, seeds, optimiser, sizes) against the code: `methodology`'s."""

import re
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import NamedTuple

from ...audits import Finding, Quote
from ...patterns import lazy
from .case import Case, finding
from .data import Fact
from .documents import Document
from .quantities import numbers_in
from .spoken import HEDGE, own_lines, sentences

NAME = "methodology"
MAX_CODE = 400_000
"""Characters of executed code that are parsed for settings."""
_N = r"(?P<n>\d+(?:[.,]\d+)*(?:\s?(?:e|E)\s?-?\d+|\s?(?:\\times|×|x|\\cdot)\s?10\s?\^?\{?[-−–⁻]?[\d⁻¹²³⁴⁵⁶⁷⁸⁹]+\}?)?)"
_WORDS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twenty": 20}
_COUNT = rf"(?P<n>\d{{1,6}}|{'|'.join(_WORDS)})"
BUNDLED = {
    "load_iris": {150.0, 4.0},
    "load_digits": {1797.0, 64.0},
    "load_wine": {178.0, 13.0},
    "load_breast_cancer": {569.0, 30.0},
    "load_diabetes": {442.0, 10.0},
    "load_linnerud": {20.0, 3.0},
}
"""Rows and columns of the data sets that scikit-learn carries: executed code that loads one knows its size without saying it."""


class Setting(NamedTuple):
    """One kind of setting."""

    name: str
    stated: re.Pattern[str]
    """How documents state it; group `n` is the value."""
    code: re.Pattern[str]
    """Names that code gives it."""
    words: tuple[str, ...]
    """One of these, in lower case, stands in every sentence that states it: looked for first."""
    counts: bool = False
    """A whole number."""


def _setting(name: str, stated: str, code: str, words: str, *, counts: bool = False) -> Setting:
    return Setting(name, lazy(stated, re.IGNORECASE), lazy(code, re.IGNORECASE), tuple(words.split()), counts)


SETTINGS = (
    _setting(
        "epochs",
        rf"(?:\bfor|\bover|\bof|:|\b)\s?\*{{0,2}}\s?{_COUNT}\s(?:training\s)?epochs?\b|\bepochs?\b\*{{0,2}}\s?(?:[:=|]|is|was"
        rf"|of)\s?\*{{0,2}}\s?{_COUNT.replace('<n>', '<m>')}\b",
        r"^(?:n_?|num_?|max_?|train(?:ing)?_?|total_?|warmup_?|finetune_?)*epochs?$|^n_?iter|^max_?iter",
        "epoch",
        counts=True,
    ),
    _setting(
        "batch size",
        rf"\bbatch[- ]?size\b\*{{0,2}}\s?(?:[:=|]|of|is|was|=)?\s?\*{{0,2}}\s?{_COUNT}\b",
        r"batch|^bs$|^mb$",
        "batch",
        counts=True,
    ),
    _setting(
        "learning rate",
        rf"\blearning[- ]rate\b\*{{0,2}}[^.;\d]{{0,25}}?{_N}|\blr\s?=\s?{_N.replace('<n>', '<m>')}",
        r"(?:^|_)(?:lr|eta0|step_?size)(?:$|_)|lr$|learning_?rate",
        "learning lr",
    ),
    _setting(
        "seeds",
        rf"\b{_COUNT}\s(?:(?:different|independent|random|distinct|fixed|data|training)\s){{0,2}}(?:seeds|(?:independent|repeated|random)\s(?:runs|trials|repetitions|repeats))\b"
        rf"|\b(?:number of seeds|seeds)\*{{0,2}}\s?[:=|]\s?\*{{0,2}}\s?{_COUNT.replace('<n>', '<m>')}\s*$",
        r"seeds?|repeats?|n_?runs?|trials?|repetitions?|replicat",
        "seeds runs trials repetitions repeats",
        counts=True,
    ),
)
OPTIMISERS = {
    "AdamW": r"adamw",
    "Adam": r"adam|MLP(?:Classifier|Regressor)",
    "RMSProp": r"rmsprop",
    "Adagrad": r"adagrad",
    "Adadelta": r"adadelta",
    "L-BFGS": r"l_?-?bfgs|LogisticRegression\b|optimize\.minimize\b",
    "Adafactor": r"adafactor",
    "LAMB": r"\blamb\b(?!da)",
}
"""What in executed code stands for an optimiser: its name, and what of scikit-learn and SciPy uses it unless told otherwise."""
OPTIMISER = lazy(r"(?<![\w-])(AdamW|Adam|RMS[Pp]rop|AdaGrad|Adagrad|Adadelta|L-BFGS|Adafactor|LAMB)(?![\w-])")
PEOPLE = lazy(
    r"(?<![\w.-])(?P<n>\d{1,5}|"
    + "|".join(_WORDS)
    + r")\s(?:(?:human|expert|professional|recruited|volunteer|independent|trained|crowd)\s){0,2}"
    r"(?:participants|annotators|raters|evaluators|volunteers|respondents|crowd ?workers|human subjects)\b",
    re.IGNORECASE,
)
RECRUITED = lazy(
    r"\b(?:recruit\w*|we (?:asked|surveyed|interviewed|hired)|rated by|annotated by|took part|participated|with|user study"
    r"|human study|evaluated by)\b",
    re.I,
)
NOT_REAL = lazy(r"simulat|synthetic|virtual|proxy|mock|artificial|model(?:l)?ed", re.I)
SIZES = lazy(
    r"(?<![\w.,-])(?P<n>\d{1,3}(?:,\d{3})+|\d{2,7})\s(?:(?:training|test|validation|synthetic|labell?ed|total|held-out|generated|random|evaluation)\s){0,2}"
    r"(?:samples|examples|images|documents|sentences|instances|problems|tasks|questions|episodes|trajectories|graphs"
    r"|molecules|patients|records|prompts|data points)\b",
    re.IGNORECASE,
)


class Constant(NamedTuple):
    """A value that executed code, a command or data give a name."""

    name: str
    value: float
    file: str
    line: int | None
    text: str


def contradicted(case: Case, document: Document) -> list[Finding]:
    """Settings, optimisers, seeds, people and sizes of a document that the run contradicts or does not know."""
    constants = Constants(case)
    findings: list[Finding] = []
    told: set[str] = set()
    sizes: list[tuple[int, str, str]] = []
    for number, line, _ in own_lines(document):
        if (
            not any(char.isdigit() for char in line)
            and not OPTIMISER.search(line)
            and not PEOPLE.search(line)
            and "seeds" not in line
        ):
            continue
        for sentence in sentences(line):
            if HEDGE.search(sentence):
                continue
            lower = sentence.lower()
            for setting in SETTINGS:
                if setting.name in told or not any(word in lower for word in setting.words):
                    continue
                if found := _setting_of(constants, document, number, sentence, setting):
                    findings.append(found)
                    told.add(setting.name)
            if "optimiser" not in told and (found := _optimiser(case, document, number, sentence)):
                findings.append(found)
                told.add("optimiser")
            if "people" not in told and (found := _people(case, document, number, sentence)):
                findings.append(found)
                told.add("people")
            if not line.lstrip().startswith(("|", "#")):
                sizes += [
                    (number, sentence, match.group())
                    for match in SIZES.finditer(sentence)
                    if not constants.knows(float(match["n"].replace(",", "")))
                ]
    if sizes:
        findings.append(_sizes(document, sizes))
    return findings


class Constants:
    """Named numbers of the executed code, of its commands and of the run's data."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._named: list[Constant] | None = None
        self._values: set[float] | None = None

    @property
    def named(self) -> list[Constant]:
        """Those of code and commands."""
        if self._named is None:
            self._named = list(self._read())
        return self._named

    @property
    def values(self) -> set[float]:
        """Every number of code and commands, and those of the data."""
        if self._values is None:
            found = set(self.case.spoken.numbers)
            found |= {abs(fact.value) for fact in self.case.pool.facts if fact.how == "value"}
            for loader, shape in BUNDLED.items():
                found |= shape if any(loader in text for text in self.case.spoken.code.values()) else set()
            for text in self.case.spoken.rest.values():
                # A file of a size that a document states: with and without its header.
                found |= {float(text.count("\n")), float(max(0, text.count("\n") - 1))}
            self._values = found
        return self._values

    def knows(self, value: float) -> bool:
        """Whether a stated size stands in the run, or is a sum, a product or a share of numbers that do."""
        values = self.values
        if value in values or value <= 3:
            return True
        code = self.case.spoken.numbers
        whole = sorted({v for v in values if v.is_integer() and 1 < v <= 1e7}, key=lambda v: (v not in code, v))[:600]
        as_set = set(whole)
        if any((value - v) in as_set or (v - value) in as_set for v in whole):
            return True
        if any(value % v == 0 and (value / v) in as_set for v in whole if v < value):
            return True
        shares = [v for v in code if 0 < v < 1][:40]
        return any(abs(v * share - value) <= 1 or abs(v * (1 - share) - value) <= 1 for v in whole if v > value for share in shares)

    def of(self, pattern: re.Pattern[str]) -> list[Constant]:
        """Those of code, commands and data whose name fits."""
        found = [one for one in self.named if pattern.search(one.name)]
        for name, facts in self._data.items():
            if pattern.search(name):
                found += [Constant(name, f.value, f.file, f.line, f"{f.key}: {f.value:g}") for f in facts.values()]
        return found

    @cached_property
    def _data(self) -> dict[str, dict[float, Fact]]:
        """Name -> value -> where the data have it, a hundred values of each name at most."""
        found: dict[str, dict[float, Fact]] = {}
        for fact in self.case.pool.facts:
            if fact.how == "value" and fact.names and len(fact.names[-1]) < 40:
                values = found.setdefault(fact.names[-1], {})
                if len(values) < 100:
                    values.setdefault(fact.value, fact)
        return found

    def _read(self) -> Iterator[Constant]:
        for file, text in self.case.spoken.code.items():
            text = text[:MAX_CODE]
            for pattern, read in ASSIGNED:
                for match in pattern.finditer(text):
                    name = match["name"].replace("-", "_")
                    if not _is_setting(name):
                        continue
                    value = read(match)
                    if value is not None:
                        start = text.rfind("\n", 0, match.start("name")) + 1
                        quote = text[start : start + 200].partition("\n")[0].strip()
                        yield Constant(name, value, file, text.count("\n", 0, start) + 1, quote)


@lru_cache(maxsize=4096)
def _is_setting(name: str) -> bool:
    """Code names the same few things again and again."""
    return any(setting.code.search(name) for setting in SETTINGS)


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _scalar(match: re.Match[str]) -> float | None:
    before = match.string[match.string.rfind("\n", 0, match.start("name")) + 1 : match.start("name")]
    if "," in before and _TARGETS.fullmatch(before):
        # `HORIZON, SEEDS = 2000, 12`: the value that stands where the name does.
        values = match.string[match.start("value") :].partition("\n")[0].partition("#")[0].split(",")
        at = before.count(",")
        return _float(values[at].strip().replace("_", "")) if at < len(values) else None
    return _float(match["value"].replace("_", ""))


def _length(match: re.Match[str]) -> float | None:
    """How many items a list has, when there are several."""
    items = [item for item in match["items"].split(",") if item.strip()]
    return float(len(items)) if len(items) > 1 else None


def _range(match: re.Match[str]) -> float | None:
    first, second = int(match["first"]), match["second"]
    return float(int(second) - first if second else first)


_NAME = r"(?<![\w.-])(?P<name>[A-Za-z_][\w-]{0,40})[\"']?\]?"
_TARGETS = lazy(r"\s*(?:[A-Za-z_]\w*\s*,\s*)+")
_VALUE = r"(?P<value>\d[\d_]{0,12}(?:\.\d{0,12})?(?:[eE][-+]?\d{1,3})?|\.\d{1,12})(?![\w.])"
ASSIGNED: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], float | None]], ...] = (
    # `epochs = 40`, `lr: float = 1e-3`, `"batch_size": 16`, `seeds <- 5`, `fit(epochs=3)`, `--epochs 5`
    (lazy(_NAME + r"\s{0,3}(?::\s{0,3}[\w.\[\]| ]{1,30})?\s{0,3}(?:=|:|<-)\s{0,3}" + _VALUE), _scalar),
    (lazy(r"--(?P<name>[A-Za-z][\w-]{0,40})[ =]" + _VALUE), _scalar),
    # `add_argument("--epochs", type=int, default=40)`
    (lazy(r"--(?P<name>[A-Za-z][\w-]{0,40})[\"'][^)]{0,200}?default\s?=\s?" + _VALUE), _scalar),
    (lazy(_NAME + r"\s{0,3}(?:=|:|<-|\bin\b)\s{0,3}(?:c|list|tuple)?[\[({](?P<items>[^\[\](){}\n]{1,600})[\])}]"), _length),
    (lazy(_NAME + r"\s{0,3}(?:=|:|\bin\b)\s{0,3}(?:list\()?range\((?P<first>\d{1,9})(?:,\s?(?P<second>\d{1,9}))?"), _range),
)
"""How code gives a setting its value: a number, or a list or range, whose length counts."""


def _stated(match: re.Match[str]) -> float | None:
    text = next((match.groupdict().get(key) for key in ("n", "m") if match.groupdict().get(key)), "") or ""
    if text.lower() in _WORDS:
        return float(_WORDS[text.lower()])
    text = text.translate(str.maketrans("⁻¹²³⁴⁵⁶⁷⁸⁹⁰−–", "-1234567890--"))
    power = re.fullmatch(r"([\d.,]+)\s?(?:\\times|×|x|\\cdot)\s?10\s?\^?\{?(-?\d+)\}?", text)
    if power:
        return _float(f"{power[1]}e{power[2]}")
    return _float(text.replace(" ", "").replace(",", "").rstrip("."))


def _setting_of(constants: Constants, document: Document, line: int, sentence: str, setting: Setting) -> Finding | None:
    for match in setting.stated.finditer(sentence):
        value = _stated(match)
        if value is None or value <= 0 or (setting.counts and not float(value).is_integer()):
            continue
        known = constants.of(setting.code)
        if any(abs(one.value - value) <= 1e-9 * max(1.0, abs(value)) for one in known):
            continue
        # A value that the code gives to another name may be it.
        if value in constants.values and setting.name != "seeds":
            continue
        if setting.name == "seeds" and (not known or constants.case.spoken.unread or _seed_values(constants) == value):
            continue
        if not known and not constants.case.spoken.code:
            continue
        quotes = [Quote(file=document.name, line=line, quote=sentence.strip())]
        by_value: dict[float, Constant] = {}
        for one in known:
            by_value.setdefault(one.value, one)
        if known:
            named = ", ".join(sorted({f"{one.name} = {one.value:g}" for one in list(by_value.values())[:4]}))
            message = f"{document.name} states {setting.name} {value:g}, but what was executed has {named}"
            quotes += [Quote(file=one.file, line=one.line, quote=one.text) for one in list(by_value.values())[:2]]
        else:
            message = (
                f"{document.name} states {setting.name} {value:g}; no executed code, command or data holds such a setting or number"
            )
        return finding("hallucinated_methodology", document.scope, NAME, "warn", message, quotes)
    return None


def _seed_values(constants: Constants) -> float:
    """How many different seeds the run's data name; 0 when they name none."""
    return float(len({one.value for one in constants.of(re.compile(r"(?i)^(?:seed|repeat|trial|run)$"))}))


def _optimiser(case: Case, document: Document, line: int, sentence: str) -> Finding | None:
    for match in OPTIMISER.finditer(sentence):
        name = next((one for one in OPTIMISERS if one.lower() == match[1].lower()), match[1])
        pattern = re.compile(OPTIMISERS.get(name, re.escape(name)), re.IGNORECASE)
        if any(pattern.search(text) for text in (*case.spoken.code.values(), *case.spoken.rest.values())):
            continue
        message = f"{document.name} states the optimiser {match[1]}, which nothing that was executed names"
        quotes = [Quote(file=document.name, line=line, quote=sentence.strip())]
        return finding("hallucinated_methodology", document.scope, NAME, "warn", message, quotes)
    return None


def _people(case: Case, document: Document, line: int, sentence: str) -> Finding | None:
    """Human participants: a program of this run cannot have asked any, unless it read their answers."""
    match = PEOPLE.search(sentence)
    if match is None or NOT_REAL.search(sentence) or not RECRUITED.search(sentence):
        return None
    word = match.group().split()[-1].rstrip("s")
    place = case.spoken.place(word)
    if place is not None and any(number.text == match["n"] for number in numbers_in(place[2])):
        return None
    message = f"{document.name} states {match.group()}; the run has no data of human participants"
    if place is not None:
        message = f"{document.name} states {match.group()}; what the run says of participants gives no such number"
    quotes = [Quote(file=document.name, line=line, quote=sentence.strip())]
    if place is not None:
        quotes.append(Quote(file=place[0], line=place[1], quote=place[2]))
    return finding("hallucinated_methodology", document.scope, NAME, "warn", message, quotes)


def _sizes(document: Document, sizes: list[tuple[int, str, str]]) -> Finding:
    named = ", ".join(dict.fromkeys(text for _, _, text in sizes[:5]))
    message = (
        f"{document.name} states sizes that no code, command, output or data of the run holds, nor a sum, product or "
        f"share of its numbers: {named}"
    )
    quotes = [Quote(file=document.name, line=line, quote=sentence.strip()) for line, sentence, _ in sizes[:3]]
    return finding("hallucinated_methodology", document.scope, NAME, "warn", message, quotes)
