"""The text of PDF papers, page by page; tables come out as lines of text, figures not at all."""

import logging
import re
import time
from pathlib import Path
from typing import NamedTuple

from ...patterns import lazy
from .subject import read_bytes

MAX_BYTES = 40 * 2**20
MAX_PAGES = 50
MAX_CHARS = 1_000_000
MAX_SECONDS = 5.0
"""CPU time after which no further page is begun."""
HEADING = lazy(
    r"^(?:(?:\d{1,2}(?:\.\d{1,2}){0,2}|[A-Z](?:\.\d{1,2})?)\.?\s+[A-Z][\w ,:&/()'-]{2,70}|abstract|references|bibliography|"
    r"acknowledge?ments?|appendix|(?:\d\.?\s+)?conclusions?|limitations)\s*$",
    re.IGNORECASE,
)


class Pages(NamedTuple):
    """What was read of one PDF."""

    text: str
    """Lines of all pages; what looks like a section's title begins with `## `."""
    page_of: tuple[int, ...]
    """Page (from 1) of each line."""
    problem: str = ""
    """Why there is no text, or not all of it."""


def read_pdf(path: Path) -> Pages:
    """Text of the first MAX_PAGES pages. A file that is no PDF, is encrypted or holds pictures only has none, and says why."""
    content = read_bytes(path, MAX_BYTES)
    if content is None or not content.startswith(b"%PDF-"):
        return Pages("", (), "it is no PDF file")
    import io

    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    lines: list[str] = []
    pages: list[int] = []
    problem = ""
    started = time.process_time()
    try:
        reader = PdfReader(io.BytesIO(content))
        count = len(reader.pages)
        for number in range(1, min(count, MAX_PAGES) + 1):
            for line in reader.pages[number - 1].extract_text().splitlines():
                bare = line.strip()
                lines.append(f"## {bare}" if HEADING.match(bare) else line)
                pages.append(number)
            if number < count and (sum(map(len, lines)) > MAX_CHARS or time.process_time() - started > MAX_SECONDS):
                problem = f"only {number} of {count} pages were read"
                break
        if count > MAX_PAGES and not problem:
            problem = f"only {MAX_PAGES} of {count} pages were read"
    except (
        PyPdfError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        RecursionError,
        NotImplementedError,
        OSError,
    ) as error:
        problem = f"its text could not be read ({type(error).__name__}: {str(error)[:80]})"
    if not "".join(lines).strip():
        problem = problem or "it holds no text (a scan, or pictures of pages)"
    return Pages("\n".join(lines), tuple(pages), problem)
