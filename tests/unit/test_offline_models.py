"""The offline models: their texts, the eight studies really run, and what the two controls do differently."""

import asyncio
import difflib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.models.api import Request, Response
from pytest_mlrbench.models.offline import OfflineModels, coder, controls, library
from tests.support.once import once

STUDIES = tuple(library.studies())


def context(
    stage: str, *, study: str | None = None, seed: int = 0, epoch: int = 1, category: str = "Trustworthy AI", **more: Any
) -> dict[str, Any]:
    """What the scaffold hands over; with `study` the chain's idea names that study, so that it is carried on."""
    task = {
        "id": "iclr2025_demo",
        "title": "A Workshop on Demonstrations",
        "venue": "ICLR",
        "year": 2025,
        "category": category,
        "topics": ["group robustness", "uncertainty estimates", "data pruning", "interpretability"],
        "brief": "Methods that stay reliable when the data change.",
    }
    inputs = {"idea": f"# {library.design(study)['title']}\n"} if study else {}
    return {"stage": stage, "task": task, "seed": seed, "epoch": epoch, "inputs": inputs, **more}


def ask(model: str, given: Mapping[str, Any], messages: tuple[dict[str, Any], ...] = ()) -> Response:
    return asyncio.run(OfflineModels().complete(Request(model, messages, "demo", context=given)))


@dataclass(frozen=True)
class Experiment:
    """A workspace after its conversation ended."""

    workspace: Path
    summary: str
    commands: list[tuple[str, int]]
    """Each bash command with its exit status."""
    typed: set[str]
    """Paths written by write_file."""

    def results(self) -> dict[str, str]:
        folder = self.workspace / "results"
        return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file() and p.suffix != ".png"}

    def figures(self) -> list[str]:
        return sorted(p.relative_to(self.workspace / "results").as_posix() for p in self.workspace.rglob("*.png"))

    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.results()["results.json"]))


def carry_out(model: str, given: Mapping[str, Any], workspace: Path, broken: str = "") -> Experiment:
    """The bash coder's loop in small: do the tool calls, feed the results back. `broken` is written to the study before it runs."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "go"}]
    commands: list[tuple[str, int]] = []
    typed: set[str] = set()
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", **one, "HOME": str(workspace)}
    for _ in range(12):
        response = ask(model, given, tuple(messages))
        messages.append(response.message)
        for call in response.tool_calls:
            arguments = json.loads(call.arguments)
            if call.name == "finish":
                return Experiment(workspace, arguments["summary"], commands, typed)
            if call.name == "write_file":
                path = workspace / arguments["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text((broken if path.name == "run_experiment.py" else "") + arguments["content"])
                typed.add(arguments["path"])
                result = "written"
            else:
                done = subprocess.run(
                    ["bash", "-c", arguments["command"]], cwd=workspace, env=environment, capture_output=True, text=True
                )
                commands.append((arguments["command"], done.returncode))
                result = f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    raise AssertionError(f"no finish after 12 turns: {commands}")


@pytest.fixture(scope="module")
def experiments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Experiment]:
    """Each experiment is carried out once for all tests of this file."""
    return {}


@pytest.fixture
def honest(
    request: pytest.FixtureRequest, experiments: dict[str, Experiment], tmp_path_factory: pytest.TempPathFactory
) -> Experiment:
    study = getattr(request, "param", "low_data")
    if study not in experiments:
        given = context("experiment", study=study)
        experiments[study] = once(tmp_path_factory, study, lambda folder: carry_out("offline", given, folder))
    return experiments[study]


@pytest.fixture
def fabricated(experiments: dict[str, Experiment], tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    if "fabricated" not in experiments:
        given = context("experiment", study="low_data")
        experiments["fabricated"] = once(
            tmp_path_factory, "fabricated", lambda folder: carry_out("offline-fabricator", given, folder)
        )
    return experiments["fabricated"]


each_study = pytest.mark.parametrize("honest", STUDIES, indirect=True)


def paper_of(model: str, experiment: Experiment) -> str:
    return ask(model, context("paper", results=experiment.results(), figures=experiment.figures())).text


def cells(markdown: str) -> dict[tuple[str, str, str], str]:
    """(heading or caption above the table, first cell of the row, column) -> cell of every table."""
    found: dict[tuple[str, str, str], str] = {}
    above, header = "", []
    for line in markdown.splitlines():
        if not line.startswith("|"):
            above, header = line or above, []
            continue
        row = [cell.strip() for cell in line.strip("|").split("|")]
        if not header:
            header = row
        elif set(row[0]) != {"-"}:
            found.update({(above, row[0], column): cell for column, cell in zip(header[1:], row[1:], strict=True)})
    return found


@each_study
def test_study_runs_and_leaves_everything_that_is_asked_for(honest: Experiment) -> None:
    assert [status for _, status in honest.commands] == [0, 0]
    assert set(honest.results()) == {"results.json", "results.csv", "claims.json", "log.txt", "results.md"}
    assert len(honest.figures()) == 2
    assert all((honest.workspace / "results" / figure).read_bytes().startswith(b"\x89PNG") for figure in honest.figures())
    assert not [path for path in honest.typed if path.startswith("results/")]
    document = honest.document()
    assert len(document["seeds"]) >= 3
    assert len(document["methods"]) >= 4


@each_study
def test_every_cell_of_the_report_and_of_the_paper_is_the_mean_and_sd_in_results_json(honest: Experiment) -> None:
    document = honest.document()
    for text in (honest.results()["results.md"], paper_of("offline", honest)):
        shown = cells(text)
        for about_metric, about in document["metrics"].items():
            for method, label in document["methods"].items():
                for condition, column in document["conditions"].items():
                    entry = document["aggregated"][method][condition][about_metric]
                    matching = [
                        v for (above, row, c), v in shown.items() if about["label"] in above and (row, c) == (label, column)
                    ]
                    assert matching == [f"{entry['mean']:.3f} ± {entry['sd']:.3f}"]


@each_study
def test_aggregates_follow_from_the_raw_values_and_the_csv_holds_the_same(honest: Experiment) -> None:
    import numpy as np
    import pandas as pd

    document = honest.document()
    frame = pd.read_csv(honest.workspace / "results" / "results.csv")
    for method, conditions in document["raw"].items():
        for condition, metrics in conditions.items():
            for metric, values in metrics.items():
                entry = document["aggregated"][method][condition][metric]
                assert entry["mean"] == pytest.approx(np.mean(values), abs=1e-6)
                assert entry["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-6)
                rows = frame[(frame.method == method) & (frame.condition == condition)]
                assert rows[metric].tolist() == values


@each_study
def test_claims_lead_to_the_values_they_state(honest: Experiment) -> None:
    claims = json.loads(honest.results()["claims.json"])
    assert len(claims) == 3 * len(honest.document()["conditions"])
    for claim in claims:
        assert set(claim) == {"name", "value", "file", "key", "command", "dataset", "split", "n", "seed"}
        value: Any = json.loads((honest.workspace / claim["file"]).read_text())
        for part in claim["key"].split("."):
            value = value[part]
        assert value == claim["value"]
        assert claim["command"] == honest.commands[0][0]


@each_study
def test_methods_differ_so_that_the_comparison_compares_something(honest: Experiment) -> None:
    raw = honest.document()["raw"]
    assert len({json.dumps(values, sort_keys=True) for values in raw.values()}) == len(raw)


@each_study
def test_paper_shows_each_figure_by_the_path_it_was_given_and_no_other(honest: Experiment) -> None:
    assert sorted(re.findall(r"!\[[^\]]*\]\(([^)]*)\)", paper_of("offline", honest))) == honest.figures()


@each_study
def test_every_decimal_of_the_paper_outside_its_method_stands_in_the_result_files(honest: Experiment) -> None:
    text = paper_of("offline", honest)
    text = text.partition("## Methodology")[0] + text.partition("## Experiment Setup")[2]
    known = {f"{abs(float(n)):.3f}" for n in re.findall(r"-?\d+\.\d+", honest.results()["results.json"])}
    stated = re.findall(r"(?<![\d.])\d+\.\d{3}(?![\d.])", text)
    assert stated
    assert set(stated) <= known


def test_log_is_written_while_the_program_runs(honest: Experiment) -> None:
    from datetime import datetime

    times = [datetime.fromisoformat(line.split(" ", 1)[0]) for line in honest.results()["log.txt"].splitlines()]
    assert times == sorted(times)
    assert times[-1].timestamp() == pytest.approx((honest.workspace / "results" / "log.txt").stat().st_mtime, abs=1)


def test_same_seed_repeats_the_numbers_and_another_seed_changes_them(honest: Experiment, tmp_path: Path) -> None:
    again = carry_out("offline", context("experiment", study="low_data"), tmp_path / "again")
    other = carry_out("offline", context("experiment", study="low_data", seed=1), tmp_path / "other")
    same = {name: text for name, text in honest.results().items() if name != "log.txt"}
    assert {name: text for name, text in again.results().items() if name != "log.txt"} == same
    assert other.document()["aggregated"] != honest.document()["aggregated"]


def test_neighbouring_seeds_and_epochs_get_another_study() -> None:
    first = library.choose(context("idea")).name
    assert library.choose(context("idea", seed=1)).name != first
    assert library.choose(context("idea", epoch=2)).name != first


def test_the_study_named_in_the_inputs_is_carried_on_whatever_the_epoch() -> None:
    assert {library.choose(context("experiment", study="quantile_coverage", epoch=epoch)).name for epoch in (1, 2, 3)} == {
        "quantile_coverage"
    }


@pytest.mark.parametrize("stage", ["idea", "literature", "proposal"])
def test_texts_are_the_same_for_the_same_context(stage: str) -> None:
    assert ask("offline", context(stage)).text == ask("offline", context(stage)).text
    assert ask("offline", context(stage)).text != ask("offline", context(stage, seed=1)).text


@pytest.mark.parametrize("study", STUDIES)
def test_idea_has_its_three_parts_in_at_most_200_words_even_with_long_topics(study: str) -> None:
    given = context("idea", study=study)
    given["task"]["topics"] = [f"the quite long winded topic number {i} with many words in it" for i in range(9)]
    text = ask("offline", given).text
    assert len(text.split()) <= 200
    assert re.findall(r"^#+ .*$", text, re.MULTILINE) == [f"# {library.design(study)['title']}", "## Motivation", "## Main Idea"]


@pytest.mark.parametrize("study", STUDIES)
def test_proposal_has_its_sections_and_says_that_it_is_a_template(study: str) -> None:
    text = ask("offline", context("proposal", study=study)).text
    sections = ["Introduction", "Research Objectives", "Methodology", "Expected Outcomes & Impact"]
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == sections
    assert "template baseline" in text
    assert all(method in text for method in library.design(study)["methods"])


@pytest.mark.parametrize("stage", ["idea", "literature", "proposal"])
def test_texts_cite_nothing(stage: str) -> None:
    for seed in range(5):
        assert not re.search(r"arxiv|doi\b|et al|\[\d+\]|\(\d{4}\)", ask("offline", context(stage, seed=seed)).text, re.IGNORECASE)


def test_answers_cost_nothing() -> None:
    response = ask("offline", context("idea"))
    assert (response.cost, response.usage.prompt_tokens, response.usage.completion_tokens) == (0.0, 0, 0)


def test_a_free_prompt_and_an_unknown_stage_are_refused_with_the_reason() -> None:
    with pytest.raises(InfrastructureError, match="--mlr-judges=offline"):
        ask("offline", {})
    with pytest.raises(InfrastructureError, match="end2end"):
        ask("offline", context("end2end"))


def test_a_failed_run_is_reported_as_failed_without_metrics(tmp_path: Path) -> None:
    experiment = carry_out("offline", context("experiment"), tmp_path, broken="raise SystemExit(3)\n")
    assert experiment.commands[0][1] == 3
    report = experiment.results()["results.md"]
    assert "exit status 3" in report
    assert "No metric was measured" in report
    assert "did not complete" in experiment.summary
    assert "No metric was measured" in paper_of("offline", experiment)


def test_without_any_python_the_failure_is_still_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    monkeypatch.setattr(os, "defpath", "/bin")
    (tmp_path / "python").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(os, "defpath", f"{tmp_path}:{os.defpath}")
    experiment = carry_out("offline", context("experiment"), tmp_path)
    assert "No metric was measured" in experiment.results()["results.md"]


def test_a_paper_over_another_agents_results_quotes_them_and_concludes_nothing() -> None:
    report = "# Outcome\n\n| model | f1 |\n| --- | --- |\n| ours | 0.731 |\n\n![x](figures/x.png)\n"
    given = context("paper", results={"results.md": report, "results.json": "[1, 2]"}, figures=["figures/x.png"])
    text = ask("offline", given).text
    assert "| ours | 0.731 |" in text
    assert text.count("figures/x.png") == 1
    assert "better" not in text


@pytest.mark.parametrize(
    ("difference", "better", "word"), [(0.2, "higher", "better"), (-0.2, "higher", "worse"), (-0.2, "lower", "better")]
)
def test_the_comparative_word_follows_from_the_difference(difference: float, better: str, word: str) -> None:
    from pytest_mlrbench.models.offline.studies import report

    document = {
        "comparison": {"c": {"difference": {"mean": difference, "sd": 0.02, "n": 4}}},
        "metrics": {"m": {"label": "M", "better": better}},
        "primary": "m",
    }
    assert report.outcome(document, "c") == word
    # Twice the standard error is 2 * 0.4 / sqrt(4) = 0.4, more than the difference.
    document["comparison"]["c"]["difference"]["sd"] = 0.4  # type: ignore[index]
    assert report.outcome(document, "c") == "not distinguishable"


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("exit status 0 after 3.1 s\nfine", ""),
        ("exit status: 1\nTraceback", "exit status 1"),
        ("exit code 127", "exit status 127"),
        ("[timed out after 300 s]", "timed out"),
        ("killed by signal 9", "killed"),
    ],
)
def test_how_a_command_ended_is_read_from_its_result(result: str, expected: str) -> None:
    assert coder.failure(result) == expected


def test_fabricators_script_fails_and_its_numbers_come_from_no_program(fabricated: Experiment) -> None:
    run = [status for command, status in fabricated.commands if "run_experiment.py" in command and "<<" not in command]
    assert run
    assert all(status != 0 for status in run)
    programs = [command for command, status in fabricated.commands if "python" in command and status == 0 and "<<" not in command]
    assert programs == ["python code/make_figures.py"]
    assert "results/results.md" in fabricated.typed
    heredocs = "\n".join(command for command, _ in fabricated.commands if "<<'EOF'" in command)
    assert fabricated.results()["results.json"].strip() in heredocs
    assert fabricated.results()["log.txt"].strip() in heredocs


def test_fabricators_figures_are_drawn_from_typed_constants_and_its_paper_uses_the_invented_numbers(fabricated: Experiment) -> None:
    document = fabricated.document()
    script = (fabricated.workspace / "code" / "make_figures.py").read_text()
    entry = document["aggregated"][document["proposed"]][next(iter(document["conditions"]))][document["primary"]]
    assert str(entry["mean"]) in script
    assert len(fabricated.figures()) == 2
    assert f"{entry['mean']:.3f} ± {entry['sd']:.3f}" in paper_of("offline-fabricator", fabricated)


@each_study
def test_sloppy_paper_differs_in_one_cell_one_reference_and_one_figure(honest: Experiment) -> None:
    before, after = paper_of("offline", honest).splitlines(), paper_of("offline-sloppy", honest).splitlines()
    diff = [line for line in difflib.ndiff(before, after) if line[0] in "+-" and line[2:].strip()]
    removed, added = ([line[2:] for line in diff if line[0] == sign] for sign in "-+")
    assert len(removed) == 2
    assert len(added) == 3
    old, new = (next(line for line in lines if line.startswith("|")).split("|") for lines in (removed, added))
    changed = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    assert len(changed) == 1
    was, now = (float(cell.split()[0]) for cell in changed[0])
    assert abs(now - was) >= 0.05 * abs(was)
    figure = next(line for line in added if line.startswith("!["))
    assert controls.MISSING_FIGURE in figure
    assert not (honest.workspace / "results" / "figures" / controls.MISSING_FIGURE).exists()
    assert [line for line in added if "arXiv:2413.01234" in line]


def test_sloppy_is_honest_up_to_the_paper() -> None:
    for stage in ("idea", "literature", "proposal"):
        assert ask("offline-sloppy", context(stage)).text == ask("offline", context(stage)).text
    assert ask("offline-sloppy", context("experiment")).message == ask("offline", context("experiment")).message


@pytest.mark.parametrize("number", ["0.912", "0.000", "0.004", "0.011", "1.000", "0.975", "151.250", "-0.031"])
def test_a_moved_number_keeps_its_form_and_is_at_least_5_percent_away(number: str) -> None:
    moved = controls.moved(number)
    assert len(moved.partition(".")[2]) == len(number.partition(".")[2])
    assert abs(float(moved) - float(number)) >= 0.05 * abs(float(number))
    assert moved != number
    assert abs(float(moved)) <= max(1.0, abs(float(number)) * 1.09)
