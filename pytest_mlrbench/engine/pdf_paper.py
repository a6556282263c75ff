"""A paper that an agent left as paper.pdf becomes paper.md, which judges and checks read; called at a stage's end.

The PDF is a stranger's file: it is read in a process of its own, with limits (`python -m ...engine.pdf_paper FILE`).
"""

import json
import resource
import subprocess
import sys
from pathlib import Path

SECONDS = 60.0
MEMORY = 4 * 2**30
"""Bytes of address space: a page can unpack into any size."""
FILE, TEXT = "paper.pdf", "paper.md"


def read_paper(stage: str, output: Path) -> list[str]:
    """Where the paper stage left paper.pdf and no paper.md below `output`, write the latter; returns what a judge has to know.

    The PDF stays beside it. Nothing is written when no text can be read.
    """
    pdf, text = output / FILE, output / TEXT
    if stage != "paper" or not pdf.is_file() or pdf.is_symlink() or text.exists() or text.is_symlink():
        return []
    command = [sys.executable, "-P", "-m", __spec__.name, str(pdf)]
    try:
        found = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True, stdin=subprocess.DEVNULL)
        pages = json.loads(found.stdout)
    except subprocess.TimeoutExpired:
        return [f"{FILE}: its text could not be read within {SECONDS:g} s"]
    except (subprocess.CalledProcessError, ValueError) as error:
        return [f"{FILE}: its text could not be read ({type(error).__name__})"]
    if not pages["text"].strip():
        return [f"{FILE}: no text could be read ({pages['problem'] or 'its pages hold pictures only'})"]
    text.write_text(pages["text"].rstrip() + "\n", encoding="utf-8", errors="replace")
    cut = f"; {pages['problem']}" if pages["problem"] else ""
    return [f"{TEXT} was read from {FILE}: figures inside it are missing, tables and formulas are lines of text{cut}"]


def main() -> None:
    """Print the text of the PDF on the command line as JSON."""
    from ..evidence.checks.pdf import read_pdf

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (int(SECONDS), int(SECONDS)))
    pages = read_pdf(Path(sys.argv[1]))
    print(json.dumps({"text": pages.text, "problem": pages.problem}))


if __name__ == "__main__":
    main()
