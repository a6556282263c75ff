"""Options: a bad value is a usage error (exit 4) that names the option and lists what is valid."""

from pathlib import Path

import pytest

from pytest_mlrbench import option_table, settings
from pytest_mlrbench.settings import Settings


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--mlr-suite=nope"], "--mlr-suite=nope: unknown; valid: smoke, core, paper, full"),
        (["--mlr-stage=ideas"], "--mlr-stage=ideas: unknown; valid: idea, proposal, experiment, paper, end2end"),
        (["--mlr-task=iclr2025_dl4d"], "close: iclr2025_dl4c"),
        (["--mlr-category=Vision"], "valid: LLM/VLM, AI for Science"),
        (["--mlr-venue=CVPR"], "valid: ICLR, ICML, NeurIPS"),
        (["--mlr-year=2019"], "valid: 2023, 2024, 2025"),
        (["--mlr-year=soon"], "expected a whole number"),
        (["--mlr-suite=smoke", "--mlr-year=2023"], "leave no task"),
        (["--mlr-coder=emacs"], "--mlr-coder=emacs: unknown; valid: bash"),
        (["--mlr-agent=nobody"], "--mlr-agent=nobody: unknown; valid: mlr-agent, or your own as module:attr"),
        (["--mlr-agent=no_such_module:Agent"], "cannot be loaded (ModuleNotFoundError"),
        (["--mlr-agent-command="], "--mlr-agent-command is empty"),
        (["--mlr-agent-command=true", "--mlr-agent=my:Agent"], "--mlr-agent=my:Agent: there is --mlr-agent-command too"),
        (["--mlr-agent-command=true", "--mlr-coder=bash"], "--mlr-coder does not go with --mlr-agent-command"),
        (["--mlr-agent-command=true", "--mlr-rerun=all"], "--mlr-rerun does not go with --mlr-agent-command"),
        (["--mlr-agent-command=true", "--mlr-agent-files=nowhere"], "--mlr-agent-files=nowhere: no such directory"),
        (["--mlr-agent-files=."], "--mlr-agent-files belongs to --mlr-agent-command=CMD"),
        (["--mlr-sandbox=vm"], "valid: auto, docker, local"),
        (["--mlr-network=some"], "valid: none, allowlist, full"),
        (["--mlr-network=allowlist"], "--mlr-network=allowlist needs --mlr-sandbox=docker"),
        (["--mlr-allow-host=x.example"], "--mlr-allow-host=x.example belongs to --mlr-network=allowlist"),
        (["--mlr-sandbox=docker", "--mlr-network=allowlist", "--mlr-allow-host=https://x.example/"], "is no host: expected a name"),
        (["--mlr-mode=both"], "valid: stepwise, end2end"),
        (["--mlr-epochs=0"], "--mlr-epochs=0: expected a whole number of at least 1"),
        (["--mlr-concurrency=x"], "--mlr-concurrency=x: expected a whole number of at least 1"),
        (["--mlr-host-concurrency=0"], "--mlr-host-concurrency=0: expected a whole number of at least 1"),
        (["--mlr-gpus-per-trial=0"], "--mlr-gpus-per-trial=0: expected a whole number of at least 1"),
        (["--mlr-budget=much"], "--mlr-budget=much"),
        (["--mlr-budget=nan"], "--mlr-budget=nan"),
        (["--mlr-price=1"], "expected IN,OUT"),
        (["--mlr-timeout=experiment"], "expected STAGE:DURATION"),
        (["--mlr-timeout=end2end:5m"], "stages: literature, idea, proposal, experiment, paper"),
        (["--mlr-memory=1K"], "at least 64M"),
        (["--mlr-min=Beauty:3"], "dimensions: Consistency, Clarity"),
        (["--mlr-min=Overall:11"], "from 1 to 10"),
        (["--mlr-require=true"], "valid: verified"),
        (["--mlr-gate=a", "--mlr-gate-max-drop=0"], "--mlr-gate-max-drop=0: expected a number of at least 0.01"),
        (["--mlr-gate=a", "--mlr-gate-max-drop=10"], "--mlr-gate-max-drop=10: scores go from 1 to 10"),
        (["--mlr-gate=a", "--mlr-gate-rejudge=maybe"], "valid: auto, always, never"),
        (["--mlr-gate=a", "--mlr-gate-sequential=yes"], "valid: on, off"),
        (["--mlr-gate-max-drop=1"], "--mlr-gate-max-drop belongs to a gate"),
        (["--mlr-rubrics=nowhere"], "--mlr-rubrics=nowhere: no such directory"),
        (["--mlr-judges=offline-sloppy"], "is no judge"),
        (["--mlr-model-setting=openai/m:colour=red"], "keys: temperature"),
        (["--mlr-inputs=nowhere"], "is not a run directory"),
    ],
)
def test_a_bad_value_is_a_usage_error_that_says_what_is_valid(run_pytest, arguments, expected):
    by_the_engine = arguments[0].startswith(("--mlr-inputs", "--mlr-agent"))
    result = run_pytest("--mlr-model=offline", *([] if by_the_engine else ["--collect-only"]), *arguments)
    assert result.returncode == 4, result.stdout + result.stderr
    assert expected in result.stderr + result.stdout


def test_ini_twin_gives_the_value_and_the_option_wins(run_pytest, tmp_path: Path):
    ini = "[pytest]\nmlr_model = offline\nmlr_suite = smoke\nmlr_stage =\n    idea\n    paper\n"
    (tmp_path / "pytest.ini").write_text(ini, encoding="utf-8")
    from_ini = run_pytest("--collect-only", "-q")
    assert "6 tests collected" in from_ini.stdout
    option_wins = run_pytest("--collect-only", "-q", "--mlr-suite=core", "--mlr-stage=idea")
    assert "10 tests collected" in option_wins.stdout


def test_every_option_has_help_and_an_ini_twin(run_pytest):
    text = run_pytest("--help").stdout
    for option in option_table.OPTIONS:
        assert f"{option.flag}={option.metavar}" in text
        assert f"{option.dest} (" in text


def test_values_known_without_pydantic_agree_with_the_settings():
    assert option_table.OFFLINE_MODELS == settings.OFFLINE_MODELS
    assert option_table.DEFAULT_JUDGES == settings.DEFAULT_JUDGES


def test_every_option_that_makes_a_run_is_a_settings_field(request):
    fields = {option.name.replace("-", "_") for option in option_table.OPTIONS} - {"report", "model_setting"}
    assert fields <= set(Settings.model_fields)
