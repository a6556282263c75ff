"""The table of the --mlr-* options: names, help, what is repeatable; options.py declares and reads them. Stdlib only."""

from dataclasses import dataclass

from .keys import GRADED

OFFLINE_MODELS = ("offline", "offline-fabricator", "offline-sloppy")
"""As settings.OFFLINE_MODELS, which would cost a pydantic import here; a test keeps them equal."""
DEFAULT_JUDGES = ("gemini/gemini-2.5-pro", "anthropic/claude-sonnet-4-5")
GATE_MAX_DROP = 0.5
"""As settings.GATE_MAX_DROP."""
DIMENSIONS = (
    "Consistency", "Clarity", "Novelty", "Feasibility", "Completeness", "Soundness", "Insightfulness", "Significance", "Overall",
)  # fmt: skip
CODERS = ("bash", "claude-code", "codex", "gemini-cli")
SEARCH_AUTO = "auto"
"""Nobody named a source: the engine takes openalex where it answers, else none, and stores which."""


@dataclass(frozen=True)
class Option:
    """One option with its ini twin."""

    name: str
    """Without `--mlr-`."""
    help: str
    metavar: str
    many: bool = False
    """Repeatable, and a comma-separated list."""

    @property
    def flag(self) -> str:
        return f"--mlr-{self.name}"

    @property
    def dest(self) -> str:
        return "mlr_" + self.name.replace("-", "_")


OPTIONS = (
    Option("model", "model under test: any litellm id, or offline, offline-fabricator, offline-sloppy; turns the plugin on", "ID"),
    Option(
        "agent",
        "who carries the stages out: mlr-agent (default) or your own class as module:attr (trusted, runs on this host); with "
        "--mlr-agent-command the name of that agent in results",
        "NAME",
    ),
    Option(
        "agent-command",
        "any other agent, as a command that is run for each stage in the sandbox: MLR_STAGE says which, task.md and inputs/ hold "
        "what it is given (docs/agents.md)",
        "CMD",
    ),
    Option("agent-files", "folder that the agent command finds in its workspace as agent/", "DIR"),
    Option("coder", f"coding agent of the experiment stage: {', '.join(CODERS)} (docs/coders.md says what each needs)", "NAME"),
    Option(
        "search",
        "literature source: openalex (default; none for the offline models, and with a warning where it does not answer), arxiv, "
        "none, or the litellm id of a model that searches",
        "NAME",
    ),
    Option(
        "judges",
        f"the panel, comma-separated (default {','.join(DEFAULT_JUDGES)}; offline for the offline models)",
        "A,B",
        many=True,
    ),
    Option("judge-repeats", "reviews by each judge of the same output (1)", "K"),
    Option(
        "hallucination-check",
        "on (default): model judges also answer, given the checks' findings, what an experiment or paper made up; or off",
        "MODE",
    ),
    Option("suite", "smoke: 3 tasks; core: the ten of the paper's Table 7; paper: 432 items; full: 201 x 5 (default)", "NAME"),
    Option("task", "only tasks whose id matches (repeatable)", "GLOB", many=True),
    Option("stage", f"only these stages: {', '.join(GRADED)} (repeatable)", "S,..", many=True),
    Option("category", "only tasks of this category (repeatable)", "C", many=True),
    Option("venue", "only tasks of this venue: ICLR, ICML, NeurIPS (repeatable)", "V", many=True),
    Option("year", "only tasks of this year (repeatable)", "Y", many=True),
    Option("mode", "stepwise (default): inputs from --mlr-inputs where given; end2end: the model's own chain", "MODE"),
    Option("inputs", "runs to draw a stage's inputs from in stepwise mode, comma-separated", "DIR,..", many=True),
    Option("epochs", "repeats of every trial (1)", "K"),
    Option("seed", "seed for sampling (0)", "N"),
    Option("run", "run directory (mlr-runs/<UTC time>-<model>); an existing one is resumed; --lf resumes the last", "DIR"),
    Option(
        "concurrency",
        "most model calls in flight for the whole run, whatever -n is (128); each provider gets as many as it answers",
        "N",
    ),
    Option("host-concurrency", "most calls in flight of all runs on this host that share a provider's key (no limit)", "N"),
    Option("budget", "what the whole run may spend, or none (50)", "USD"),
    Option("price", "USD per million input and output tokens, for a model without a known price", "IN,OUT"),
    Option("sandbox", "docker, local or auto (default: local for the offline models, docker for everything else)", "KIND"),
    Option("image", "Docker image of the sandbox (mlrbench-research:latest, made by `mlrbench image build`)", "REF"),
    Option(
        "network",
        "what experiments reach: none (default), allowlist (package index and model hub, as pip and the hub's client are set up on "
        "this machine), or full (also this machine's own services)",
        "MODE",
    ),
    Option(
        "allow-host",
        "another host that --mlr-network=allowlist lets through: HOST, HOST:PORT or *.DOMAIN (repeatable)",
        "H",
        many=True,
    ),
    Option(
        "gpus",
        "GPUs to lease to experiments: auto (default, all that CUDA_VISIBLE_DEVICES lets us see), none, or ids",
        "ID,..",
        many=True,
    ),
    Option("gpus-per-trial", "GPUs of one experiment, where there are any (1)", "K"),
    Option(
        "timeout",
        "time limit of a stage, as experiment:6h or paper:30m (repeatable; experiment 6h, others 30m)",
        "STAGE:DURATION",
        many=True,
    ),
    Option("memory", "memory of one experiment (16G)", "SIZE"),
    Option("cpus", "CPUs of one experiment (4)", "N"),
    Option("rerun", "run recorded commands again in a clean sandbox and compare: off (default), sample (one in ten), all", "WHICH"),
    Option("min", "fail items whose panel score is lower, as Overall:6 (repeatable)", "DIM:SCORE", many=True),
    Option("require", "verified: fail items whose results are not verified", "VERDICT"),
    Option(
        "gate", "compare with this baseline run; the gate then decides the exit code (0 holds, 8 broken, 6 inconclusive)", "RUN"
    ),
    Option("gate-max-drop", f"largest drop of Overall that the gate lets pass ({GATE_MAX_DROP:g})", "X"),
    Option(
        "gate-rejudge",
        "judge the baseline's outputs again by this panel: auto (default: where a judge is a moving alias, or the baseline had "
        "another panel or rubric), always, never",
        "MODE",
    ),
    Option(
        "gate-sequential",
        "on: look at the tasks in steps and skip what is left once the gate has its answer; off (default)",
        "MODE",
    ),
    Option("rubrics", "other rubrics instead of the packaged ones", "DIR"),
    Option("prompts", "other prompts instead of the packaged ones", "DIR"),
    Option("tasks", "other task texts (for instance the published ones) instead of our briefs", "DIR"),
    Option(
        "model-setting",
        "a setting of one model, as openai/o4-mini:reasoning_effort=high; keys temperature, reasoning_effort, max_tokens, context, "
        "vision, schema_output, timeout (repeatable)",
        "MODEL:KEY=VALUE",
        many=True,
    ),
    Option("report", "where the HTML report goes (report.html in the run directory), or none", "FILE"),
)
