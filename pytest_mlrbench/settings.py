"""Settings: what a run is. Built by options (pytest side) or the command line, read by the engine, stored in run.json."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from .keys import GRADED
from .records import Frozen

OFFLINE_MODELS = ("offline", "offline-fabricator", "offline-sloppy")
"""Built-in models that call no language model."""

DEFAULT_JUDGES = ("gemini/gemini-2.5-pro", "anthropic/claude-sonnet-4-5")
"""One Gemini and one Claude judge, as the paper's panel (section 2.1), in versions that can still be called."""

SEARCH_SOURCES = ("openalex", "arxiv")
"""Indexes that this package searches itself (search.SOURCES)."""

DEFAULT_TIMEOUTS: dict[str, float] = {"experiment": 6 * 3600.0}
"""Seconds a stage may take; every stage not named here has OTHER_TIMEOUT."""
OTHER_TIMEOUT = 30 * 60.0

GATE_MAX_DROP = 0.5
"""Of Overall, on its scale of 1 to 10: half of the smallest step a judge can take (docs/gating.md says why)."""


class ModelSettings(Frozen):
    """What --mlr-model-setting=MODEL:KEY=VALUE sets for one model; None leaves the provider's default."""

    temperature: float | None = None
    reasoning_effort: str | None = None
    max_tokens: int | None = None
    """Most tokens of one answer."""
    context: int | None = None
    """Input window in tokens, for models whose window is not in the price map."""
    vision: bool | None = None
    """Whether the model takes images, where the model map does not know it."""
    schema_output: bool | None = None
    """Whether the model takes a JSON schema as response_format."""
    timeout: float | None = None
    """Seconds for one call (default 600)."""


class Settings(Frozen):
    """One run. Fields are the options of docs/interface.md with `-` as `_`."""

    model: str
    agent: str = "mlr-agent"
    agent_command: str | None = None
    """A black-box agent, run in the sandbox for each stage; `agent` is then what results call it."""
    agent_files: str | None = None
    """Folder that such a command finds as `agent/`."""
    agent_digest: str | None = None
    """sha256 of what is in it: other files are another agent."""
    coder: str = "bash"
    search: str = "openalex"
    """Literature source: one of SEARCH_SOURCES, `none`, or the id of a model that searches by itself; `auto` until the engine has
    settled it."""
    judges: tuple[str, ...] = DEFAULT_JUDGES
    judge_repeats: int = 1
    hallucination_check: Literal["on", "off"] = "on"
    """Whether model judges also fill in the hallucination form of stages with results."""
    suite: str = "full"
    task: tuple[str, ...] = ()
    stage: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    venue: tuple[str, ...] = ()
    year: tuple[int, ...] = ()
    mode: Literal["stepwise", "end2end"] = "stepwise"
    inputs: tuple[str, ...] = ()
    epochs: int = 1
    seed: int = 0
    run: str
    concurrency: int = 128
    """Most model calls in flight; what a provider carries is found below it (models.limiter)."""
    host_concurrency: int | None = None
    """Most calls in flight of all runs on this host that share a key; None is no limit."""
    budget: float | None = 50.0
    """USD for the whole run; None is no limit."""
    price: tuple[float, float] | None = None
    """USD per million input and output tokens, for models without a known price."""
    sandbox: Literal["docker", "local"] = "docker"
    image: str = "mlrbench-research:latest"
    network: Literal["none", "allowlist", "full"] = "none"
    allow_host: tuple[str, ...] = ()
    """Hosts that `allowlist` lets through besides the package index and the model hub."""
    gpus: tuple[str, ...] = ("auto",)
    """`auto`, `none`, or the devices that experiments may lease (index or UUID)."""
    gpus_per_trial: int = 1
    timeout: dict[str, float] = Field(default_factory=dict)
    memory: int = 16 * 2**30
    """Bytes."""
    cpus: float = 4.0
    rerun: Literal["off", "sample", "all"] = "off"
    """Which experiments are run again in a clean sandbox (engine.core.rerun_chosen)."""
    min: dict[str, float] = Field(default_factory=dict)
    """Dimension -> least panel score."""
    require: Literal["verified"] | None = None
    gate: str | None = None
    """Directory of the baseline run, with which the gate compares this one; None is no gate."""
    gate_max_drop: float = GATE_MAX_DROP
    gate_rejudge: Literal["auto", "always", "never"] = "auto"
    """Whether this run's panel judges the baseline's outputs again; auto: where its own scores may be another panel's."""
    gate_sequential: Literal["on", "off"] = "off"
    """Whether the gate looks at the tasks in steps and leaves out what is left once it has its answer."""
    rubrics: str | None = None
    prompts: str | None = None
    tasks: str | None = None
    model_settings: dict[str, ModelSettings] = Field(default_factory=dict)

    @field_validator("stage")
    @classmethod
    def _known_stages(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for stage in value:
            if stage not in GRADED:
                raise ValueError(f"unknown stage {stage!r}; valid: {', '.join(GRADED)}")
        return value

    @property
    def offline(self) -> bool:
        return self.model in OFFLINE_MODELS

    @property
    def literature_model(self) -> str | None:
        """Who writes the literature section: the search model, the model under test where a source is searched, None for none."""
        if self.search == "none":
            return None
        return self.model if self.search in SEARCH_SOURCES else self.search

    @property
    def run_path(self) -> Path:
        return Path(self.run)

    def stage_timeout(self, stage: str) -> float:
        """Seconds the agent has for `stage`."""
        return self.timeout.get(stage, DEFAULT_TIMEOUTS.get(stage, OTHER_TIMEOUT))

    def for_model(self, model: str) -> ModelSettings:
        return self.model_settings.get(model, ModelSettings())


RESUME_MAY_DIFFER = frozenset(
    {"suite", "task", "stage", "category", "venue", "year", "epochs", "budget", "price", "concurrency", "host_concurrency",
     "timeout", "memory", "cpus", "gpus", "gpus_per_trial", "min", "require", "run", "agent_files",
     "gate", "gate_max_drop", "gate_rejudge", "gate_sequential"}
)  # fmt: skip
"""What may change when a run is resumed (docs/interface.md, run directory); anything else is another run."""


def differences(stored: dict[str, Any], now: Settings) -> list[str]:
    """The settings in which `now` is another run than the stored one, as `name: stored -> now`."""
    new = now.model_dump(mode="json")
    return [
        f"{name}: {stored.get(name)!r} -> {value!r}"
        for name, value in new.items()
        if name not in RESUME_MAY_DIFFER and stored.get(name) != value
    ]
