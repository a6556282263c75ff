"""The table of docs/security.md, made from the attempts: `python -m tests.security.table` writes it, a test compares it."""

from pathlib import Path

from tests.security.attempts import GROUPS

PAGE = Path(__file__).parents[2] / "docs/security.md"
BEGIN = "<!-- attempts: written by `python -m tests.security.table` -->"
END = "<!-- end of attempts -->"


def table() -> str:
    lines = []
    for title, attempts in GROUPS:
        lines += [f"### {title}", "| attempt | a program tries to | refused by |", "|---|---|---|"]
        lines += [f"| {one.name} | {one.tries} | {one.refused_by} |" for one in attempts]
        lines.append("")
    return "\n".join(lines)


def parts() -> tuple[str, str, str]:
    """The page before, between and behind the marks."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN + "\n")
    between, _, behind = rest.partition(END)
    return before, between, behind


def main() -> None:
    before, _, behind = parts()
    PAGE.write_text(f"{before}{BEGIN}\n{table()}{END}{behind}", encoding="utf-8")


if __name__ == "__main__":
    main()
