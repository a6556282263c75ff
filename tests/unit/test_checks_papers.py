"""Papers in LaTeX, PDF and with HTML tables, and the layouts of other agents' folders."""

import json
from pathlib import Path

import pytest
from evidence_worlds import TODAY, fails

from pytest_mlrbench.cli import main
from pytest_mlrbench.evidence.checks import Case, audit, outputs, subject_of_folder
from pytest_mlrbench.evidence.checks.documents import Document
from pytest_mlrbench.evidence.checks.layout import find_parts
from pytest_mlrbench.evidence.checks.pdf import read_pdf

TEX = r"""\documentclass{article}
\setlength{\parskip}{0.35cm} \newcommand{\x}{0.123}
\begin{document}
\begin{abstract}
We reach 91.25\% on X~\cite{a2024.55}. % 0.777
\end{abstract}
\section{Results}\label{sec:0.44}
\includegraphics[width=0.48\textwidth]{f0.55.png} Table~\ref{tab:1.23} shows it.
\begin{table}[t]\begin{tabular}{l@{\hspace{0.25cm}}cc}
\toprule
 & \multicolumn{2}{c}{MNIST} \\
\cmidrule(lr){2-3}
Method & Acc & Loss \\ \midrule
\multirow{2}{*}{Ours} & $0.913_{\pm 0.012}$ & 0.31 \\[2pt]
 & \textbf{0.945} \pm 0.013 & 0.29\\
Base \& co & 0.811 &
 0.512 \\
\bottomrule
\end{tabular}\end{table}
\begin{thebibliography}{9}
\bibitem{a} A. 0.888.
\end{thebibliography}
\end{document}
"""


def test_a_latex_table_has_joined_titles_spanning_labels_and_its_own_lines() -> None:
    (table,) = Document("p.tex", TEX, "paper").tables
    assert (table.section, table.header) == ("Results", ("Method", "MNIST Acc", "MNIST Loss"))
    assert [(row.cells, row.line) for row in table.rows] == [
        (("Ours", "0.913 ± 0.012", "0.31"), 14),
        (("Ours", "0.945 ± 0.013", "0.29"), 15),
        (("Base & co", "0.811", "0.512"), 16),
    ]


def test_claims_of_latex_leave_out_lengths_labels_comments_preamble_and_references() -> None:
    claims = Document("p.tex", TEX, "paper").claims
    assert [(c.number.value, c.line, c.in_table, c.headline) for c in claims] == [
        (91.25, 5, False, True),
        (0.913, 14, True, True),
        (0.012, 14, True, True),
        (0.31, 14, True, True),
        (0.945, 15, True, True),
        (0.013, 15, True, True),
        (0.29, 15, True, True),
        (0.811, 16, True, True),
        (0.512, 17, True, True),
    ]


@pytest.mark.parametrize(
    "text", ["\\begin{tabular}{" * 3000, "\\begin{tabular}{ll} a & b \\\\", "{" * 50_000, "\\multirow{" * 9000, "&\\\\" * 9000]
)
def test_broken_latex_is_read_to_its_end(text: str) -> None:
    assert Document("p.tex", text, "paper").tables == []


def test_an_html_table_is_a_table() -> None:
    text = (
        "# R\n\n<table>\n<tr><th>Method</th>\n<th colspan='2'>Acc</th></tr>\n"
        "<tr><td style='width:0.55px'>A</td>\n<td>0.913</td><td>0.871</td></tr>\n</table>\n"
    )
    document = Document("p.md", text, "paper")
    (table,) = document.tables
    assert (table.header, table.rows[0].cells, table.rows[0].line) == (("Method", "Acc", "Acc"), ("A", "0.913", "0.871"), 6)
    assert [(c.number.text, c.line, c.in_table) for c in document.claims] == [("0.913", 7, True), ("0.871", 7, True)]


def pdf(pages: list[list[str]]) -> bytes:
    """A PDF of Helvetica lines, built by hand."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids = []
    for lines in pages:
        shown = b"".join(b"(%s) Tj T*\n" % line.encode("latin-1").replace(b"(", b"\\(").replace(b")", b"\\)") for line in lines)
        stream = b"BT /F1 11 Tf 14 TL 50 780 Td\n" + shown + b"ET"
        kids.append(len(objects) + 1)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents %d 0 R "
            b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>" % (len(objects) + 2)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(b"%d 0 R" % kid for kid in kids), len(kids))
    text = b"%PDF-1.4\n"
    places = []
    for number, one in enumerate(objects, 1):
        places.append(len(text))
        text += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return text + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        table,
        len(objects) + 1,
        len(text),
    )


PAGES = [
    ["A Study of Things", "Abstract", "We reach 0.9125 on average.", "1 Introduction", "As in arXiv:2413.01234 we say [1]."],
    [
        "2 Results",
        "Method Acc F1",
        "Ours 0.9125 0.8841",
        "Base 0.8110 0.7923",
        "References",
        "[1] A. B. Title. arXiv:2413.01234, 2024.",
    ],
]


def test_a_pdf_is_read_with_its_pages_and_sections(tmp_path: Path) -> None:
    (tmp_path / "p.pdf").write_bytes(pdf(PAGES))
    pages = read_pdf(tmp_path / "p.pdf")
    document = Document("p.pdf", pages.text, "paper", pages.page_of)
    assert pages.problem == ""
    assert [(c.number.text, document.place(c.line), c.headline) for c in document.claims] == [
        ("0.9125", 1, True),
        ("0.9125", 2, False),
        ("0.8841", 2, False),
        ("0.8110", 2, False),
        ("0.7923", 2, False),
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no PDF"),
        (b"<html>", "no PDF"),
        (b"%PDF-1.4 and then nothing", "could not be read"),
        (pdf([[]]), "no text"),
        (pdf(PAGES)[:700], ""),
    ],
)
def test_a_pdf_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "p.pdf").write_bytes(content)
    pages = read_pdf(tmp_path / "p.pdf")
    assert why in pages.problem
    assert why == "" or pages.text == ""


def test_a_bare_pdf_is_checked_and_findings_give_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "paper.pdf").write_bytes(pdf(PAGES))
    result = audit(subject_of_folder(tmp_path, today=TODAY))
    impossible = fails(result, "citations")
    assert {quote.line for finding in impossible for quote in finding.evidence} == {1, 2}
    assert result.coverage["reading"].startswith("no evidence: there is no code, no data file")
    assert "tables of paper.pdf" in result.coverage["reading"]
    assert main(["check", str(tmp_path)]) == 1
    assert "paper.pdf, page 2" in capsys.readouterr().out


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_parts_of_a_tree_search_agents_folder_are_found(tmp_path: Path) -> None:
    root = tmp_path / "2026-01-05_study_attempt_0"
    write(root / "logs/0-run/experiment_results/experiment_ab12_proc_1/experiment_code.py", "print(1)")
    write(root / "logs/0-run/best_solution_ab12.py", "print(1)")
    write(root / "logs/0-run/baseline_summary.json", json.dumps({"best node": {"metric": {"validation accuracy": 0.8731}}}))
    (root / "experiment_results").mkdir()
    write(root / "latex/template.tex", "\\documentclass{article}\\begin{document}We reach 0.8731.\\end{document}")
    write(root / "latex/part.tex", "We reach it." * 400)
    (root / "study.pdf").write_bytes(pdf(PAGES))
    parts = find_parts(root)
    assert (parts.results, parts.report, parts.paper) == (root / "experiment_results", None, root / "latex/template.tex")
    result = audit(subject_of_folder(root, today=TODAY))
    assert result.support == 1.0 or result.support is None
    assert "no session log" in result.coverage["reading"]
    (root / "latex/template.tex").unlink()
    assert find_parts(root).paper == root / "study.pdf"


@pytest.mark.parametrize(
    ("files", "part", "found"),
    [
        (["paper/main.md", "notes.md"], "paper", None),
        (["paper/paper_final.md"], "paper", "paper/paper_final.md"),
        (["results/paper_x.md", "paper.md"], "paper", "paper.md"),
        (["review_paper.md"], "paper", None),
        (["outputs/results.md"], "report", "outputs/results.md"),
        (["RESULTS.md"], "report", "RESULTS.md"),
        (["docs/final_report.md"], "report", "docs/final_report.md"),
        (["README.md"], "report", None),
        (["results/log.txt"], "log", "results/log.txt"),
        (["train.log", "results/a.json"], "log", "train.log"),
    ],
)
def test_parts_are_known_by_usual_names(tmp_path: Path, files: list[str], part: str, found: str | None) -> None:
    for name in files:
        write(tmp_path / name)
    assert getattr(find_parts(tmp_path), part) == (tmp_path / found if found else None)


def test_a_folder_without_anything_that_can_be_read_is_not_usable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "weights.bin").write_bytes(b"\0" * 100)
    (tmp_path / "figure.png").write_bytes(b"\x89PNG")
    assert main(["check", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "no paper, report, code, data or log" in told
    assert ".bin x 1" in told
    assert "--paper" in told


def test_text_output_shows_three_of_a_kind_and_all_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "results" / "results.md", "# R\n" + "".join(f"![f](f{i}.png)\n" for i in range(9)) + "acc 0.9131\n")
    for i in range(9):
        write(tmp_path / "results" / f"f{i}.png", "")
    main(["check", str(tmp_path)])
    short = " ".join(capsys.readouterr().out.split())  # wrapped at the terminal's width
    assert short.count("is empty") == 3
    assert "6 more warn of outputs, results (--all shows them)" in short
    assert "results/results.md:2 ![f](f0.png)" in short
    main(["check", str(tmp_path), "--all"])
    assert " ".join(capsys.readouterr().out.split()).count("is empty") == 9


def test_a_folder_nested_beyond_all_measure_and_full_of_links_is_walked(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(120):
        deep = deep / "d"
        deep.mkdir()
    (tmp_path / "loop").symlink_to(tmp_path)
    for i in range(2500):
        (tmp_path / f"{i:05}.txt").touch()
    write(tmp_path / "z" / "results.md", "acc 0.9131\n")
    assert find_parts(tmp_path).report == tmp_path / "z" / "results.md"


def test_all_missing_figures_of_a_document_are_one_warning_that_names_them(tmp_path: Path) -> None:
    write(tmp_path / "results" / "results.md", "# R\n" + "".join(f"![f](f{i}.png)\n" for i in range(10)) + "acc 0.9131\n")
    found = [one for one in outputs.run(Case(subject_of_folder(tmp_path, today=TODAY))).findings if "figure" in one.message]
    assert len(found) == 1
    assert "10 figures" in found[0].message
    assert "'f9.png'" in found[0].message
    assert [quote.line for quote in found[0].evidence] == list(range(2, 10))
