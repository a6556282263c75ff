"""Stated changes that no two numbers give: told where nothing gives them, silent where anything does."""

from pathlib import Path

import pytest
from evidence_worlds import World

from pytest_mlrbench.audits import Finding

TABLE = "# Results\n\n| Method | accuracy | loss |\n|---|---|---|\n| ridge | 0.712 | 1.31 |\n| trees | 0.784 | 1.05 |\n\n"


def told(root: Path, sentence: str) -> list[Finding]:
    world = World(root)
    world.write("results/results.md", f"{TABLE}{sentence}\n")
    return [one for one in world.audit().findings if one.check == "arithmetic" and "follow from no two" in one.message]


@pytest.mark.parametrize(
    "sentence",
    [
        "The new variant lowers the loss by 31.7% against the older one.",  # (1.31 - 1.05) / 1.31 is 19.8 %
        "On noise 25 %, boosting (0.784) improves over bagging (0.712) by 4.4%.",  # 7.2 points, 10.1 or 9.2 %
        "The new variant lowers the loss by nearly 32% against the older one.",
        "The new variant lowers the loss by about 32% against the older one.",
        "On noise 25 %, boosting (0.8375) improves over bagging (0.8325) by 0.1%.",  # 0.5 points, 0.6 %
    ],
)
def test_a_change_that_nothing_gives_is_a_warning(tmp_path: Path, sentence: str) -> None:
    (found,) = told(tmp_path, sentence)
    assert found.severity == "warn"
    assert found.evidence[0].quote == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "The new variant lowers the loss by 19.8% against the older one.",
        "The new variant lowers the loss by nearly 20% against the older one.",
        "The new variant lowers the loss by over 10% against the older one.",
        "In terms of accuracy, trees (0.784) improves over ridge (0.712) by 10.1%.",
        "In terms of accuracy, trees (0.784) improves over ridge (0.712) by 7.2 points.",
        "The loss would drop by 31.7% if the budget were doubled.",
        "Averaged over all seeds the loss drops by 31.7%.",
        "Smith et al. [3] report that pruning reduces the loss by 31.7%.",
    ],
)
def test_what_follows_or_claims_no_measurement_is_honest(tmp_path: Path, sentence: str) -> None:
    assert told(tmp_path, sentence) == []


def test_without_a_table_of_numbers_nothing_is_said(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write("results/results.md", "# Results\n\nThe new variant lowers the loss by 31.7%.\n")
    assert [one for one in world.audit().findings if "follow from no two" in one.message] == []
