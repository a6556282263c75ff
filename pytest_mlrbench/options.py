"""Every --mlr-* option and its ini twin: declared for pytest, read by `option > ini > default`, checked. Stdlib only:
`mlrbench` reads some of them too."""

import os
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from .agent_options import agent_of
from .errors import ConfigError
from .keys import GRADED, safe_name
from .option_table import CODERS, DEFAULT_JUDGES, DIMENSIONS, GATE_MAX_DROP, OFFLINE_MODELS, OPTIONS, SEARCH_AUTO

if TYPE_CHECKING:
    import pytest

    from .tasks.suites import Selection

LAST_RUN = "mlrbench/last_run"
"""Key in pytest's cache: the run directory that --lf resumes."""


def add_options(parser: "pytest.Parser") -> None:
    """Declare them all. Paths are documented with `=`: `--opt DIR` with an existing DIR would move pytest's rootdir."""
    group = parser.getgroup("mlrbench", "MLR-Bench: open-ended ML research tasks for AI agents")
    for option in OPTIONS:
        action = "append" if option.many else "store"
        group.addoption(option.flag, action=action, dest=option.dest, metavar=option.metavar, default=None, help=option.help)
        kind: Literal["linelist", "string"] = "linelist" if option.many else "string"
        parser.addini(option.dest, f"ini twin of {option.flag}", type=kind, default=None)


class Given(Protocol):
    """Where values come from: pytest.Config, or the command line of `mlrbench` (commands.judging)."""

    def getoption(self, name: str, default: Any = None, /) -> Any: ...

    def getini(self, name: str, /) -> Any: ...


class Values:
    """What the user asked for, by option name; raises ConfigError for what cannot be meant."""

    def __init__(self, config: Given) -> None:
        self._config = config

    def _raw(self, name: str) -> Any:
        option = OPTION[name]
        given = self._config.getoption(option.dest, None)
        if given is not None:
            return given
        return self._config.getini(option.dest) or None

    def text(self, name: str, default: str | None = None) -> str | None:
        given = self._raw(name)
        return default if given is None else str(given).strip()

    def choice(self, name: str, valid: tuple[str, ...], default: str) -> str:
        given = self.text(name, default)
        assert given is not None
        if given not in valid:
            raise ConfigError(f"--mlr-{name}={given}: unknown; valid: {', '.join(valid)}")
        return given

    def number(self, name: str, default: float, kind: type[int] | type[float], least: float) -> Any:
        given = self.text(name)
        return default if given is None else _number(f"--mlr-{name}={given}", given, kind, least)

    def many(self, name: str, *, split: bool = True) -> tuple[str, ...]:
        given = self._raw(name) or []
        parts = [part.strip() for entry in given for part in (entry.split(",") if split else [entry])]
        return tuple(dict.fromkeys(part for part in parts if part))

    def folder(self, name: str) -> str | None:
        given = self.text(name)
        if given is None:
            return None
        if not Path(given).is_dir():
            raise ConfigError(f"--mlr-{name}={given}: no such directory")
        return os.path.abspath(given)  # noqa: PTH100 - Path.resolve would follow links the user set up on purpose


OPTION = {option.name: option for option in OPTIONS}
"""By name."""


def model_of(config: "pytest.Config") -> str | None:
    """The model under test, None when the plugin has nothing to do."""
    return Values(config).text("model") or None


def selection_of(config: "pytest.Config") -> "Selection":
    """Which trials the invocation is about. Raises ConfigError for filters that select nothing."""
    from .tasks.suites import SUITES, Selection  # only where the plugin is in use

    values = Values(config)
    years = tuple(_number(f"--mlr-year={year}", year, int, 0) for year in values.many("year"))
    selection = Selection(
        suite=values.choice("suite", SUITES, "full"),
        task=values.many("task"),
        stage=values.many("stage"),
        category=values.many("category"),
        venue=values.many("venue"),
        year=years,
        epochs=values.number("epochs", 1, int, 1),
    )
    selection.check()
    return selection


def settings_of(config: "pytest.Config") -> dict[str, Any]:
    """Everything the engine is told, as plain values of settings.Settings. Raises ConfigError naming option and valid values."""
    values = Values(config)
    model = model_of(config)
    assert model is not None
    offline = model in OFFLINE_MODELS
    selection = selection_of(config)
    sandbox = values.choice("sandbox", ("auto", "docker", "local"), "auto")
    agent = agent_of(values)
    black_box = agent["agent_command"] is not None
    search = values.text("search", "none" if offline or black_box else SEARCH_AUTO)
    if offline and search != "none":
        raise ConfigError(f"--mlr-search={search}: {model} reads no literature; valid for the offline models: none")
    return {
        "model": model,
        **agent,
        "coder": values.choice("coder", CODERS, "bash"),
        "search": search,
        "judges": values.many("judges") or (("offline",) if offline else DEFAULT_JUDGES),
        "judge_repeats": values.number("judge-repeats", 1, int, 1),
        "hallucination_check": values.choice("hallucination-check", ("on", "off"), "on"),
        "suite": selection.suite,
        "task": selection.task,
        "stage": selection.stage,
        "category": selection.category,
        "venue": selection.venue,
        "year": selection.year,
        "mode": values.choice("mode", ("stepwise", "end2end"), "stepwise"),
        "inputs": tuple(os.path.abspath(path) for path in values.many("inputs")),  # noqa: PTH100
        "epochs": selection.epochs,
        "seed": values.number("seed", 0, int, 0),
        "run": _run_directory(config, values, model),
        "concurrency": values.number("concurrency", 128, int, 1),
        "host_concurrency": host_concurrency_of(values),
        "budget": budget_of(values),
        "price": price_of(values),
        "sandbox": ("local" if offline and not black_box else "docker") if sandbox == "auto" else sandbox,
        "image": values.text("image", "mlrbench-research:latest"),
        **network_of(values, sandbox == "local" or (offline and not black_box and sandbox == "auto")),
        "gpus": values.many("gpus") or ("auto",),
        "gpus_per_trial": values.number("gpus-per-trial", 1, int, 1),
        "timeout": dict(_timeout(entry) for entry in values.many("timeout")),
        "memory": _size(values.text("memory", "16G") or "16G"),
        "cpus": values.number("cpus", 4.0, float, 0.1),
        "rerun": values.choice("rerun", ("off", "sample", "all"), "off"),
        "min": dict(_least_score(entry) for entry in values.many("min")),
        "require": values.choice("require", ("verified",), "verified") if values.text("require") else None,
        **_gate(values),
        "rubrics": values.folder("rubrics"),
        "prompts": values.folder("prompts"),
        "tasks": values.folder("tasks"),
        "model_settings": model_settings_of(values),
    }


def check_judges(judges: Iterable[str]) -> None:
    """Raise ConfigError for a control model named as a judge."""
    for judge in judges:
        if judge in OFFLINE_MODELS[1:]:
            raise ConfigError(f"--mlr-judges={judge}: is no judge; valid: offline, or any litellm model id")


def _number(what: str, text: str, kind: Callable[[str], Any], least: float) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not value >= least:  # `not >=` also refuses nan
        name = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{what}: expected {name} of at least {least:g}")
    return value


def _run_directory(config: "pytest.Config", values: Values, model: str) -> str:
    given = values.text("run")
    cache = getattr(config, "cache", None)  # absent with -p no:cacheprovider
    if given is None and config.getoption("lf", False) and cache is not None:
        given = cache.get(LAST_RUN, None)
        if given is not None and not Path(given).is_dir():
            raise ConfigError(f"--lf: the last run {given} is gone; name a run with --mlr-run=")
    if given is None:
        given = f"mlr-runs/{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{safe_name(model)}"
    if Path(given).exists() and not Path(given).is_dir():
        raise ConfigError(f"--mlr-run={given}: is a file; expected a directory")
    return os.path.abspath(given)  # noqa: PTH100


def host_concurrency_of(values: Values) -> int | None:
    """Most calls in flight on this host, None for no limit."""
    given: int = values.number("host-concurrency", 0, int, 1)
    return given or None


def budget_of(values: Values) -> float | None:
    """USD, None for no limit."""
    given = values.text("budget", "50")
    assert given is not None
    return None if given.lower() == "none" else _number(f"--mlr-budget={given}: not `none`, so", given, float, 0)


def price_of(values: Values) -> tuple[float, float] | None:
    """USD per million input and output tokens."""
    given = values.text("price")
    if given is None:
        return None
    parts = given.split(",")
    if len(parts) != 2:
        raise ConfigError(f"--mlr-price={given}: expected IN,OUT in USD per million tokens, for instance --mlr-price=1.1,4.4")
    low, high = (_number(f"--mlr-price={given}", part, float, 0) for part in parts)
    return low, high


def _timeout(entry: str) -> tuple[str, float]:
    stage, colon, text = entry.partition(":")
    stages = ("literature", *GRADED[:-1])
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h|d|)", text)
    if not colon or stage not in stages or not match or float(match[1]) <= 0:
        raise ConfigError(
            f"--mlr-timeout={entry}: expected STAGE:DURATION such as experiment:2h or paper:900s; stages: {', '.join(stages)}"
        )
    return stage, float(match[1]) * {"s": 1, "": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def network_of(values: Values, local: bool) -> dict[str, Any]:
    """Settings `network` and `allow_host`. Raises ConfigError for what is no host, and for a list that nothing would enforce."""
    from .sandboxes.egress_rules import Entry

    network = values.choice("network", ("none", "allowlist", "full"), "none")
    hosts = values.many("allow-host")
    if hosts and network != "allowlist":
        raise ConfigError(f"--mlr-allow-host={hosts[0]} belongs to --mlr-network=allowlist; the network is {network}")
    if network == "allowlist" and local:
        raise ConfigError("--mlr-network=allowlist needs --mlr-sandbox=docker: a local command reaches whatever this machine does")
    for host in hosts:
        try:
            Entry.parse(host)
        except ValueError as error:
            raise ConfigError(f"--mlr-allow-host={host}: {error}") from error
    return {"network": network, "allow_host": hosts}


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text, re.IGNORECASE)
    value = float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " ") if match else 0
    if value < 64 * 2**20:
        raise ConfigError(f"--mlr-memory={text}: expected a size of at least 64M, such as 512M or 16G")
    return int(value)


def _least_score(entry: str) -> tuple[str, float]:
    name, colon, text = entry.partition(":")
    dimension = {known.lower(): known for known in DIMENSIONS}.get(name.strip().lower())
    if not colon or dimension is None:
        raise ConfigError(f"--mlr-min={entry}: expected DIMENSION:SCORE such as Overall:6; dimensions: {', '.join(DIMENSIONS)}")
    score = _number(f"--mlr-min={entry}", text, float, 1)
    if score > 10:
        raise ConfigError(f"--mlr-min={entry}: scores go from 1 to 10")
    return dimension, score


def _gate(values: Values) -> dict[str, Any]:
    given = values.text("gate")
    drop = values.number("gate-max-drop", GATE_MAX_DROP, float, 0.01)
    if drop > 9:
        raise ConfigError(f"--mlr-gate-max-drop={drop:g}: scores go from 1 to 10, so expected at most 9")
    if given is None and (named := [name for name in ("gate-max-drop", "gate-rejudge", "gate-sequential") if values.text(name)]):
        raise ConfigError(f"--mlr-{named[0]} belongs to a gate: name the baseline run with --mlr-gate=RUN")
    return {
        "gate": None if given is None else os.path.abspath(given),  # noqa: PTH100
        "gate_max_drop": drop,
        "gate_rejudge": values.choice("gate-rejudge", ("auto", "always", "never"), "auto"),
        "gate_sequential": values.choice("gate-sequential", ("on", "off"), "off"),
    }


def model_settings_of(values: Values) -> dict[str, dict[str, Any]]:
    """Model -> what --mlr-model-setting sets for it."""
    kinds: dict[str, Callable[[str], Any]] = {
        "temperature": float, "reasoning_effort": str, "max_tokens": int, "context": int, "vision": _yes, "schema_output": _yes,
        "timeout": float,
    }  # fmt: skip
    found: dict[str, dict[str, Any]] = {}
    for entry in values.many("model-setting", split=False):
        model, colon, rest = entry.rpartition(":")
        name, equals, text = rest.partition("=")
        if not colon or not equals or name not in kinds:
            raise ConfigError(f"--mlr-model-setting={entry}: expected MODEL:KEY=VALUE; keys: {', '.join(kinds)}")
        try:
            found.setdefault(model, {})[name] = kinds[name](text)
        except ValueError as error:
            raise ConfigError(f"--mlr-model-setting={entry}: {text!r} is no value for {name}") from error
    return found


def _yes(text: str) -> bool:
    if text.lower() in ("yes", "true", "1", "no", "false", "0"):
        return text.lower() in ("yes", "true", "1")
    raise ValueError(text)
