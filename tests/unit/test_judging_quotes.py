"""Looking up what a judge quotes: what counts as the same words, and what does not count at all."""

from pathlib import Path

import pytest

from pytest_mlrbench.judging.quotes import SHOWN, Exhibits, NotFound
from pytest_mlrbench.judging.work import Part, Work
from pytest_mlrbench.records import Passage
from pytest_mlrbench.stages.prompts import render

REPORT = """# Results

We trained on **CIFAR-10** and reached an accuracy of 0.97 on the held-out part,
which is more than any baseline.

| method | accuracy |
|---|---|
| vote | 0.91 |
| a | 5 |

Relative gain: -0.5 points over the “strong” baseline — see the log.
The loss is $\\frac{1}{n}\\sum_i \\ell_i$ over all rows.
"""
CODE = "import random\n\ndef evaluate(name):\n    return BASE[name] + random.gauss(0, 0.01)\n"
COMMANDS = """#1 file typed with write_file: code/run.py

#2 command (bash), exit status 1, 3.5 s
$ python code/run.py
output (60 bytes):
| ModuleNotFoundError: No module named 'torch'
"""


def work(*more: Part) -> Work:
    parts = (
        Part("findings", "text", "a check says that evaluate() draws numbers"),
        Part("proposal", "text", "We will train a transformer on CIFAR-10 images.\n"),
        Part("code/run.py", "code", CODE),
        Part("results/results.md", "results", REPORT),
        Part("commands", "log", COMMANDS),
    )
    return Work("experiment", "T", "B", (), (*parts, *more))


def find(text: str, file: str = "results/results.md", *more: Part) -> Passage:
    return Exhibits(work(*more)).find(file, text)


def why(text: str, file: str = "results/results.md", *more: Part) -> str:
    with pytest.raises(NotFound) as caught:
        find(text, file, *more)
    return str(caught.value)


@pytest.mark.parametrize(
    ("quote", "line", "last"),
    [
        ("reached an accuracy of 0.97 on the held-out part", 3, 3),
        ("We trained on CIFAR-10 and reached", 3, 3),
        ("held-out part, which is more than", 3, 4),
        ("held-out part,\n   which is more than any baseline", 3, 4),
        ("held‑out part", 3, 3),
        ('over the "strong" baseline - see the log', 11, 11),
        ("WE TRAINED ON CIFAR-10", 3, 3),
        ("| vote | 0.91 |", 8, 8),
        ("vote | 0.91", 8, 8),
        ("gain: -0.5 points over", 11, 11),
        ("\\\\frac{1}{n}\\\\sum_i", 12, 12),
        ("$\frac{1}{n}\\sum_i \\ell_i$", 12, 12),  # the \f of \frac, swallowed by JSON
        ("which is more than any baseline.", 4, 4),
        ("'which is more than any'", 4, 4),
    ],
)
def test_the_same_words_are_found_however_they_are_set(quote: str, line: int, last: int) -> None:
    found = find(quote)
    assert (found.file, found.line, found.last) == ("results/results.md", line, last)


@pytest.mark.parametrize(
    "quote",
    [
        "reached an accuracy of 0.98 on the held-out part",
        "reached an accuracy of 0.9",
        "reached an accuracy of 0",
        "0.5 points over the",
        "7 on the held-out part",
        "trained on ImageNet and reached an accuracy",
        "an accuracy of 0.97 which is more than any baseline",
        "eached an accuracy of 0.97",
    ],
)
def test_changed_or_cut_words_and_numbers_are_not_found(quote: str) -> None:
    assert why(quote) == "quote not found"


@pytest.mark.parametrize("quote", ["", "   ", "results", "accuracy", "----------------", "|||||||||||||", "0.97", "vote"])
def test_what_would_be_found_anywhere_is_too_short(quote: str) -> None:
    assert why(quote) in ("quote too short", "quote not found")


def test_a_short_row_counts_as_a_whole_line_only() -> None:
    assert find("| vote | 0.91 |").line == 8
    assert why("vote | 0.9") == "quote not found"
    assert why("| a | 5 |") == "quote too short"  # two letters or digits are no evidence


def test_text_with_an_ellipsis_is_found_when_its_parts_stand_in_order_and_near() -> None:
    found = find("We trained on CIFAR-10 ... more than any baseline")
    assert (found.line, found.last) == (3, 4)
    assert find("We trained on CIFAR-10 […] more than any baseline").line == 3
    assert why("more than any baseline ... We trained on CIFAR-10") == "quote not found"
    assert why("We trained on CIFAR-10 ... we made it all up") == "quote not found"


def test_fragments_that_lie_far_apart_are_no_quotation() -> None:
    far = Part("results/far.md", "results", "the model was never trained\n" + "filler words\n" * 200 + "yet it is the best\n")
    assert why("the model was never trained ... yet it is the best", "results/far.md", far) == "quote not found"


def test_an_ellipsis_of_scraps_is_no_quotation() -> None:
    assert why("We trained ... 0.97 ... any ... log") == "quote not found"


def test_code_with_dots_of_its_own_is_found_as_it_stands() -> None:
    code = Part("code/say.py", "code", 'print("starting ...", name)\n')
    assert find('print("starting ...", name)', "code/say.py", code).line == 1


def test_a_wrong_file_name_is_corrected() -> None:
    for name in ("results.md", "./results/results.md", "output/results/results.md", "the code", "", "`code/run.py`"):
        found = find("return BASE[name] + random.gauss(0, 0.01)", name)
        assert (found.file, found.line) == ("code/run.py", 4)


def test_the_named_file_comes_first_where_both_hold_the_words() -> None:
    log = Part("results/log.txt", "log", "reached an accuracy of 0.97 on the held-out part\n")
    assert find("reached an accuracy of 0.97", "results/log.txt", log).file == "results/log.txt"
    assert find("reached an accuracy of 0.97", "nowhere.txt", log).file == "results/results.md"


def test_the_command_log_is_quoted_by_its_event() -> None:
    found = find("ModuleNotFoundError: No module named 'torch'", "commands")
    assert (found.file, found.line) == ("evidence.jsonl", 2)
    assert find("$ python code/run.py\noutput (60 bytes):", "commands").line == 2


def test_words_of_the_prompt_are_not_words_of_the_work() -> None:
    prompt = render(
        "hallucination",
        rubric=type("R", (), {"text": lambda self: "definitions of four types"})(),
        task=type(
            "T", (), {"title": "T", "venue": "V", "year": 1, "category": "C", "topics": (), "brief": "a brief of the task"}
        )(),
        today="2026-11-26",
        delimiter="WORK-1",
        work="",
        not_shown=[],
        shape="{}",
        schema="{}",
    )
    for line in prompt.splitlines():
        if len(line) > 40:
            assert why(line) in ("quote not found", "quote too short")


def test_a_file_that_was_cut_for_the_judge_is_quoted_with_the_files_own_line_numbers(tmp_path: Path) -> None:
    from pytest_mlrbench.stages.outputs import read_text

    lines = [f"step {number}: loss {1 / (number + 1):.6f}" for number in range(30_000)]
    (tmp_path / "log.txt").write_text("\n".join(lines))
    shown = read_text(tmp_path, "log.txt")
    assert shown.cut
    part = Part("results/log.txt", "log", shown.text, tmp_path / "log.txt")
    assert find(lines[29_990], "results/log.txt", part).line == 29_991
    assert why("bytes not shown ...] and more", "results/log.txt", part) == "quote not found"


def test_a_long_passage_is_stored_shortened_and_covers_few_lines() -> None:
    text = "\n".join(f"line number {number} of a long file" for number in range(100))
    found = find(text, "results/long.md", Part("results/long.md", "results", text))
    assert len(found.quote) <= SHOWN + 3
    assert found.last - (found.line or 0) == 39


def test_invisible_characters_in_a_quote_do_not_hide_where_it_is_stored() -> None:
    long_line = "accuracy was measured with care " * 20
    found = find(f"accuracy\u200b was measured{long_line[21:]}", "results/long.md", Part("results/long.md", "results", long_line))
    assert found.quote.startswith("accuracy\\u200b was")


def test_a_huge_file_of_one_line_is_searched_in_bounded_time() -> None:
    text = "ab " * 1_000_000 + "the needle stands here"
    assert find("the needle stands here", "results/big.json", Part("results/big.json", "results", text)).line == 1
    assert why("ab " * 1_000 + "no needle", "results/big.json", Part("results/big.json", "results", text)) == "quote not found"
