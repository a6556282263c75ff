"""Where the parts of an agent's work lie in a folder: code, results, report, paper, log; by usual names, in any agent's layout."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ...patterns import lazy
from ..files import files_below, read_bytes
from .data import RESULT_SUFFIXES
from .kinds import EVENTS, kind_of

RESULT_FOLDERS = ("results", "result", "experiment_results", "outputs", "output", "artifacts")
CODE_FOLDERS = ("code", "codes", "src", "scripts", "experiments")
PAPER_FOLDERS = frozenset(("paper", "papers", "latex", "tex", "manuscript", "writeup", "report", "submission", "draft"))
SOURCES = frozenset((".py", ".ipynb", ".sh", ".r", ".jl", ".m", ".cpp", ".rs", ".js", ".ts", ".java"))
PAPER_NAME = lazy(r"(?i)^(?:.*[_-])?(?:paper|manuscript|article|writeup|submission)(?:[_-].*)?$")
REPORT_NAME = lazy(r"(?i)^(?:.*[_-])?(?:results?|report|findings)(?:[_-].*)?$")
LOG_NAMES = ("log.txt", "train.log", "experiment.log", "run.log", "output.log", "log.log")
MAX_LOOKED_INTO = 40
"""LaTeX files of which the beginning is read, to tell a paper from a part of one."""


class Parts(NamedTuple):
    """What was found. None: there is none."""

    code: Path
    """The folder of code; the whole folder when no other bears a usual name."""
    results: Path
    report: Path | None
    paper: Path | None
    log: Path | None


def find_parts(
    root: Path, paper: Path | None = None, code: Path | None = None, results: Path | None = None, log: Path | None = None
) -> Parts:
    """The parts of `root`; those that are given are taken as they are."""
    results = results or _folder(root, RESULT_FOLDERS) or root
    code = code or _folder(root, CODE_FOLDERS) or next(iter(sorted(_folders(root, "*_code"))), root)
    upper = [path for path in files_below(root) if len(path.relative_to(root).parts) <= 4]
    log = log or next((path for name in LOG_NAMES for path in (results / name, root / name) if path.is_file()), None)
    return Parts(code, results, _report(root, results, upper), paper or _paper(root, results, upper), log)


def _folder(root: Path, names: Iterable[str]) -> Path | None:
    return next((p for name in names if (p := root / name).is_dir() and not p.is_symlink()), None)


def _folders(root: Path, pattern: str) -> list[Path]:
    return [p for p in root.glob(pattern) if p.is_dir() and not p.is_symlink()]


def _report(root: Path, results: Path, files: list[Path]) -> Path | None:
    """results.md, or the Markdown text whose name says most plainly that it reports."""
    plain = next((p for p in (results / "results.md", root / "results.md") if p.is_file()), None)
    named = [p for p in files if p.suffix.lower() == ".md" and REPORT_NAME.match(p.stem) and not PAPER_NAME.match(p.stem)]
    return plain or min(
        named, key=lambda p: (len(p.relative_to(root).parts), not p.stem.lower().startswith("result"), str(p)), default=None
    )


def _paper(root: Path, results: Path, files: list[Path]) -> Path | None:
    """paper.md, another Markdown paper, a whole LaTeX document, or the longest PDF outside figures and results."""
    texts = [p for p in files if p.suffix.lower() == ".md" and PAPER_NAME.match(p.stem) and not p.stem.lower().startswith("review")]
    texts = [p for p in texts if p.parent in (root, results) or p.parent.name.lower() in PAPER_FOLDERS]
    if texts:
        return min(texts, key=lambda p: (p.name != "paper.md", len(p.parts), str(p)))
    sources = [p for p in files if p.suffix.lower() == ".tex"][:MAX_LOOKED_INTO]
    whole = [p for p in sources if b"\\begin{document}" in (read_bytes(p, 2**20) or b"")]
    if whole:
        return max(whole, key=lambda p: (p.stat().st_size, str(p)))
    pdfs = [p for p in files if p.suffix.lower() == ".pdf" and (p.parent == root or p.parent.name.lower() in PAPER_FOLDERS)]
    return max(pdfs, key=lambda p: (bool(PAPER_NAME.match(p.stem)), p.stat().st_size, str(p)), default=None)


def nothing_usable(root: Path, parts: Iterable[Path | None]) -> str:
    """Why nothing in a folder can be checked; empty when something can: a text, code, data or a log."""
    kinds: Counter[str] = Counter()
    for path in files_below(root):
        suffix = kind_of(path.as_posix()).suffix
        if suffix in SOURCES or suffix in RESULT_SUFFIXES or suffix in (".pdf", ".npy", ".npz", EVENTS):
            return ""
        kinds[suffix or "no suffix"] += 1
    if any(part is not None for part in parts):
        return ""
    if not kinds:
        return "it holds no file"
    shown = ", ".join(f"{kind} x {count}" for kind, count in kinds.most_common(4))
    return f"it holds no paper, report, code, data or log that can be read, only {shown}"
