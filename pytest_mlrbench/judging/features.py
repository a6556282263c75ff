"""What can be counted in a text: sections, words, terms, LaTeX, numbers with a source, figures (offline.py makes scores of it)."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from .work import Work

Measured = tuple[float, str]
"""A feature: how far it is met, 0 to 1, and in words what was counted."""

SECTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "idea": (("motivation", r"motivation|background|problem"), ("main idea", r"main idea|idea|approach|method")),
    "proposal": (
        ("introduction", r"introduction|background"),
        ("methodology", r"method|approach|research design"),
        ("expected outcomes", r"expected|outcome|impact"),
    ),
    "experiment": (
        ("set-up", r"set-?\s?up|configuration|protocol"),
        ("results", r"result"),
        ("discussion", r"discussion|analysis"),
        ("conclusion", r"conclusion|finding|summary"),
        ("limitations", r"limitation"),
    ),
    "paper": (
        ("abstract", r"abstract"),
        ("introduction", r"introduction"),
        ("related work", r"related work|literature|background"),
        ("methodology", r"method|approach"),
        ("experiment setup", r"set-?\s?up|experimental (design|details|protocol)"),
        ("experiment results", r"result"),
        ("analysis", r"analysis|discussion"),
        ("conclusion", r"conclusion"),
        ("references", r"reference|bibliography"),
    ),
}
"""Stage -> sections asked for beside the title (prompts/), each with the heading words that count as it."""

LENGTHS: dict[str, tuple[int, int | None]] = {
    "idea": (60, 200),
    "proposal": (1500, 2600),
    "experiment": (300, None),
    "paper": (1500, None),
}
"""Stage -> words from which and up to which a text has the asked length. Asked are at most 200 for an idea and about 2000 for a
proposal (paper, Tables 19 and 21); the other lower bounds are ours."""

_WORD = re.compile(r"[a-z][a-z\-]{2,}")
_COMMON = frozenset(
    re.findall(
        r"\w+",
        """
        about above across after again against also although among another any are around because been before being
        below between both but can could did does doing done each either else every few for from further given had has
        have having here how however into its itself just like made make many may might more most much must near need
        needs new nor not now off often one only other our out over own per rather same several shall should since
        some still such than that the their them then there these they this those three through thus too two under
        until upon use used uses using very via was were what when where whether which while who whose why will with
        within without would yet you your work works paper papers research study studies method methods model models
        data result results learning machine
        """,
    )
)
"""Words that tell nothing about a task: function words, and what every paper says."""


def stem(word: str) -> str:
    """The first six letters of a word without its plural or participle ending: enough to meet `calibrated` with `calibration`."""
    return re.sub(r"(ing|ed|es|s)$", "", word)[:6]


def stems(text: str) -> set[str]:
    return {stem(word) for word in _WORD.findall(text.lower())}


def telling(text: str, count: int = 15) -> list[str]:
    """The most repeated words of `text` that are not common ones; equally frequent ones in the order of the alphabet."""
    counted = Counter(word for word in _WORD.findall(text.lower()) if word not in _COMMON and len(word) > 3)
    return sorted(counted, key=lambda word: (-counted[word], word))[:count]


def headings(text: str) -> list[tuple[int, str, str]]:
    """Level, heading and body (up to the next heading of the same or a higher level) of each section of a Markdown text."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").parse(text)
    lines = text.splitlines()
    found = [
        (int(token.tag[1]), tokens[i + 1].content, token.map or [0, 0])
        for i, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0
    ]
    sections = []
    for i, (level, title, place) in enumerate(found):
        end = next((later[2][0] for later in found[i + 1 :] if later[0] <= level), len(lines))
        sections.append((level, title, "\n".join(lines[place[1] : end])))
    return sections


def sections(text: str, stage: str) -> Measured:
    """Share of the asked sections (and a title) that are there with at least five words in them."""
    found = headings(text)
    missing = [] if found or re.search(r"^\W*title\W", text, re.IGNORECASE | re.MULTILINE) else ["title"]
    for name, words in SECTIONS[stage]:
        if not any(re.search(words, title, re.IGNORECASE) and len(body.split()) >= 5 for _, title, body in found):
            missing.append(name)
    asked = len(SECTIONS[stage]) + 1
    detail = f"{asked - len(missing)} of {asked} asked sections" + (f" (missing or empty: {', '.join(missing)})" if missing else "")
    return (asked - len(missing)) / asked, detail


def length(text: str, stage: str) -> Measured:
    """1 within the asked length; below it words / least, above it most / words."""
    least, most = LENGTHS[stage]
    words = len(text.split())
    asked = f"{least} to {most}" if most else f"at least {least}"
    share = min(1.0, words / least) if most is None or words <= most else most / words
    return share, f"{words} words, {asked} expected"


def coverage(text: str, work: Work) -> Measured:
    """Mean of two shares: words of the three topics met best (works pick few), telling words of the brief (40 % is full)."""
    present = stems(text)
    by_topic = sorted((_share(map(stem, _WORD.findall(topic.lower())), present) for topic in work.topics), reverse=True)[:3]
    words = telling(f"{work.task_title} {work.task_brief}")
    of_brief = min(1.0, _share(map(stem, words), present) / 0.4) if words else None
    shares = ([sum(by_topic) / len(by_topic)] if by_topic else []) + ([of_brief] if of_brief is not None else [])
    met = sum(stem(word) in present for word in words)
    detail = f"{met} of {len(words)} telling words of the task" + (
        f", {by_topic[0]:.0%} of the words of its best-met topic" if by_topic else ""
    )
    return (sum(shares) / len(shares) if shares else 0.0), detail


def carried(text: str, earlier: str, name: str) -> Measured:
    """Share of the telling words of an earlier text that come back, 60 % being full."""
    words, present = telling(earlier), stems(text)
    met = sum(stem(word) in present for word in words)
    return min(1.0, met / len(words) / 0.6) if words else 0.0, f"{met} of {len(words)} telling words of the {name} come back"


def _share(wanted: Iterable[str], present: set[str]) -> float:
    entries = list(wanted)
    return sum(entry in present for entry in entries) / len(entries) if entries else 0.0


def mentions(text: str, wanted: dict[str, str]) -> Measured:
    """Share of the things in `wanted` (name -> pattern) that the text speaks of."""
    missing = [name for name, pattern in wanted.items() if not re.search(pattern, text, re.IGNORECASE)]
    detail = f"speaks of {len(wanted) - len(missing)} of {len(wanted)} of {', '.join(wanted)}"
    return 1 - len(missing) / len(wanted), detail + (f" (not of {', '.join(missing)})" if missing else "")


def sentences(text: str) -> Measured:
    """Share of prose sentences that have 4 to 40 words and are not said twice."""
    prose = re.sub(r"^\s*(#|\||!\[|\$\$).*$", "", without_code(text), flags=re.MULTILINE)
    found = [
        " ".join(part.split()) for part in re.split(r"(?<=[.!?:])\s+|\n\s*\n|\n(?=\s*(?:[-*]|\d+\.)\s)", prose) if part.strip()
    ]
    if not found:
        return 0.0, "no sentence"
    seen: Counter[str] = Counter()
    good = 0
    for sentence in found:
        seen[sentence] += 1
        good += 4 <= len(sentence.split()) <= 40 and seen[sentence] == 1
    return good / len(found), f"{good} of {len(found)} sentences have 4 to 40 words and stand once"


def without_code(text: str) -> str:
    """`text` without fenced and inline code."""
    return re.sub(r"`[^`\n]*`", " ", re.sub(r"^(```|~~~).*?^\1\s*$", "", text, flags=re.MULTILINE | re.DOTALL))


_MATH = re.compile(
    r"(?<!\\)\$\$(.+?)(?<!\\)\$\$|(?<![\\$])\$(?!\s)([^$\n]+?)(?<![\s\\])\$(?!\d)|\\\[(.+?)\\\]|\\\((.+?)\\\)", re.DOTALL
)


def latex(text: str) -> Measured | None:
    """Share of formulas that parse (see `latex_problem`); None for a text without any."""
    plain = without_code(text)
    formulas = ["".join(filter(None, match.groups())) for match in _MATH.finditer(plain)]
    problems = [problem for problem in map(latex_problem, formulas) if problem]
    if "$$" in _MATH.sub("", plain):
        problems.append("a $$ that is never closed")
        formulas.append("$$")
    if not formulas:
        return None
    detail = f"{len(formulas) - len(problems)} of {len(formulas)} formulas parse" + (
        f" (first problem: {problems[0]})" if problems else ""
    )
    return 1 - len(problems) / len(formulas), detail


def latex_problem(formula: str) -> str:
    """What is wrong with the brackets of a formula, empty when nothing is.

    Braces, environments and \\left...\\right must nest, ^ and _ need something after them, and control characters are the traces
    of an escape that was swallowed (`\\f` of `\\frac`).
    """
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]|\t(?=[a-z])", formula):
        return "a control character where a command was meant"
    stack: list[str] = []
    for match in re.finditer(r"\\(begin|end)\s*\{([^}]*)\}|\\(left|right)(?![a-zA-Z])|\\.|[{}]", formula, re.DOTALL):
        environment, name, side = match.group(1), match.group(2), match.group(3)
        found = match.group()
        if environment == "begin" or side == "left" or found == "{":
            stack.append(name or side or "{")
        elif environment == "end" or side == "right" or found == "}":
            opened = {"right": "left"}.get(side or "", name or "{")
            if not stack or stack.pop() != opened:
                return f"{found} closes nothing that is open"
    if stack:
        return f"{stack[-1]} is never closed"
    return "^ or _ at the end" if re.search(r"(?<!\\)[\^_]\s*(\}|$)", formula) else ""


_CLAIM = re.compile(r"(?<![\w.:/$\\])[-−]?(\d+\.\d{2,})(?![\w.]*\d)\s?(\\?%)?")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_READ = 5_000_000
"""Characters read of one results file: a number of a headline table stands in a summary, not megabytes into a log."""


def sourced(text: str, sources: Sequence[str]) -> Measured:
    """Share of the numbers with two or more decimals that stand in `sources`, up to rounding, sign and percent.

    Derived numbers (ratios, sums) are not recognised; a text without such numbers has nothing to show and gets 0.
    """
    claims = [
        (float(m.group(1)), len(m.group(1).partition(".")[2]), bool(m.group(2)))
        for m in _CLAIM.finditer(_MATH.sub("", without_code(text)))
    ]
    if not claims:
        return 0.0, "no number with two decimals in the text"
    known = sorted({abs(float(number)) for source in sources for number in _NUMBER.findall(source[:_READ])})
    good = sum(
        _stands(value, digits, known)
        or (_stands(value / 100, digits + 2, known) if percent else (digits >= 3 and _stands(value * 100, digits - 2, known)))
        for value, digits, percent in claims
    )
    return good / len(claims), f"{good} of {len(claims)} numbers with two or more decimals stand in the results files"


def _stands(value: float, digits: int, known: Sequence[float]) -> bool:
    """Whether some known number rounds to `value` at `digits` decimals."""
    slack = 0.5 * 10.0 ** -max(digits, 0) + 1e-9
    place = bisect_left(known, value - slack)
    return place < len(known) and known[place] <= value + slack


def figures(text: str, work: Work) -> Measured | None:
    """Share of the figures shown in the text that exist and are images; None when it shows none."""
    from markdown_it import MarkdownIt

    inline = (child for token in MarkdownIt("commonmark").parse(text) for child in token.children or ())
    shown = {PurePosixPath(str(child.attrs["src"])).name for child in inline if child.type == "image"}
    there = {PurePosixPath(part.name).name for part in work.parts if part.kind == "figure" and part.path and is_image(part.path)}
    if not shown:
        return None
    good = shown & there
    missing = sorted(shown - there)
    return len(good) / len(shown), f"{len(good)} of {len(shown)} shown figures exist" + (
        f" (not: {', '.join(missing)})" if missing else ""
    )


def is_image(path: Path) -> bool:
    """Whether a file begins like a PNG, JPEG, GIF, PDF, WebP or SVG image; False when it cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError:
        return False
    magic = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"%PDF-", b"RIFF")
    return start.startswith(magic) or b"<svg" in start
