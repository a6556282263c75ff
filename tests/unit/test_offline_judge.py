"""The mechanical judge: its scores rise and fall with what it counts, and it says where it cannot speak."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.judging import features
from pytest_mlrbench.judging.offline import review_offline
from pytest_mlrbench.judging.work import Part, Work
from pytest_mlrbench.records import Review
from pytest_mlrbench.stages.rubric import load_rubric

PAPER = """# Filtering Labels

## Abstract
We study label noise and group robustness with many words here.
## Introduction
Wrong labels hurt robustness, and filtering may help against them.
## Related Work
No literature search was made for this paper at all.
## Methodology
The filter keeps labels that $f(x) = y$ confirms, so $$\\frac{a}{b}$$ holds.
## Experiment Setup
Digits with a test split, a baseline and four seeds.
## Experiment Results
Accuracy is 0.912 ± 0.013 against 0.874 for the baseline.

![accuracy](figures/a.png)
## Analysis
The filter gains 0.038 over the baseline in this setting.
## Conclusion
Filtering helps on digits, and more data are needed.
## References
None, because no literature search was made for this.
"""
IDEA = """# Filtering Labels

## Motivation
Wrong labels hurt group robustness.

## Main Idea
Filter labels by consensus on digits.
"""
RESULTS = '{"filter": {"mean": 0.91234, "sd": 0.0128}, "baseline": {"mean": 0.8741}, "difference": 0.0382}'


@dataclass(frozen=True)
class Named:
    name: str


@dataclass(frozen=True)
class Standin:
    """As much of a rubric as this judge needs."""

    stage: str
    dimensions: tuple[Named, ...]


@pytest.fixture
def figure(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n rest")
    return path


def work(stage: str, figure: Path | None = None, **texts: str) -> Work:
    """A chain's work: texts by part name (`__` for `/`), results and one figure."""
    parts = [Part("idea", "text", IDEA), Part("results/results.json", "results", RESULTS)]
    if figure:
        parts.append(Part("figures/a.png", "figure", path=figure))
    parts = [part for part in parts if part.name not in texts]
    parts += [Part(name.replace("__", "/"), "text", text) for name, text in texts.items()]
    brief = "Spurious labels, wrong labels and noise harm robustness; robustness to noise needs filtering."
    return Work(stage, "Robustness to Label Noise", brief, ("label noise", "group robustness"), tuple(parts))


def review(given: Work) -> Review:
    return review_offline(given, load_rubric(given.stage), repeat=1, protocol="p")


def scored(given: Work, dimension: str) -> int:
    value = review(given).scores[dimension]
    assert value is not None
    return value


def without(text: str, heading: str) -> str:
    """`text` with one section gone."""
    before, _, after = text.partition(f"## {heading}\n")
    return before + "## " + after.partition("## ")[2]


@pytest.mark.parametrize("stage", ["idea", "proposal", "experiment", "paper", "end2end"])
def test_every_dimension_of_the_rubric_is_scored_within_its_scale_or_null_with_a_reason(stage: str) -> None:
    given = work(stage, idea=IDEA, proposal=PAPER, paper=PAPER, results__results__md="").parts
    texts = (*given, Part("results/results.md", "results", PAPER))
    found = review(replace(work(stage), parts=texts))
    expected = {dimension.name for dimension in load_rubric(stage).dimensions} - {"Hallucination"}
    assert set(found.scores) == expected
    assert found.opinion is None
    assert found.mechanical
    for name, value in found.scores.items():
        assert found.justifications[name]
        assert value is None or 1 <= value <= (5 if name == "Confidence" else 10)
    assert {name for name, value in found.scores.items() if value is None} == expected & {
        "Novelty",
        "Significance",
        "Insightfulness",
    }


def test_overall_is_the_mean_of_the_scored_dimensions(figure: Path) -> None:
    scores = review(work("paper", figure, paper=PAPER)).scores
    others = [value for name, value in scores.items() if name != "Overall" and value is not None]
    assert scores["Overall"] == int(sum(others) / len(others) + 0.5)


def test_overall_is_null_with_a_reason_when_nothing_could_be_scored() -> None:
    rubric = Standin("paper", (Named("Novelty"), Named("Significance"), Named("Overall")))
    found = review_offline(work("paper", paper=PAPER), rubric, repeat=2, protocol="p")
    assert found.scores == {"Novelty": None, "Significance": None, "Overall": None}
    assert "no dimension" in found.justifications["Overall"]
    assert found.repeat == 2


def test_confidence_is_1() -> None:
    assert review(work("end2end", paper=PAPER)).scores["Confidence"] == 1


@pytest.mark.parametrize("heading", ["Abstract", "Related Work", "Experiment Results", "Analysis", "Conclusion"])
def test_a_paper_without_a_section_is_less_complete(heading: str, figure: Path) -> None:
    whole = features.sections(PAPER, "paper")
    cut = features.sections(without(PAPER, heading), "paper")
    assert whole[0] == 1
    assert cut[0] == pytest.approx(9 / 10)
    assert heading.lower().split()[-1] in cut[1]


def test_completeness_falls_as_sections_go(figure: Path) -> None:
    text, last = PAPER, scored(work("paper", figure, paper=PAPER), "Completeness")
    for heading in ("Related Work", "Analysis", "Conclusion", "References"):
        text = text.replace(text[text.index(f"## {heading}") :].split("\n## ")[0], "")
        now = scored(work("paper", figure, paper=text), "Completeness")
        assert now <= last
        last = now
    assert last < scored(work("paper", figure, paper=PAPER), "Completeness")


def test_an_empty_section_does_not_count() -> None:
    assert features.sections(PAPER.replace("Filtering helps on digits, and more data are needed.", ""), "paper")[0] < 1


def test_numbers_that_no_results_file_holds_lower_soundness_and_consistency(figure: Path) -> None:
    honest = work("paper", figure, paper=PAPER)
    invented = work("paper", figure, paper=PAPER.replace("0.912", "0.977").replace("0.874", "0.611").replace("0.038", "0.366"))
    for dimension in ("Soundness", "Consistency"):
        assert scored(invented, dimension) < scored(honest, dimension)


@pytest.mark.parametrize(
    ("text", "source", "share"),
    [
        ("reaches 0.912", "0.91234", 1.0),
        ("reaches 91.23 %", "0.91234", 1.0),
        ("reaches 0.912", "0.913", 0.0),
        ("a drop of -0.05", "0.05", 1.0),
        ("both 0.91 and 0.66", "0.91", 0.5),
        ("see arXiv:2301.01234 and 0.91", "0.91", 1.0),
        ("only 12 and 0.5", "0.91", 0.0),
        ("`0.77` is code, 0.91 is not", "0.91", 1.0),
        ("at 1.5e-3 it is 0.91", "0.0015, 0.91", 1.0),
    ],
)
def test_a_number_is_sourced_up_to_rounding_sign_and_percent(text: str, source: str, share: float) -> None:
    assert features.sourced(text, [source])[0] == share


def test_a_missing_or_empty_figure_lowers_completeness(figure: Path, tmp_path: Path) -> None:
    whole = work("paper", figure, paper=PAPER)
    missing = work("paper", figure, paper=PAPER.replace("figures/a.png", "figures/none.png"))
    (tmp_path / "empty.png").touch()
    empty = work("paper", tmp_path / "empty.png", paper=PAPER)
    assert features.figures(PAPER, whole) == (1.0, "1 of 1 shown figures exist")
    for broken in (missing, empty):
        assert scored(broken, "Completeness") < scored(whole, "Completeness")


@pytest.mark.parametrize(
    "formula",
    [
        "\\frac{a}{b",
        "a}",
        "\\left( x",
        "\\begin{cases} a \\end{aligned}",
        "x^",
        "\\sum_{i} x_",
        "\x0crac{a}{b}",
        "\\left( x \\right) \\right)",
    ],
)
def test_a_formula_that_does_not_parse_is_seen(formula: str) -> None:
    assert features.latex_problem(formula)


@pytest.mark.parametrize(
    "formula",
    [
        "\\frac{a}{b}",
        "\\left\\{ x \\right.",
        "\\begin{cases} a & b \\\\ c & d \\end{cases}",
        "x^2_i",
        "\\{a\\}",
        "p \\leftarrow q",
        "\\%",
    ],
)
def test_a_formula_that_parses_is_let_through(formula: str) -> None:
    assert not features.latex_problem(formula)


def test_prices_are_not_formulas_and_an_open_block_is_one_that_fails() -> None:
    assert features.latex("It costs $5 and then $6 more.") is None
    assert features.latex("Let $x$ be and $$ y = 1") == (0.5, "1 of 2 formulas parse (first problem: a $$ that is never closed)")


def test_broken_latex_lowers_the_clarity_of_a_proposal() -> None:
    good = "# T\n\n## Introduction\nWe test labels with $a$ and $b$ here.\n\n## Methodology\nWe use $c$ and $d$ in this way.\n"
    assert scored(work("proposal", proposal=good.replace("$a$", "$a}$").replace("$c$", "$\\frac{c$")), "Clarity") < scored(
        work("proposal", proposal=good), "Clarity"
    )


def test_an_idea_over_200_words_or_far_from_the_task_scores_lower() -> None:
    long = IDEA + "This goes on with more and more words that say little. " * 60
    assert scored(work("idea", idea=long), "Clarity") < scored(work("idea", idea=IDEA), "Clarity")
    astray = "# Sorting Pebbles\n\n## Motivation\nPebbles lie in heaps everywhere.\n\n## Main Idea\nSort them by weight quickly.\n"
    assert scored(work("idea", idea=astray), "Consistency") < scored(work("idea", idea=IDEA), "Consistency")


def test_feasibility_rises_with_what_the_plan_names() -> None:
    bare = work("idea", idea=IDEA.replace("on digits", "somehow"))
    full = work("idea", idea=IDEA + "Data: digits. Baselines and accuracy over five seeds on one CPU core.\n")
    assert scored(full, "Feasibility") == 10
    assert scored(bare, "Feasibility") < scored(full, "Feasibility")


@pytest.mark.parametrize("gone", ["code/run.py", "results/results.json", "results/claims.json", "results/log.txt", "figures/a.png"])
def test_an_experiment_that_leaves_less_is_less_complete(gone: str, figure: Path) -> None:
    parts = (
        Part("code/run.py", "code", "print(1)"),
        Part("results/results.json", "results", RESULTS),
        Part("results/claims.json", "results", "[1]"),
        Part("results/log.txt", "log", "started"),
        Part("figures/a.png", "figure", path=figure),
        Part("results/results.md", "results", "# Results\n\n## Set-up\nDigits, four seeds, one split.\n"),
    )
    whole = replace(work("experiment"), parts=parts)
    less = replace(whole, parts=tuple(part for part in parts if part.name != gone))
    bare = replace(whole, parts=parts[-1:])
    assert "5 of 5 things" in review(whole).justifications["Completeness"]
    assert "4 of 5 things" in review(less).justifications["Completeness"]
    # One of five things moves the mean of four features by 0.05, which rounding may hide; all five move it by 0.25.
    assert scored(less, "Completeness") <= scored(whole, "Completeness")
    assert scored(bare, "Completeness") < scored(whole, "Completeness")


def test_showing_no_figure_is_incomplete_but_not_unsound(figure: Path) -> None:
    whole = work("paper", figure, paper=PAPER)
    hidden = work("paper", figure, paper=PAPER.replace("![accuracy](figures/a.png)", ""))
    assert scored(hidden, "Completeness") < scored(whole, "Completeness")
    assert scored(hidden, "Soundness") == scored(whole, "Soundness")


def test_the_text_under_review_is_no_source_of_its_own_numbers() -> None:
    report = "# Results\n\n## Results\nAccuracy is 0.777 in all of the runs.\n"
    given = replace(work("experiment"), parts=(Part("results/results.md", "results", report),))
    assert "0 of 1" in review(given).justifications["Soundness"]


def test_nothing_to_review_is_an_error_that_names_the_part() -> None:
    with pytest.raises(InfrastructureError, match="no paper"):
        review(work("paper"))
    with pytest.raises(InfrastructureError, match="no idea"):
        review(work("idea", idea="  \n"))


def test_what_is_met_and_what_is_not_are_strengths_and_weaknesses(figure: Path) -> None:
    found = review(work("paper", figure, paper=PAPER.replace("a.png", "none.png")))
    assert "10 of 10 asked sections" in found.strengths
    assert any("none.png" in weakness for weakness in found.weaknesses)


def test_a_part_is_found_by_its_name() -> None:
    given = work("paper", paper=PAPER)
    part = given.part("paper")
    assert part is not None
    assert part.text == PAPER
    assert given.part("proposal") is None
