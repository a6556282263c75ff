"""Review sheets as people and spreadsheets write them: read alike, or refused with the line; never a wrong number."""

from pathlib import Path

import pytest

from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.results.agreement.sheets import Item, Sheet, merged, read_sheet

GOOD = """reviewer_id,model_name,workshop_name,Novelty,Overall
1,claude,iclr2025_wsl,6,4.5
2,claude,iclr2025_wsl,7,
"""


def sheet(tmp_path: Path, text: str | bytes, side: str = "human", **options: bool) -> Sheet:
    path = tmp_path / "sheet.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_sheet(path, side, **options)


def scores(read: Sheet) -> list[tuple[int, str, dict[str, float]]]:
    return [(row.line, row.rater, dict(row.scores)) for row in read.rows]


EXPECTED = [(2, "1", {"Novelty": 6.0, "Overall": 4.5}), (3, "2", {"Novelty": 7.0})]


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.rstrip("\n"),
        "\ufeff" + GOOD,
        GOOD.encode("utf-16"),
        GOOD.replace(",", ";").replace("4.5", "4,5"),
        GOOD.replace(",", "\t"),
        GOOD.replace("reviewer_id", "Reviewer").replace("workshop_name", "TASK").replace("Novelty", " novelty "),
        GOOD.replace("6,4.5", '"6", 4.5 '),
        GOOD + ",,,,\n\n",
    ],
    ids=["plain", "crlf", "no-last-newline", "bom", "utf-16", "semicolons", "tabs", "other-names", "quotes", "blank-rows"],
)
def test_a_sheet_reads_alike_however_it_was_saved(tmp_path, content):
    read = sheet(tmp_path, content)
    assert scores(read) == EXPECTED
    assert read.rows[0].item == Item("iclr2025_wsl", "claude")
    assert read.dimensions == ("Novelty", "Overall")
    assert read.warnings == ["sheet.csv: Overall is empty in line 3"]


def test_a_spreadsheets_separator_line_counts_as_a_line(tmp_path):
    read = sheet(tmp_path, "sep=;\n" + GOOD.replace(",", ";"))
    assert [row.line for row in read.rows] == [3, 4]


def test_a_comment_over_several_lines_moves_the_lines_below(tmp_path):
    text = 'reviewer_id,task,Overall,comments\n1,iclr2025_wsl,5,"one\ntwo\nthree"\n1,iclr2025_dl4c,50,\n'
    with pytest.raises(ConfigError, match="line 5: Overall is '50'"):
        sheet(tmp_path, text)


def test_windows_text_is_read_with_a_warning(tmp_path):
    read = sheet(tmp_path, GOOD.replace("\n1,", "\nJürgen,").encode("cp1252"))
    assert read.rows[0].rater == "Jürgen"
    assert read.warnings[0] == "sheet.csv: not UTF-8, read as Windows-1252"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        (GOOD.partition("\n")[0], "has a header and no review below it"),
        ("reviewer_id,workshop_name,Overall\n1,iclr2025_wsl,\n", "no review below it"),
        (GOOD.replace("reviewer_id", "who"), "line 1: missing columns: reviewer_id or reviewer. Found: who, model_name"),
        (GOOD.replace("workshop_name", "where"), "line 1: missing columns: workshop_name or task"),
        ("reviewer_id,task\n1,iclr2025_wsl\n", "a column a dimension"),
        ("reviewer_id,task,Confidence\n1,iclr2025_wsl,3\n", "a column a dimension"),
        (GOOD.replace("Novelty", "overall"), "columns that are there twice: overall"),
        (GOOD.replace("6,4.5", "11,4.5"), "line 2: Novelty is '11', expected a number from 1 to 10"),
        (GOOD.replace("6,4.5", "0,4.5"), "Novelty is '0'"),
        (GOOD.replace("6,4.5", "1_0,4.5"), "Novelty is '1_0'"),
        ("LLM,Workshop_name,is_Hallucinated_Methodology\nMLR Agent,iclr2025_wsl,Yes\n", "`mlrbench import` reads them, then"),
        (GOOD.replace("6,4.5", "six,inf"), "line 2: Novelty is 'six', expected a number from 1 to 10, Overall is 'inf'"),
        (GOOD.replace("6,4.5", "6"), "5 columns in the header, but line 2 has 4"),
        (GOOD.replace("\n2,", "\n,"), "line 3: scores without a reviewer"),
        (GOOD.replace("claude,iclr2025_wsl,7", "claude,,7"), "line 3: no task"),
        ("reviewer_id,task,stage,Overall\n1,iclr2025_wsl,ideas,5\n", "line 2: unknown stage 'ideas'; valid: idea, proposal"),
        ("reviewer_id,task,epoch,Overall\n1,iclr2025_wsl,0,5\n", "line 2: epoch is '0'"),
        (GOOD + '1,"open,iclr2025_wsl,4,4\n', "line 4: no CSV"),
        (b"PK\x03\x04rest of a workbook", "is a spreadsheet, not CSV"),
        (b"reviewer\0task", "is no text"),
    ],
)
def test_what_is_no_sheet_is_named_with_its_line(tmp_path, content, told):
    with pytest.raises(ConfigError) as error:
        sheet(tmp_path, content)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_confidence_has_its_own_scale_and_is_not_compared(tmp_path):
    text = "reviewer_id,task,Overall,Confidence\n1,iclr2025_wsl,9,{}\n"
    assert sheet(tmp_path, text.format(5)).dimensions == ("Overall",)
    with pytest.raises(ConfigError, match="Confidence is '6', expected a number from 1 to 5"):
        sheet(tmp_path, text.format(6))


def test_many_bad_lines_are_counted_after_the_first(tmp_path):
    text = "reviewer_id,task,Overall\n" + "1,iclr2025_wsl,99\n" * 30
    with pytest.raises(ConfigError, match=r"line 9: Overall is '99', expected a number from 1 to 10 and 22 more$"):
        sheet(tmp_path, text)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_sheet(tmp_path / "nope.csv", "human")


def test_an_export_says_that_the_run_itself_is_wanted(tmp_path):
    with pytest.raises(ConfigError, match="give the run directory itself"):
        sheet(tmp_path, "run,task,judge,dimension,score\na,iclr2025_wsl,j,Overall,5\n", "judge")


def test_a_merged_sheet_holds_both_sides(tmp_path):
    text = "reviewer_id,workshop_name,Overall_human,Overall_llm\n1,iclr2025_wsl,4,7\n"
    assert sheet(tmp_path, text).rows[0].scores == {"Overall": 4.0}
    assert sheet(tmp_path, text, "judge", alone=True).rows[0].scores == {"Overall": 7.0}
    with pytest.raises(ConfigError, match="need a judge's beside them"):
        sheet(tmp_path, GOOD, "judge", alone=True)


def test_a_reviewer_who_reviews_twice_is_warned_about_with_the_lines(tmp_path):
    read = sheet(tmp_path, GOOD + "1,claude,iclr2025_wsl,6,4\n")
    assert any("reviewer 1 reviewed iclr2025_wsl claude 2 times (lines 2, 4)" in told for told in read.warnings)


def test_unknown_tasks_and_names_that_differ_in_case_are_warned_about(tmp_path):
    text = "reviewer_id,task,Overall\nAnna,iclr2025_wsl,5\nanna,my_task,5\nanna,my_task,6\n"
    told = "\n".join(sheet(tmp_path, text).warnings)
    assert "'my_task' is no task of the catalogue (lines 3, 4)" in told
    assert "reviewers 'Anna' and 'anna' differ in case alone" in told


def test_dimensions_of_another_stage_are_not_missing(tmp_path):
    text = "reviewer_id,task,stage,Novelty,Completeness,Overall\n1,iclr2025_wsl,idea,5,,5\n1,iclr2025_wsl,paper,,5,\n"
    assert sheet(tmp_path, text).warnings == ["sheet.csv: Overall is empty in line 3"]


def test_one_persons_two_files_are_warned_about_when_they_go_together(tmp_path):
    sheets = []
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(GOOD)
        sheets.append(read_sheet(tmp_path / name, "human"))
    whole = merged(sheets)
    assert len(whole.rows) == 4
    assert sum("two people of one name, or one file twice?" in told for told in whole.warnings) == 2
