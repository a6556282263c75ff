"""stages.stage: the plan of a chain and what makes an output usable."""

import os
from pathlib import Path

import pytest

from pytest_mlrbench.keys import GRADED
from pytest_mlrbench.keys import STAGES as NAMES
from pytest_mlrbench.stages.stage import STAGES, missing_outputs


def write(output: Path, name: str, content: str = "text") -> None:
    path = output / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def usable_experiment(output: Path) -> Path:
    write(output, "code/run.py", "print(1)")
    write(output, "results/results.md")
    return output


def test_stages_stand_in_the_order_of_a_chain_with_literature_alone_ungraded() -> None:
    assert tuple(STAGES) == NAMES
    assert tuple(name for name, stage in STAGES.items() if stage.graded) == GRADED


def test_a_stage_is_given_only_outputs_of_earlier_stages() -> None:
    names = list(STAGES)
    for name, stage in STAGES.items():
        assert all(names.index(given) < names.index(name) for given in stage.inputs)
    assert STAGES["proposal"].inputs == ("idea", "literature")
    assert STAGES["paper"].inputs == ("idea", "literature", "proposal", "experiment")
    assert STAGES["end2end"].inputs == ("paper", "experiment")


@pytest.mark.parametrize(
    ("stage", "name"), [("idea", "idea.md"), ("literature", "related_work.md"), ("proposal", "proposal.md"), ("paper", "paper.md")]
)
def test_a_writing_stage_is_usable_exactly_when_its_file_holds_text(stage: str, name: str, tmp_path: Path) -> None:
    assert missing_outputs(stage, tmp_path) == [f"{name} is missing"]
    write(tmp_path, name)
    assert missing_outputs(stage, tmp_path) == []
    assert missing_outputs(STAGES[stage], tmp_path) == []


def test_nothing_is_missing_from_end2end_which_makes_nothing(tmp_path: Path) -> None:
    assert missing_outputs("end2end", tmp_path / "absent") == []


def test_an_absent_output_folder_means_every_file_is_missing(tmp_path: Path) -> None:
    reasons = missing_outputs("experiment", tmp_path / "absent")
    assert reasons == ["code/ is missing", "results/results.md is missing: there is no folder results/"]


def test_log_claims_and_figures_are_not_needed_for_a_usable_experiment(tmp_path: Path) -> None:
    assert missing_outputs("experiment", usable_experiment(tmp_path)) == []


@pytest.mark.parametrize("content", ["", " \n\t\n"])
def test_a_blank_file_is_empty(content: str, tmp_path: Path) -> None:
    write(tmp_path, "paper.md", content)
    (reason,) = missing_outputs("paper", tmp_path)
    assert reason.startswith("paper.md is empty")


def test_an_output_of_2_gb_is_judged_by_its_beginning(tmp_path: Path) -> None:
    with (tmp_path / "paper.md").open("wb") as stream:
        stream.truncate(2 * 2**30)  # sparse: 2 GB of NUL, which is no white space
    assert missing_outputs("paper", tmp_path) == []


def test_a_code_folder_with_only_empty_files_and_links_is_empty(tmp_path: Path) -> None:
    usable_experiment(tmp_path)
    (tmp_path / "code/run.py").write_text("")
    (tmp_path / "code/link.py").symlink_to("/etc/passwd")
    (reason,) = missing_outputs("experiment", tmp_path)
    assert reason.startswith("code/ is empty")


def test_a_file_deep_in_the_code_folder_counts(tmp_path: Path) -> None:
    usable_experiment(tmp_path)
    (tmp_path / "code/run.py").unlink()
    write(tmp_path, "code/a/b/run\n.py", "print(1)")
    assert missing_outputs("experiment", tmp_path) == []


def test_a_link_is_no_output(tmp_path: Path) -> None:
    (tmp_path / "paper.md").symlink_to("/etc/passwd")
    (reason,) = missing_outputs("paper", tmp_path)
    assert "paper.md is a symbolic link" in reason


def test_a_linked_folder_cannot_bring_outputs_from_outside(tmp_path: Path) -> None:
    outside = usable_experiment(tmp_path / "outside")
    output = tmp_path / "output"
    output.mkdir()
    (output / "code").symlink_to(outside / "code")
    (output / "results").symlink_to(outside / "results")
    reasons = missing_outputs("experiment", output)
    assert ["symbolic link" in reason for reason in reasons] == [True, True]


def test_a_folder_a_pipe_and_a_file_in_the_wrong_place_are_named(tmp_path: Path) -> None:
    (tmp_path / "idea.md").mkdir()
    os.mkfifo(tmp_path / "paper.md")
    write(tmp_path, "code")
    write(tmp_path, "results")
    assert missing_outputs("idea", tmp_path) == ["idea.md is not a regular file but a folder"]
    assert missing_outputs("paper", tmp_path) == ["paper.md is not a regular file but a named pipe"]
    assert missing_outputs("experiment", tmp_path) == [
        "code/ is not a folder but a regular file",
        "results/results.md is missing: results is not a folder",
    ]


def test_an_unknown_stage_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        missing_outputs("poster", tmp_path)
