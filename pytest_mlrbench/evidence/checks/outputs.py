"""Outputs: referenced figures that are missing, empty, no images or the same one twice, empty logs, results without any program."""

import hashlib
import re
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from ...audits import Finding, Quote
from ...patterns import lazy
from .case import MAX_QUOTES, Case, Check, Outcome, few, finding
from .documents import Document
from .subject import files_below, read_bytes

NAME = "outputs"
FIGURE = lazy(r"!\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|<img[^>]+src=[\"']([^\"']+)[\"']|\\includegraphics(?:\[[^\]]*\])?\{([^}]+)\}")
MAGIC = {
    ".png": (b"\x89PNG\r\n\x1a\n",),
    ".jpg": (b"\xff\xd8\xff",),
    ".jpeg": (b"\xff\xd8\xff",),
    ".gif": (b"GIF87a", b"GIF89a"),
    ".pdf": (b"%PDF-",),
    ".webp": (b"RIFF",),
}
"""How a file of this kind begins."""


def run(case: Case) -> Outcome:
    """Check every figure that a document shows, the log, and that a program ran at all."""
    subject = case.subject
    roots = [root for root in (subject.output, subject.experiment) if root is not None]
    there: dict[str, list[Path]] = {}
    for root in dict.fromkeys(roots):
        for path in files_below(root):
            there.setdefault(path.name, []).append(path)
    findings: list[Finding] = []
    for document in case.documents:
        findings += _figures(case, document, there)
    findings += _log(case)
    if subject.host_ledger and case.report is not None and case.report.claims and not case.writers.runs:
        claim = case.report.claims[0]
        message = f"{case.report.name} states results, but no command of this run executed a program"
        quote = Quote(file=case.report.name, line=claim.line, quote=claim.quote)
        findings.append(finding("faked_results", "results", NAME, "fail", message, [quote]))
    return Outcome(findings)


def _figures(case: Case, document: Document, there: dict[str, list[Path]]) -> list[Finding]:
    subject = case.subject
    source = subject.paper if document.scope == "paper" else subject.report
    folder = source.parent if source is not None else subject.output
    findings: list[Finding] = []
    missing: list[tuple[str, Quote]] = []
    shown: dict[str, tuple[Path, Quote]] = {}
    for line, text in enumerate(document.lines, 1):
        for match in FIGURE.finditer(text):
            target = unquote(next(group for group in match.groups() if group))
            if re.match(r"^(https?:|data:)", target):
                continue
            quote = Quote(file=document.name, line=line, quote=text.strip())
            exact = _resolve(target, [folder, subject.output, subject.experiment, subject.results])
            same_name = there.get(PurePosixPath(target).name, [])
            if exact is None and same_name:
                message = f"the figure link {target!r} leads nowhere; a file of that name is {subject.name(same_name[0])}"
                findings.append(finding("other", document.scope, NAME, "info", message, [quote]))
                exact = same_name[0]
            if exact is None:
                # Only a whole folder (ours, with its ledger) shows that a figure never was; a published one may be a selection.
                if subject.host_ledger:
                    message = f"{document.name} shows a figure {target!r} that does not exist anywhere in the output"
                    findings.append(finding("other", document.scope, NAME, "fail", message, [quote]))
                else:
                    missing.append((repr(target), quote))
                continue
            problem = _image_problem(exact)
            if problem:
                severity = "fail" if subject.host_ledger else "warn"
                message = f"the figure {target!r} of {document.name} {problem}"
                findings.append(finding("other", document.scope, NAME, severity, message, [quote]))  # type: ignore[arg-type]
                continue
            content = read_bytes(exact) or b""
            first, where = shown.setdefault(hashlib.sha256(content).hexdigest(), (exact, quote))
            if first.name != exact.name:
                message = f"{document.name} shows one picture as two figures: {first.name} and {exact.name} are the same file"
                findings.append(finding("faked_results", document.scope, NAME, "warn", message, [quote, where]))
    if len(missing) == 1:
        message = f"{document.name} shows a figure {missing[0][0]} that does not exist anywhere in the output"
        findings.append(finding("other", document.scope, NAME, "warn", message, [missing[0][1]]))
    elif missing:
        message = f"{document.name} shows {len(missing)} figures that do not exist anywhere in the output: {few(missing)}"
        findings.append(finding("other", document.scope, NAME, "warn", message, [quote for _, quote in missing[:MAX_QUOTES]]))
    return findings


def _resolve(target: str, folders: list[Path | None]) -> Path | None:
    """The file a link means, inside one of the folders only."""
    for folder in folders:
        if folder is None:
            continue
        path = folder / target.lstrip("/")
        try:
            inside = path.resolve().is_relative_to(folder.parent.resolve())
        except (OSError, RuntimeError, ValueError):
            continue
        if inside and path.is_file() and not path.is_symlink():
            return path
    return None


def _image_problem(path: Path) -> str:
    content = read_bytes(path, 1 << 16)
    if content is None:
        return "cannot be read as a regular file"
    if not content:
        return "is empty"
    suffix = path.suffix.lower()
    if suffix == ".svg":
        return "" if b"<svg" in content[:4096] or b"<svg" in content else "is no SVG image"
    magic = MAGIC.get(suffix)
    if magic and not content.startswith(magic):
        return f"is no image: it begins with {content[:12]!r}"
    return ""


def _log(case: Case) -> list[Finding]:
    log = case.subject.log
    if log is None or case.subject.results is None:
        return []
    name = case.subject.name(log)
    if not log.is_file():
        return [finding("other", "results", NAME, "warn", f"there is no log: {name} is missing", [Quote(file=name)])]
    if not (read_bytes(log, 4096) or b"").strip():
        return [finding("other", "results", NAME, "warn", f"the log {name} is empty", [Quote(file=name)])]
    return []


CHECK = Check(NAME, run)
