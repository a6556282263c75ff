"""Well-known data sets and models: their names in documents and in code, their sizes; `work` asks which of them a text names.

known.json has them: name -> other names (`also`), what stands in code only (`signs`), parameters of the whole model, FLOP of one
forward pass over an image of 224 x 224 (`image`), and how its name is told from other words (`word`, `context`, `case`,
`not_before`: the fields of Known). Sources: the models' papers (ResNet arXiv 1512.03385 table 1, doubled from
multiply-adds; ViT 2010.11929; BERT 1810.04805; GPT-2 report and released weights; T5 1910.10683; Llama 2302.13971, 2307.09288,
2407.21783; Mistral 2310.06825; CLIP 2103.00020; the others' model cards, of a family the smallest member).
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ...patterns import lazy

DATA_WORD = r"(?:data ?sets?|data\b|benchmarks?|corpus|collection|images?|table)"
_DATA = lazy(r"(?i)\bdata ?sets?\b|\bbenchmarks?\b|\bcorpus\b|\bdata\b")
_JOINTS = lazy(r"[\W_]+")
_ASCII_JOINTS = bytes(code for code in range(128) if not chr(code).isalnum())
TASK_WORD = r"(?:[\w-]+\s+){0,2}"


class Known(NamedTuple):
    """One data set or model."""

    name: str
    also: tuple[str, ...]
    signs: tuple[str, ...]
    """What stands for it in code beside its names."""
    parameters: float = 0.0
    """Of the smallest variant the name can mean; 0 when unknown."""
    image: float = 0.0
    """FLOP of one forward pass over an image of 224 x 224; 0 when it takes no images."""
    common: bool = False
    """Its name is a common word: a document names it beside a word for data only."""
    case: bool = False
    """Only as it is spelt: in lower case it is another word."""
    not_before: tuple[str, ...] = ()
    """Words right before the name that make it another one."""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.also)

    def stated(self, text: str) -> re.Match[str] | None:
        """Where a document's line names it."""
        for pattern in _document_patterns(self):
            for match in pattern.finditer(text):
                before = text[max(0, match.start() - 12) : match.start()].lower().rstrip(" -_")
                if not before.endswith(self.not_before or ("\0",)):
                    return match
        if self.common and _DATA.search(text):
            # A common word with a capital letter inside a sentence on data is a name: `using Iris [6], a small dataset`.
            inside = re.search(rf"(?<=[a-z,:(|*`] )\b{re.escape(self.name)}\b", text)
            return inside if self.name[0].isupper() else None
        return None


@lru_cache
def data_sets() -> tuple[Known, ...]:
    """All known data sets."""
    return tuple(_known(name, fields) for name, fields in _content()["data_sets"].items())


@lru_cache
def models() -> tuple[Known, ...]:
    """All known models."""
    return tuple(_known(name, fields) for name, fields in _content()["models"].items())


@lru_cache
def _content() -> dict[str, Any]:
    return dict(json.loads(Path(__file__).with_name("known.json").read_text(encoding="utf-8")))


def _known(name: str, fields: dict[str, Any]) -> Known:
    return Known(
        str(name),
        tuple(fields.get("also", ())),
        tuple(fields.get("signs", ())),
        float(fields.get("parameters", 0)),
        float(fields.get("image", 0)),
        bool(fields.get("word") or fields.get("context")),
        bool(fields.get("case")),
        tuple(fields.get("not_before", ())),
    )


def flexible(name: str) -> str:
    """A regular expression for `name` however it is joined: `CIFAR-10`, `cifar10` and `CIFAR 10`, but not `CIFAR-100`.

    >>> [bool(re.search(flexible("CIFAR-10"), text, re.I)) for text in ("datasets.CIFAR10(", "cifar_10", "CIFAR-100", "CIFAR10-C")]
    [True, True, False, True]
    """
    parts = re.findall(r"[A-Za-z]+|\d+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name))
    left = r"(?<![A-Za-z0-9])" if sum(map(len, parts)) < 5 else r"(?<![A-Za-z])" if len(parts[0]) < 4 else ""
    right = r"(?!\d)" if parts and parts[-1].isdigit() else r"(?-i:(?![a-z0-9]))" if sum(map(len, parts)) < 5 else ""
    return left + r"[\W_]{0,3}".join(re.escape(part) for part in parts) + right


@lru_cache(maxsize=4096)
def _document_patterns(one: Known) -> tuple[re.Pattern[str], ...]:
    flags = 0 if one.case else re.IGNORECASE
    found = []
    for index, name in enumerate(one.names):
        body = r"\b" + flexible(name) + r"\b(?!-[A-Z]\b)"
        if one.common and index == 0:
            near = rf"{body}(?=[*_`\"')\]]{{0,3}}\s{TASK_WORD}{DATA_WORD})|(?<=[Dd]ataset: ){body}|(?i:data ?sets?\W{{1,6}}{body})"
            found.append(re.compile(near, flags))
        else:
            found.append(re.compile(body, flags))
    return tuple(found)


def possible(text: str, kinds: tuple[Known, ...]) -> tuple[Known, ...]:
    """Those of `kinds` that a text may name: a name stands in it somewhere, however it is joined."""
    plain = squeezed(text)
    return tuple(one for one in kinds if any(letters(name) in plain for name in one.names))


def named_in(line: str, kinds: tuple[Known, ...]) -> Iterator[tuple[Known, int]]:
    """Every known thing that a document's line names, with the offset; of overlapping names the longest."""
    hits = []
    for one in possible(line, kinds):
        match = one.stated(line)
        if match is not None:
            hits.append((match.start(), match.end(), one))
    for start, end, one in hits:
        if not any(s <= start and e >= end and (e - s) > (end - start) for s, e, _ in hits):
            yield one, start


def squeezed(text: str) -> str:
    """Letters and digits of a text alone, in lower case: where a name matches by `flexible`, its letters stand in a row here."""
    kept = text.encode("utf-8", "surrogatepass").translate(None, _ASCII_JOINTS).decode("utf-8", "surrogatepass")
    return (kept if kept.isascii() else _JOINTS.sub("", kept)).casefold()


@lru_cache(maxsize=4096)
def letters(name: str) -> str:
    """What of a name stands in `squeezed` texts that hold it."""
    return "".join(re.findall(r"[A-Za-z]+|\d+", name)).casefold()
