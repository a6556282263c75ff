"""LaTeX of a document that cannot be typeset: braces, environments and delimiters that do not close; part of arithmetic.

`warn` at most.
"""

import re

from ...audits import Finding, Quote
from ...patterns import lazy
from .case import finding
from .documents import Document

MAX_SPANS = 400
"""Formulas read in one document."""
MAX_LENGTH = 4000
"""Characters of one formula; longer ones are a delimiter that went missing elsewhere."""
_DISPLAY = lazy(r"\$\$(.{1,4000}?)\$\$|\\\[(.{1,4000}?)\\\]|\\\((.{1,1000}?)\\\)", re.S)
_INLINE = lazy(r"(?<![\\$\w])\$(?=[^\s$\d])([^$\n]{1,400}?)(?<=[^\s\\])\$(?![\d$])")
_MATHS = lazy(r"\\[A-Za-z]{2,}|[_^{}]")
_CODE = lazy(r"(?ms)^(```|~~~).*?^\1|`[^`\n]+`")


def findings(document: Document) -> list[Finding]:
    """Formulas that no reading of LaTeX accepts. `$5` is money, and a formula without a command or brace is not read."""
    if "\\" not in document.text and "$" not in document.text:
        return []
    text = _CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), document.text)
    found = []
    spans = [(match.start(), next(group for group in match.groups() if group is not None)) for match in _DISPLAY.finditer(text)]
    rest = _DISPLAY.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    spans += [(match.start(), match[1]) for match in _INLINE.finditer(rest)]
    for start, formula in sorted(spans)[:MAX_SPANS]:
        if _MATHS.search(formula) and (why := problem(formula)):
            line = text.count("\n", 0, start) + 1
            quotes = [Quote(file=document.name, line=line, quote=formula.strip()[:300])]
            found.append(
                finding("mathematical_error", document.scope, "arithmetic", "warn", f"the formula does not parse: {why}", quotes)
            )
    return found


def problem(formula: str) -> str:
    """What keeps a formula from being typeset; empty when nothing does.

    >>> problem(r"\\frac{a}{b} + \\left( x \\right)"), problem(r"\\frac{a}{b")
    ('', 'a brace is opened and not closed')
    """
    bare = re.sub(r"\\[{}]", "x", formula.replace("\\\\", " "))
    depth = 0
    for char in bare:
        depth += (char == "{") - (char == "}")
        if depth < 0:
            return "a brace is closed that was not opened"
    if depth:
        return "a brace is opened and not closed"
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\s*\{([^{}]{1,40})\}", bare):
        if kind == "begin":
            opened.append(name)
        elif not opened or opened.pop() != name:
            return f"\\end{{{name}}} has no \\begin{{{name}}}"
    if opened:
        return f"\\begin{{{opened[-1]}}} has no end"
    if len(re.findall(r"\\left(?![A-Za-z])", bare)) != len(re.findall(r"\\right(?![A-Za-z])", bare)):
        return "\\left and \\right do not pair"
    if re.search(r"\^\s*\{[^{}]*\}\s*\^|(?<!\\)_\s*\{[^{}]*\}\s*_", bare):
        return "a double superscript or subscript"
    return ""
