"""The preflight: everything that can be known to be missing before the first call is paid, each with how to get it."""

import os
import shutil
from collections.abc import Iterable

from ..errors import ConfigError, InfrastructureError
from ..models.catalog import check_model, provider_of
from ..settings import DEFAULT_JUDGES, Settings
from .coder_check import check_coder
from .command_check import command_problems
from .planning import Plan
from .resources import leasable

LEAST_DISK = 500 * 2**20
"""Bytes free below which a run does not start: texts need kilobytes, an experiment's output up to gigabytes."""

PANELS: tuple[tuple[str, str], ...] = (
    ("GEMINI_API_KEY", "gemini/gemini-2.5-pro"),
    ("ANTHROPIC_API_KEY", "anthropic/claude-sonnet-4-5"),
    ("OPENAI_API_KEY", "openai/gpt-5"),
    ("OPENROUTER_API_KEY", "openrouter/google/gemini-2.5-pro"),
    ("DEEPSEEK_API_KEY", "deepseek/deepseek-reasoner"),
    ("MISTRAL_API_KEY", "mistral/mistral-large-latest"),
)
"""Judges to propose, by the key they need."""


def preflight(settings: Settings, plan: Plan) -> list[str]:
    """Warnings for the plan; raises ConfigError that lists every fatal problem at once, with the remedy."""
    if not plan.needs_models:
        return []
    fatal, warnings = check_models(_models(settings, plan), settings)
    if fatal and settings.judges == DEFAULT_JUDGES and (panel := _panel_with_present_keys()):
        fatal.append(f"with the keys that are set, this panel works: --mlr-judges={','.join(panel)}")
    labels = None
    sandboxed = bool(plan.make) if settings.agent_command is not None else plan.make["experiment"] > 0
    if sandboxed and settings.sandbox == "docker":
        from ..sandboxes.docker import check_docker, remove_dead

        try:
            labels = check_docker(settings.image)["labels"]
            if removed := remove_dead():
                warnings.append(f"removed what dead runs left: {', '.join(removed)}")
        except InfrastructureError as error:
            fatal.append(str(error))
    if sandboxed and settings.agent_command is not None and not fatal:
        fatal += command_problems(settings)
    if plan.make["experiment"]:
        fatal += check_coder(settings, labels) if settings.agent_command is None else []
        try:
            leasable(settings)
        except ConfigError as error:
            fatal.append(str(error))
    if sandboxed and settings.sandbox == "local" and not (settings.offline and settings.agent_command is None):
        warnings.append("--mlr-sandbox=local: what the agent writes runs on this machine as you, without a container")
    if sandboxed and settings.agent_command is not None and (why := _not_served(settings)):
        warnings.append(why)
    if sandboxed and settings.network == "full":
        warnings.append("--mlr-network=full: what the agent writes also reaches this machine's own services and its network")
    return settled([*fatal, *check_disk(settings.run)], warnings)


def judges_preflight(settings: Settings) -> list[str]:
    """As `preflight`, where stored outputs are judged and nothing else is done."""
    fatal, warnings = check_models((judge for judge in settings.judges if judge != "offline"), settings)
    return settled([*fatal, *check_disk(settings.run)], warnings, "cannot start")


def _not_served(settings: Settings) -> str:
    """That an agent command has no way to the model under test; empty when it has, or needs none."""
    from ..models.gateway.dialects import DIALECTS

    provider = None if settings.offline else provider_of(settings.model)
    if provider is None or provider in DIALECTS:
        return ""
    return (
        f"the model gateway of --mlr-agent-command passes calls on to {', '.join(sorted(DIALECTS))} only: the command cannot reach "
        f"{settings.model} by it"
    )


def check_models(models: Iterable[str], settings: Settings) -> tuple[list[str], list[str]]:
    """What stands against calling `models`: fatal problems and warnings."""
    fatal: list[str] = []
    warnings: list[str] = []
    for model in models:
        for problem in check_model(model, settings):
            (fatal if problem.fatal else warnings).append(problem.message)
    return fatal, warnings


def check_disk(run: str) -> list[str]:
    """The fatal problem of too little space for `run`, if there is one."""
    free = shutil.disk_usage(_existing(run)).free
    if free >= LEAST_DISK:
        return []
    return [f"only {free / 2**20:.0f} MiB free for --mlr-run={run}: free {LEAST_DISK // 2**20} MiB or choose another place"]


def settled(fatal: list[str], warnings: list[str], head: str = "mlrbench cannot start") -> list[str]:
    """The warnings as lines. Raises ConfigError with every fatal problem below `head` where there is one."""
    if fatal:
        raise ConfigError(f"{head}:\n" + "\n".join(f"  - {text}" for text in dict.fromkeys(fatal)))
    return [f"mlrbench: warning: {text}" for text in dict.fromkeys(warnings)]


def _models(settings: Settings, plan: Plan) -> Iterable[str]:
    """Models that this plan calls."""
    found: dict[str, None] = {}
    if plan.make - type(plan.make)({"literature": plan.make["literature"]}):
        found[settings.model] = None
    if plan.make["literature"] and settings.literature_model is not None:
        found[settings.literature_model] = None
    if plan.grade:
        found.update(dict.fromkeys(judge for judge in settings.judges if judge != "offline"))
    return found


def _panel_with_present_keys() -> list[str]:
    return [model for key, model in PANELS if os.environ.get(key)][:2]


def _existing(path: str) -> str:
    """The nearest folder of `path` that exists."""
    while not os.path.exists(path):  # noqa: PTH110
        path = os.path.dirname(path) or "."  # noqa: PTH120
    return path
