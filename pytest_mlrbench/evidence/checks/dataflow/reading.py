"""All executions of a subject, read: what each put out, what was drawn, typed and opened; rules.py and origin.py judge it."""

import posixpath
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from ....patterns import lazy
from ..case import Case
from .figures import Plotted
from .interpreter import Interpreter, Program, Sink
from .program import Executed, Execution

_LIBRARIES = """
numpy scipy pandas sklearn torch torchvision tensorflow keras jax transformers matplotlib seaborn statsmodels xgboost lightgbm
datasets evaluate accelerate peft trl diffusers openai anthropic timm torchmetrics lightning pytorch_lightning networkx faiss
gymnasium nltk spacy statistics random math json csv time hashlib sqlite3 pickle subprocess collections itertools functools
catboost rouge_score sacrebleu bert_score jiwer seqeval properscoring shap lime umap hdbscan gensim sentence_transformers optuna
hyperopt ray dgl torch_geometric gym stable_baselines3 imblearn fairlearn aif360 foolbox captum pycocotools pyod prophet pmdarima
sktime darts lifelines econml dowhy causalml opacus diffprivlib crepes mapie netcal ranx pytrec_eval rank_bm25 textblob
vaderSentiment tokenizers sentencepiece tiktoken vllm langchain llama_index mlflow wandb tensorboardX einops flax optax haiku
numpyro pyro gpytorch botorch skopt pymc emcee deap pymoo simpy mesa cvxpy ortools pulp numba cupy dask polars joblib
"""
LIBRARIES = frozenset(_LIBRARIES.split())
"""Names under which a reader of the code expects the library, not a module of the run."""
AT_START = ("sitecustomize.py", "usercustomize.py")
"""Modules that Python imports before any program."""
INSTALLED = lazy(r"(?:site|dist)-packages/(\w+)(?:\.py$|/)")
"""Where an installer puts libraries, and no editor."""
MAX_STEPS_ALL = 240_000
"""Syntax nodes visited in all for one folder."""
MAX_STEPS_FAILED = 40_000
"""Of them, those after which no further execution that failed is read: mostly it is the same script on its way to working."""


class Run(NamedTuple):
    """What one execution put out."""

    execution: Execution
    sinks: list[Sink]
    measured: set[str]
    shown: set[str]
    """Names in expressions of computed numbers that were written into texts."""
    counted: set[str]
    """Names of numbers that are made of nothing that tells where they come from: counts, sums of rewards."""
    sampled: set[str]
    """The same of statistics of draws."""
    relays: bool
    """It reads what another program of the run had written."""
    real: set[str]
    """Names of computed numbers in which something beside literals and draws met."""
    drawn: set[str]
    """Names of computed numbers in which draws alone met."""


@dataclass
class Reading:
    """All executions of a subject, read."""

    sinks: list[tuple[Sink, Execution]] = field(default_factory=list)
    texts: list[tuple[str, int, str, Execution]] = field(default_factory=list)
    measured: set[str] = field(default_factory=set)
    relays: set[str] = field(default_factory=set)
    """Scripts that read what another program of the run had written."""
    plots: list[tuple[Execution, list[Plotted]]] = field(default_factory=list)
    """Each execution that plots, and what."""
    tilts: dict[str, dict[frozenset[str], tuple[str, int]]] = field(default_factory=dict)
    """Name -> the literals that had been added or multiplied to the computed numbers put under it -> file and line, where it
    certainly happened (else line 0)."""
    tilts_in_text: dict[str, dict[frozenset[str], tuple[str, int]]] = field(default_factory=dict)
    """The same of numbers in expressions that were written into texts."""
    runs: list["Run"] = field(default_factory=list)
    """Each execution by itself."""
    patched: list[tuple[str, int, str]] = field(default_factory=list)
    """(file, line, function of a library) that executed code replaces by its own; no function for what Python itself imports."""
    shadowed: dict[str, str] = field(default_factory=dict)
    """Library name -> the module of the run that is imported in its place."""
    consumed: set[tuple[str, int, int]] = field(default_factory=set)
    settings: set[tuple[str, int, int]] = field(default_factory=set)
    """Literals that set where drawn numbers lie: told by the rule on drawn numbers, and honest as the settings of a simulation."""
    opened: dict[tuple[str, int, int], set[str]] = field(default_factory=dict)
    """Place where a file is read -> what it was in each execution (interpreter.py)."""
    unread: list[tuple[str, int, str]] = field(default_factory=list)
    both_ways: set[tuple[str, int, int]] = field(default_factory=set)
    """Places of tests that came out true and false within one execution."""
    sources: dict[str, str] = field(default_factory=dict)
    latest: dict[str, str] = field(default_factory=dict)
    """Source file -> its text when it last ran to its end."""
    incomplete: list[str] = field(default_factory=list)
    read: int = 0

    @property
    def first_hand(self) -> list[Run]:
        """Executions that ended well, without those of scripts that read what another program of the run had written."""
        return [run for run in self.runs if not run.execution.failed and run.execution.file not in self.relays]


def differ_by_name(tilts: Collection[frozenset[str]]) -> bool:
    """Whether measured numbers of one name got different literals added or multiplied: a bonus for a method."""
    return len(tilts) > 1 or any("by name" in tilt for tilt in tilts)


def read(case: Case) -> Reading:
    """Read every program that was executed, and those that it started."""
    executed = Executed(case)
    found = Reading()
    pending = executed.executions()
    seen = {(one.file, one.arguments, one.text) for one in pending}
    steps = failed_steps = 0
    while pending and steps < MAX_STEPS_ALL:
        one = pending.pop(0)
        if one.failed and failed_steps > MAX_STEPS_FAILED:
            found.incomplete.append(one.file)
            continue
        seq = one.event.seq if one.event is not None else 10**9

        def sources(name: str, importer: str, one: Execution = one, seq: int = seq) -> tuple[str, str] | None:
            module = executed.module(name, importer or one.file, seq)
            if module is not None:
                if name.partition(".")[0] in LIBRARIES:
                    found.shadowed.setdefault(name.partition(".")[0], module[0])
                found.sources[module[0]] = module[1]
                if not one.failed:
                    found.latest.setdefault(module[0], module[1])
            return module

        found.sources[one.file] = one.text
        if not one.failed:
            found.latest.setdefault(one.file, one.text)

        def data(path: str, one: Execution = one, seq: int = seq) -> tuple[str, str | None] | None:
            return executed.data(path, one.file, seq)

        def made(path: str, one: Execution = one, seq: int = seq) -> bool:
            return executed.made(path, one.file, seq)

        def matching(pattern: str, one: Execution = one, seq: int = seq) -> str | None:
            return executed.matching(pattern, one.file, seq)

        def own(path: str, one: Execution = one, seq: int = seq) -> bool:
            return executed.own(path, one.file, seq)

        reader = Interpreter(Program(sources, list(one.arguments), data, made, matching, executed.lost, own))
        reader.run(one.file, one.text)
        steps += reader.steps
        failed_steps += reader.steps if one.failed else 0
        found.read += 1
        found.sinks += [(sink, one) for sink in reader.sinks]
        found.texts += [(*text, one) for text in reader.texts]
        found.measured |= reader.measured
        for name, tilts in reader.tilted.items():
            found.tilts.setdefault(name, {}).update(tilts)
        for name, tilts in reader.tilted_text.items():
            found.tilts_in_text.setdefault(name, {}).update(tilts)
        found.runs.append(
            Run(
                one,
                reader.sinks,
                reader.measured,
                reader.shown,
                reader.counted,
                reader.sampled,
                reader.relays,
                reader.real,
                reader.drawn,
            )
        )
        found.relays |= {one.file} if reader.relays else set()
        if reader.plots:
            found.plots.append((one, reader.plots))
        for place, kinds in reader.opened.items():
            found.opened.setdefault(place, set()).update(kinds)
        found.patched += reader.patched
        found.consumed |= reader.consumed
        found.settings |= reader.settings
        found.both_ways |= {place for place, ways in reader.outcomes.items() if len(ways) > 1}
        found.unread += [] if one.failed else reader.unread
        if not reader.complete:
            found.incomplete.append(one.file)
        for command, _, _ in reader.children:
            for child in executed.child(command, one):
                key = (child.file, child.arguments, child.text)
                if key not in seen and len(seen) < 40:
                    seen.add(key)
                    pending.append(child)
    for path, writing in case.writers.last.items():
        placed = INSTALLED.search(path)
        if placed is not None and writing.how == "typed" and writing.after is not None:
            found.shadowed.setdefault(placed[1], path)
        if posixpath.basename(path) in AT_START and writing.after is not None:
            found.patched.append((path, 1, ""))
    found.unread += [(script, 0, f"{script} was executed, and no text of it is there") for script, _ in executed.missing]
    return found
