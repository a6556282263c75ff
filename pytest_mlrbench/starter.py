"""`mlrbench init`: the two files with which a project starts, a pytest.ini and a CI workflow."""

from pathlib import Path

from .errors import ConfigError

PYTEST_INI = """\
[pytest]
# Every --mlr-* option of `pytest --help` has a twin here; an option on the command line comes first.
mlr_model = {model}
mlr_suite = smoke
# What the whole run may spend, in USD. What does not fit is skipped, and done when you run again with a higher one.
mlr_budget = 50
addopts = -n 2
"""

WORKFLOW = """\
name: MLR-Bench
on:
  workflow_dispatch:
  schedule:
    - cron: "0 3 * * 1"

jobs:
  benchmark:
    runs-on: ubuntu-latest
    timeout-minutes: 350
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install pytest-mlrbench
{image}      - run: pytest --mlr-run=mlr-runs/ci --alluredir=allure-results
{keys}      - run: mlrbench tables mlr-runs/ci >> "$GITHUB_STEP_SUMMARY"
        if: always()
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: mlr-bench
          path: |
            mlr-runs/ci
            allure-results
"""

PROVIDER_KEYS = {
    "gemini": "GEMINI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "mistral": "MISTRAL_API_KEY",
}
BARE_NAMES = {"claude": "anthropic", "gpt": "openai", "o1": "openai", "o3": "openai", "o4": "openai"}
"""Beginnings of model ids that litellm takes without a provider."""


def write_starter(folder: Path, model: str) -> list[Path]:
    """Write pytest.ini and .github/workflows/mlrbench.yml into `folder` and return their paths.

    The workflow takes the keys of `model` and of the default judges from the repository's secrets. Raises ConfigError when
    one of the files exists (nothing is overwritten) or cannot be written.
    """
    if not model.strip() or not model.isprintable():
        raise ConfigError(f"--model={model!r}: expected a model id such as o4-mini, or offline")
    files = {folder / "pytest.ini": PYTEST_INI.format(model=model), folder / ".github/workflows/mlrbench.yml": _workflow(model)}
    for path in files:
        if path.exists():
            raise ConfigError(f"{path} exists and is not overwritten: move it away, or start in another folder")
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    return list(files)


def _workflow(model: str) -> str:
    if model.startswith("offline"):
        return WORKFLOW.format(image="", keys="")
    names = dict.fromkeys([_key_of(model), "GEMINI_API_KEY", "ANTHROPIC_API_KEY"])
    secrets = "".join(f"          {name}: ${{{{ secrets.{name} }}}}\n" for name in names if name)
    return WORKFLOW.format(image="      - run: mlrbench image build\n", keys=f"        env:\n{secrets}")


def _key_of(model: str) -> str | None:
    """The variable that holds the key of `model`, None when its id does not tell."""
    provider = (
        model.partition("/")[0]
        if "/" in model
        else next((BARE_NAMES[start] for start in BARE_NAMES if model.startswith(start)), "")
    )
    return PROVIDER_KEYS.get(provider)
