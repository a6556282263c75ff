"""tasks.suites: which trials --mlr-suite and the filters select."""

from collections import Counter
from typing import Any

import pytest

from pytest_mlrbench.errors import ConfigError
from pytest_mlrbench.keys import GRADED, TrialKey
from pytest_mlrbench.tasks.catalogue import load_tasks
from pytest_mlrbench.tasks.suites import CORE, SMOKE, Selection


def selected(**fields: Any) -> list[TrialKey]:
    """All trials of the five graded stages."""
    selection = Selection(**fields)
    selection.check()
    return [trial for stage in GRADED for trial in selection.trials(stage)]


@pytest.mark.parametrize(("suite", "items"), [("smoke", 15), ("core", 50), ("paper", 432), ("full", 1005)])
def test_a_suite_has_the_number_of_items_the_contract_says(suite: str, items: int) -> None:
    trials = selected(suite=suite)
    assert len(trials) == len(set(trials)) == items


def test_the_default_is_the_full_suite() -> None:
    assert selected() == selected(suite="full")


def test_smoke_takes_three_tasks_of_different_categories() -> None:
    assert SMOKE == ("iclr2025_dl4c", "iclr2025_scsl", "iclr2025_wsl")
    assert len({load_tasks()[name].category for name in SMOKE}) == 3


def test_the_papers_suite_writes_ideas_and_proposals_on_all_tasks_and_the_rest_on_ten() -> None:
    assert Counter(trial.stage for trial in selected(suite="paper")) == {
        "idea": 201,
        "proposal": 201,
        "experiment": 10,
        "paper": 10,
        "end2end": 10,
    }
    assert {trial.task for trial in selected(suite="paper", stage=("paper",))} == set(CORE)


def test_epochs_repeat_each_task_innermost() -> None:
    assert Selection(suite="smoke", epochs=2).trials("idea")[:3] == [
        TrialKey("iclr2025_dl4c", "idea", 1),
        TrialKey("iclr2025_dl4c", "idea", 2),
        TrialKey("iclr2025_scsl", "idea", 1),
    ]


def test_only_the_named_stages_are_selected() -> None:
    assert {trial.stage for trial in selected(suite="smoke", stage=("idea", "paper"))} == {"idea", "paper"}


def test_task_patterns_widen_each_other() -> None:
    trials = selected(task=("iclr2025_wsl", "icml2024_*"), stage=("idea",))
    assert len(trials) == 25
    assert {trial.task.partition("_")[0] for trial in trials} == {"iclr2025", "icml2024"}


@pytest.mark.parametrize(
    ("fields", "tasks"),
    [
        ({"category": ("RL",)}, 7),
        ({"category": ("Multimodality", "Others")}, 5),
        ({"venue": ("ICML",)}, 42),
        ({"year": (2025,)}, 37),
        ({"venue": ("NeurIPS",), "year": (2023,)}, 41),
        ({"suite": "core", "category": ("LLM/VLM",)}, 2),
    ],
)
def test_filters_narrow_the_suite(fields: dict[str, Any], tasks: int) -> None:
    assert len(selected(stage=("idea",), **fields)) == tasks


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"suite": "everything"}, r"--mlr-suite=everything: unknown; valid: smoke, core, paper, full"),
        ({"stage": ("literature",)}, r"--mlr-stage=literature: unknown; valid: idea, proposal"),
        ({"category": ("Robotics",)}, r"--mlr-category=Robotics: unknown; valid: LLM/VLM, AI for Science"),
        ({"venue": ("CVPR",)}, r"--mlr-venue=CVPR: unknown; valid: ICLR, ICML, NeurIPS"),
        ({"year": (2022,)}, r"--mlr-year=2022: unknown; valid: 2023, 2024, 2025"),
        ({"task": ("iclr2025_wls",)}, r"--mlr-task=iclr2025_wls: no task has that name; close: .*iclr2025_wsl"),
        ({"task": ("*zzz*",)}, r"--mlr-task=\*zzz\*: no task has that name \(`mlrbench tasks` lists all 201\)"),
        ({"epochs": 0}, r"--mlr-epochs=0: expected 1 or more"),
        ({"venue": ("ICLR",), "category": ("Multimodality",), "year": (2025,)}, r"leave no task"),
        ({"suite": "smoke", "task": ("icml2024_icl",)}, r"leave no task"),
    ],
)
def test_a_selection_of_nothing_is_refused_with_what_is_valid(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Selection(**fields).check()
