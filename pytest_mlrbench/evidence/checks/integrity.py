"""Integrity: are the outputs the files that the run left? By the digests of `stage.json` and of the ledger's last events.

Rule for a `fail`: a file below results/ is not the one whose digest the host wrote into `stage.json` when the stage ended, and the
numbers in it are others, or it is a picture or other binary. Without `stage.json` the ledger's last event that changed the file is
compared, and the finding is a `warn`: a process in the background may have written after it. Changed words without a number,
code, and a paper are a `warn`. The changed lines are shown where the ledger kept the version (results.md); of a paper it keeps
none, so only the file is named. Other ends of lines are no change.
"""

import hashlib
import json
from difflib import SequenceMatcher
from pathlib import Path

from ...audits import Finding, Quote, Severity
from ..events import EVIDENCE, VERSIONS
from .case import Case, Check, Outcome, finding
from .quantities import numbers_in
from .subject import read_bytes, read_text
from .writers import plain

NAME = "integrity"
STAGE = "stage.json"
BUDGET = 64 * 2**20
"""Bytes that are hashed in one audit: a quarter of a second."""
MAX_FINDINGS = 20
ADVICE = "Restore it, or run again."
HEX = 64
"""Letters of a plain sha256; digests of links, huge and unreadable files begin with a word."""


def run(case: Case) -> Outcome:
    """Compare every recorded file that is still there with its digest."""
    findings: list[Finding] = []
    compared = 0
    budget = BUDGET
    for root, trial, scope in _trials(case):
        recorded = _stage_files(trial / STAGE)
        source = STAGE if recorded else EVIDENCE
        if not recorded and scope == "results":
            recorded = {path: w.after for path, w in case.writers.last.items() if w.after and len(w.after) == HEX}
        for path, digest in sorted(recorded.items()):
            file = root / path
            if not file.is_file() or file.is_symlink():
                continue
            size = file.stat().st_size
            content = read_bytes(file, size + 1) if size <= budget else None
            if content is None:
                continue
            budget -= size
            compared += 1
            if hashlib.sha256(content).hexdigest() != digest:
                found = _changed(case, file, digest, source, scope)
                findings += [found] if found is not None else []
    if not compared:
        return Outcome(coverage="no evidence: no record made by the host says what the files were")
    findings.sort(key=lambda one: one.severity != "fail")
    left = len(findings) - MAX_FINDINGS
    if left > 0:
        message = f"{left} more files are not the ones that the run left"
        findings = [*findings[:MAX_FINDINGS], finding("other", "results", NAME, "info", message)]
    return Outcome(findings)


def _trials(case: Case) -> list[tuple[Path, Path, str]]:
    """(output folder, trial directory, scope) of the parts of this work that have a host-made record."""
    subject = case.subject
    found = []
    if subject.host_ledger and subject.experiment is not None and subject.trial_dir is not None:
        found.append((subject.experiment, subject.trial_dir, "results"))
    if subject.paper is not None and subject.output != subject.experiment and (subject.output.parent / STAGE).is_file():
        found.append((subject.output, subject.output.parent, "paper"))
    return found


def _stage_files(path: Path) -> dict[str, str]:
    """Output file -> sha256, as the host wrote them when the stage ended; empty for anything else."""
    try:
        files = json.loads(read_text(path) or "{}").get("files", {})
    except (ValueError, RecursionError, AttributeError):
        return {}
    if not isinstance(files, dict):
        return {}
    return {name: digest for name, digest in files.items() if isinstance(digest, str) and len(digest) == HEX and _inner(name)}


def _inner(name: str) -> bool:
    parts = Path(name).parts
    return bool(parts) and not Path(name).is_absolute() and ".." not in parts


def _changed(case: Case, file: Path, digest: str, source: str, scope: str) -> Finding | None:
    subject = case.subject
    name = subject.name(file)
    ended = "the stage ended" if source == STAGE else "the last recorded event"
    where = f"{source} has the sha256 {digest[:12]}… of it"
    result = scope == "paper" or (subject.results is not None and file.is_relative_to(subject.results))
    kept = subject.version(digest)
    severity: Severity = "fail" if result and scope == "results" and source == STAGE else "warn"
    if kept is None or file.suffix.lower() in (".png", ".npz"):
        text = "no copy of it as it was is kept, so the changed lines cannot be shown"
        why = "its content is no text" if kept is not None else text
        message = f"{name} was changed after {ended}: it is not the file that the run left ({where}; {why}). {ADVICE}"
        quotes = [Quote(file=name), Quote(file=source, quote=f"{name}: {digest}")]
        return finding("faked_results", scope, NAME, severity, message, quotes)
    now, then = plain(read_text(file)).splitlines(), plain(read_text(kept)).splitlines()
    pairs = _different(then, now)
    if not pairs:
        return None
    numeric = [pair for pair in pairs if _numbers(pair[2]) != _numbers(pair[3])]
    if not numeric:
        severity = "warn"
    shown = (numeric or pairs)[:3]
    old_line, new_line, old, new = shown[0]
    words = "" if numeric else "no number is different; "
    message = (
        f"{name} was changed after {ended}: line {new_line} now says {new.strip()[:90]!r}, and said {old.strip()[:90]!r} then "
        f"({len(pairs)} line{'s' if len(pairs) > 1 else ''} changed; {words}{where}). {ADVICE}"
    )
    quotes = []
    for old_line, new_line, old, new in shown:
        quotes.append(Quote(file=name, line=new_line, quote=new.strip()))
        quotes.append(Quote(file=f"{VERSIONS}/{digest}", line=old_line, quote=old.strip()))
    return finding("faked_results", scope, NAME, severity, message, quotes)


def _different(then: list[str], now: list[str]) -> list[tuple[int, int, str, str]]:
    """(line then, line now, text then, text now) of lines that are not the same; a missing side is empty."""
    found = []
    for kind, a, b, c, d in _blocks(then, now):
        if kind != "equal":
            for at in range(max(b - a, d - c)):
                old = then[a + at] if a + at < b else ""
                new = now[c + at] if c + at < d else ""
                found.append((min(a + at, b) + 1, min(c + at, d) + 1, old, new))
    return found


def _blocks(then: list[str], now: list[str]) -> list[tuple[str, int, int, int, int]]:
    if len(then) + len(now) > 4000:
        # Too long for a minimal difference: from the first different line on, line by line.
        same = next((i for i, (x, y) in enumerate(zip(then, now, strict=False)) if x != y), min(len(then), len(now)))
        return [("replace", same, min(len(then), same + 100), same, min(len(now), same + 100))] if then != now else []
    return SequenceMatcher(None, then, now, autojunk=False).get_opcodes()  # type: ignore[return-value]


def _numbers(text: str) -> list[float]:
    return [number.value for number in numbers_in(text)]


CHECK = Check(NAME, run)
