"""What is said before a run of a coder that cannot work: its provider, its program, the image."""

import json
from pathlib import Path

import pytest

from pytest_mlrbench import doctor
from pytest_mlrbench.engine import coder_check
from pytest_mlrbench.engine.coder_check import check_coder, coders_of
from pytest_mlrbench.sandboxes.image import CODERS_LABEL, pinned_coders
from pytest_mlrbench.settings import Settings

ALL = {CODERS_LABEL: json.dumps(pinned_coders())}


def problems(coder: str, model: str, labels: dict[str, str] | None = ALL, **settings: str) -> list[str]:
    return check_coder(Settings(model=model, coder=coder, run="r", **settings), labels)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("coder", "model"),
    [
        ("claude-code", "anthropic/claude-sonnet-4-5"),
        ("claude-code", "claude-sonnet-4-5"),
        ("codex", "openai/gpt-5"),
        ("gemini-cli", "gemini/gemini-2.5-pro"),
        ("bash", "openrouter/any/model"),
    ],
)
def test_a_coder_and_a_model_of_its_provider_fit(coder: str, model: str) -> None:
    assert problems(coder, model) == []


@pytest.mark.parametrize(
    ("coder", "model", "told"),
    [
        ("claude-code", "openai/gpt-5", "speaks anthropic's API only, and --mlr-model=openai/gpt-5 is of openai"),
        ("codex", "gemini/gemini-2.5-pro", "give a model openai/..., or --mlr-coder=bash"),
        ("gemini-cli", "vertex_ai/gemini-2.5-pro", "is of vertex_ai"),
        ("codex", "offline", "is of none (it is built in)"),
    ],
)
def test_another_provider_is_told_before_anything_runs(coder: str, model: str, told: str) -> None:
    [found] = problems(coder, model)
    assert told in found


def test_an_image_without_the_cli_names_the_remedy() -> None:
    [found] = problems("codex", "openai/gpt-5", {CODERS_LABEL: '{"@google/gemini-cli": "1.0.0"}'}, sandbox="docker", image="mine:1")
    assert found == "the image mine:1 lacks @openai/codex, which --mlr-coder=codex runs: mlrbench image build"
    assert len(problems("codex", "openai/gpt-5", {}, sandbox="docker")) == 1
    assert problems("bash", "openai/gpt-5", {}, sandbox="docker") == []


def test_the_local_sandbox_needs_the_program_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coder_check, "SYSTEM_PATH", str(tmp_path))
    [found] = problems("gemini-cli", "gemini/gemini-2.5-pro", None, sandbox="local")
    assert "npm install -g @google/gemini-cli@" in found
    (tmp_path / "gemini").write_text("#!/bin/sh\n")
    (tmp_path / "gemini").chmod(0o755)
    assert problems("gemini-cli", "gemini/gemini-2.5-pro", None, sandbox="local") == []


def test_doctor_compares_the_image_with_the_pins() -> None:
    assert all(one.ok for one in doctor._coders(ALL))
    older = {**pinned_coders(), "@openai/codex": "0.1.0"}
    found = {one.name: one for one in doctor._coders({CODERS_LABEL: json.dumps(older)})}
    assert not found["@openai/codex"].ok
    assert "0.1.0, this version pins" in found["@openai/codex"].told
    assert [one.told for one in doctor._coders({})] == ["not in the image"] * 3


def test_labels_of_strangers_are_no_error() -> None:
    assert coders_of({CODERS_LABEL: "no json"}) == coders_of({CODERS_LABEL: "[1]"}) == coders_of({}) == {}
