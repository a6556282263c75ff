"""How findings name and quote a line of the executed code; the data-flow rules use it."""

import re
from typing import TYPE_CHECKING

from ....audits import Quote

if TYPE_CHECKING:
    from ..case import Case


def named(file: str) -> str:
    """The file as a sentence names it."""
    return "code on the command line" if re.search(r"(?:^|/)command \d+$", file) else file


def quote_line(case: "Case", sources: dict[str, str], file: str, line: int) -> Quote:
    """A line of the executed code; code of the command line is quoted where the log or the ledger has the command."""
    inline = re.search(r"(?:^|/)command (\d+)$", file)
    if inline:
        event = next((one for one in case.subject.events if one.seq == int(inline[1])), None)
        place = case.subject.place(event) if event is not None else (file, line)
        text = sources.get(file, "").splitlines()
        return Quote(file=place[0], line=place[1], quote=text[line - 1].strip() if 0 < line <= len(text) else "")
    lines = sources.get(file, "").splitlines()
    return Quote(file=file, line=line, quote=lines[line - 1].strip() if 0 < line <= len(lines) else "")
