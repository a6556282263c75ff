"""`mlrbench judge`: judges review a folder or paper that no run of ours made, by the rubric of any stage."""

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..keys import GRADED, TrialKey, safe_name
from . import Command
from .judging import EXIT_STATUS, add_options, ask, ending, judging_settings, values_of

if TYPE_CHECKING:
    from ..records import TrialRecord
    from ..results.store import RunStore
    from ..settings import Settings


def register(command: Command) -> None:
    """Declare the command."""
    parser = command(
        "judge",
        run,
        "Judges review any agent's output folder, or a paper alone, by the rubric of a stage.",
        "mlrbench judge other-agent/out --stage=end2end --task=iclr2025_wsl --mlr-judges=openai/gpt-5",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="what the agent left, or one text: Markdown, LaTeX or PDF")
    parser.add_argument("--stage", choices=GRADED, required=True, help="whose rubric is used")
    parser.add_argument("--task", metavar="ID", help="the task that the work answers (default: none, a neutral text)")
    for part, what in (("paper", "file"), ("code", "folder"), ("results", "folder"), ("log", "file")):
        parser.add_argument(
            f"--{part}", type=Path, metavar=what.upper(), help=f"the {what} that holds the {part}, where its name does not tell"
        )
    parser.add_argument("--run", type=Path, metavar="RUN", help="keep work and reviews as a run, which tables and agreement read")
    parser.add_argument("--epoch", type=int, default=1, metavar="K", help="which work on its task this is in RUN (%(default)s)")
    parser.add_argument("--model", metavar="NAME", help="whose work it is, for tables (default: the folder's name)")
    parser.add_argument("--agent", default="external", metavar="NAME", help="who made it, for tables (default: %(default)s)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s")
    add_options(parser, "tasks")
    parser.epilog = f"{parser.epilog}\n{EXIT_STATUS}"


def run(options: argparse.Namespace) -> int:
    """Lay the work out, have it reviewed, show the reviews."""
    from ..engine.foreign import parts_of, settle
    from ..engine.lock import RunLock
    from ..engine.rejudging import PURSE, note_in_run, plan_reviews

    parts: dict[str, Path | None] = {name: getattr(options, name) for name in ("paper", "code", "results", "log")}
    for name, path in parts.items():
        if path is not None and not path.exists():
            raise ConfigError(f"--{name}={path}: there is no such {'folder' if name in ('code', 'results') else 'file'}")
    if options.epoch < 1:
        raise ConfigError(f"--epoch={options.epoch}: expected 1 or more")
    key = TrialKey(_task(options), options.stage, options.epoch)
    work = parts_of(options.folder, options.stage, parts)
    with _store(options) as store:
        settings = _settings(options, store)
        _check_run(store, settings)
        try:
            with RunLock(store.root):
                record = settle(store, settings, key, work)
                _write_run(store, settings, key)
                plan = plan_reviews(store, settings, [record])
                ended = ask(store, settings, plan.questions, plan.lines(str(options.folder)), purse=PURSE)
                if ended.answered:
                    note_in_run(store, settings, ended.answered, ended.spent)
        except ConfigError:
            with contextlib.suppress(OSError):
                store.root.rmdir()  # an empty one: nothing was laid out
            raise
        record = store.record(key) or record
        if options.format == "json":
            print(json.dumps(_as_json(options, store, record), indent=1, ensure_ascii=False))
        else:
            for line in [*_as_text(options, store, record), *ending(ended)]:
                print(line)
    return ended.code


def _task(options: argparse.Namespace) -> str:
    """The name of the task, checked; of a work without one, a free name from the folder's."""
    from ..engine.rejudging import FREE
    from ..tasks.catalogue import load_tasks

    if options.task is None:
        name: str = options.folder.resolve().name
        return FREE + (options.folder.resolve().stem if options.folder.is_file() else name)
    if options.task not in load_tasks():
        from difflib import get_close_matches

        near = get_close_matches(options.task, load_tasks(), n=3, cutoff=0.4)
        raise ConfigError(f"--task={options.task}: no such task{'; close: ' + ', '.join(near) if near else ''} (`mlrbench tasks`)")
    return str(options.task)


@contextlib.contextmanager
def _store(options: argparse.Namespace) -> "Iterator[RunStore]":
    """The run that keeps the reviews; without --run one that is thrown away."""
    from ..results.store import RunStore

    if options.run is not None:
        yield RunStore(options.run)
        return
    with tempfile.TemporaryDirectory(prefix="mlrbench-judge-") as folder:
        yield RunStore(Path(folder))


def _settings(options: argparse.Namespace, store: "RunStore") -> "Settings":
    values = values_of(options)
    return judging_settings(
        values,
        model=options.model or safe_name(options.folder.resolve().name),
        agent=options.agent,
        coder="external",
        search="none",
        run=str(store.root.absolute()),
        tasks=values.folder("tasks"),
    )


def _check_run(store: "RunStore", settings: "Settings") -> None:
    """Raise ConfigError when there is another run: a run is of one model, scaffold and panel, as tables show it."""
    from ..engine.foreign import ORIGIN
    from ..results.store import RunStore
    from ..settings import differences

    if not store.run_file.exists():
        return
    run = RunStore.open(store.root).run()
    if run.get("origin") != ORIGIN:
        raise ConfigError(
            f"--run={store.root} was not made by `mlrbench judge`: choose another; for a run's own outputs: mlrbench rejudge"
        )
    if different := differences(run["settings"], settings):
        raise ConfigError(
            f"--run={store.root} is of another model, scaffold or panel, which tables would mix:\n  "
            + "\n  ".join(different)
            + "\nchoose another --run=; for more judges on this one: mlrbench rejudge"
        )


def _write_run(store: "RunStore", settings: "Settings", key: TrialKey) -> None:
    """Make run.json, or add `key` to it."""
    from .. import __version__
    from ..engine.foreign import ORIGIN
    from ..engine.planning import text_digests

    now = datetime.now(UTC).isoformat(timespec="seconds")
    new: dict[str, Any] = {
        "origin": ORIGIN,
        "settings": settings.model_dump(mode="json"),
        "versions": {"pytest-mlrbench": __version__, "python": sys.version.split()[0]},
        "started": now,
        "resumed": [],
        "finished": now,
    }
    run = store.run() if store.run_file.exists() else new
    texts = {"tasks_source": settings.tasks or "briefs of pytest-mlrbench", **text_digests(settings, [key.stage])}
    selected = list(dict.fromkeys([*run.get("selected", []), str(key)]))
    store.write_run({**run, "digests": {**texts, **run.get("digests", {})}, "selected": selected})


def _as_json(options: argparse.Namespace, store: "RunStore", record: "TrialRecord") -> dict[str, Any]:
    return {
        "path": str(options.folder),
        "run": str(store.root) if options.run is not None else None,
        "task": options.task,
        **record.model_dump(mode="json", include={"stage", "model", "agent", "scores", "mechanical", "reviews"}),
        "not_shown": record.environment["source"]["not_shown"],
    }


def _as_text(options: argparse.Namespace, store: "RunStore", record: "TrialRecord") -> Iterator[str]:
    from ..results.shown import plain, usd
    from ..results.tables import ordered

    yield f"{plain(str(options.folder))}: {record.stage} of {plain(options.task or 'a subject of its own')}"
    for review in record.reviews:
        cost = "cost unknown" if review.spent.unpriced_calls else usd(review.spent.cost)
        kind = " (mechanical: counts features, judges nothing)" if review.mechanical else f", {cost}"
        yield f"\n{review.judge}{f', repeat {review.repeat}' if review.repeat > 1 else ''}{kind}"
        for name in ordered(review.scores):
            score = review.scores[name]
            yield f"  {name:16} {'none' if score is None else score}  {plain(review.justifications.get(name, ''))}".rstrip()
        for what, said in (("strength", review.strengths), ("weakness", review.weaknesses)):
            for text in said:
                yield f"  {what}: {plain(text)}"
        if review.opinion is not None:
            yield f"  says it is {'' if review.opinion.has_hallucination else 'not '}hallucinated: {plain(review.opinion.details)}"
        for text in review.not_shown:
            yield f"  not shown: {plain(text)}"
    if len({review.judge for review in record.reviews}) > 1:
        means = (f"{name} {'none' if value is None else f'{value:.2f}'}" for name, value in record.scores.items())
        yield f"\npanel: {', '.join(means)}"
    if options.run is not None:
        yield f"\nstored in {store.root}"
