"""The command line `mlrbench`: what can be asked of runs and of this machine outside pytest; each command imports what it needs."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from .commands import Command
from .errors import ConfigError, MLRBenchError

if TYPE_CHECKING:
    from .results.store import RunStore

EXIT_ERROR = 2
"""A command that could not do its work, bad usage included (as argparse has it)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; an error of ours is one line on stderr and status 2."""
    given = sys.argv[1:] if arguments is None else arguments
    # Declaring the other commands takes longer than many of them work.
    options = build_parser(given[:1] if given and given[0] in COMMANDS else None).parse_args(given)
    try:
        status: int = options.run_command(options)
        sys.stdout.flush()
        return status
    except MLRBenchError as error:
        print(f"mlrbench: {error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (`head`) has seen enough; Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def build_parser(names: Iterable[str] | None = None) -> argparse.ArgumentParser:
    """The command line with the commands `names`, or with all of them."""
    from . import __version__

    parser = argparse.ArgumentParser(
        prog="mlrbench", description="MLR-Bench: read, audit and export runs; keep the machine in order."
    )
    parser.add_argument("--version", action="version", version=f"pytest-mlrbench {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], what: str, example: str) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name, help=what, description=what, epilog=f"example: {example}", formatter_class=argparse.RawDescriptionHelpFormatter
        )
        made.set_defaults(run_command=run)
        return made

    for name in COMMANDS if names is None else names:
        COMMANDS[name](command)
    return parser


def _declared_in(module: str) -> Callable[[Command], None]:
    """Declares a command by `register` of a module in `commands`, which is imported for nothing else."""

    def declare(command: Command) -> None:
        import_module(f".commands.{module}", __package__).register(command)

    return declare


def _declare_tables(command: Command) -> None:
    tables = command(
        "tables", _tables, "Scores, verdicts and costs of runs as tables.", "mlrbench tables mlr-runs/a mlr-runs/b --format csv"
    )
    tables.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directory")
    tables.add_argument("--format", choices=("md", "csv", "json"), default="md", help="default: %(default)s")


def _declare_export(command: Command) -> None:
    export = command("export", _export, "One row per score as a file.", "mlrbench export mlr-runs/a -o scores.csv")
    export.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directory")
    export.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="FILE.csv, FILE.json or FILE.parquet")


def _declare_report(command: Command) -> None:
    report = command("report", _report, "A self-contained HTML report.", "mlrbench report mlr-runs/a mlr-runs/b -o reports")
    report.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directory")
    report.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="folder for report.html (default: the first run's directory)"
    )
    report.add_argument("--allure", action="store_true", help="also Allure results of the stored trials, below DIR/allure-results")


def _declare_tasks(command: Command) -> None:
    tasks = command(
        "tasks", _tasks, "The catalogue of tasks, and the published texts for --mlr-tasks=DIR.", "mlrbench tasks show iclr2025_dl4c"
    )
    tasks.add_argument("action", nargs="?", choices=tuple(TASK_ACTIONS), default="list", help="default: %(default)s")
    tasks.add_argument(
        "target",
        nargs="?",
        metavar="ID|DIR",
        help="show: the task; fetch: where the texts go (default: the cache folder); verify: the folder to check",
    )
    tasks.add_argument(
        "--url",
        help="for fetch: another place that serves ID.md, such as a mirror (default: $MLRBENCH_TASKS_URL, else the repository)",
    )
    tasks.epilog = f"{tasks.epilog}\nverify: exit status 0 when every text is as published, else 1"


def _declare_compare(command: Command) -> None:
    from .commands import compare

    compared = "Two runs side by side, paired by task, and what the gate says of them; or their outputs, judged blind (--pairwise)."
    compare.add_arguments(command("compare", compare.run, compared, "mlrbench compare mlr-runs/a mlr-runs/b"))


def _declare_watch(command: Command) -> None:
    watch = command("watch", _watch, "One line a second on a run that goes on.", "mlrbench watch mlr-runs/a")
    watch.add_argument("run", type=Path, metavar="RUN", help="run directory")
    watch.add_argument("--once", action="store_true", help="print one line and end")


def _declare_stop(command: Command) -> None:
    stop = command("stop", _stop, "Stop the experiments that a run left detached.", "mlrbench stop mlr-runs/a")
    stop.add_argument("run", type=Path, metavar="RUN", help="run directory")


def _declare_clean(command: Command) -> None:
    command("clean", _clean, "Remove containers whose run is dead; living ones are never touched.", "mlrbench clean")


def _declare_doctor(command: Command) -> None:
    command("doctor", _doctor, "What is here, what is missing, and how to get it.", "mlrbench doctor")


def _declare_image(command: Command) -> None:
    image = command(
        "image", _image, "Build the research image that experiments run in.", "mlrbench image build --base python:3.11-slim"
    )
    image.add_argument("action", choices=("build",))
    image.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="see `mlrbench image build --help`")


def _declare_init(command: Command) -> None:
    init = command("init", _init, "A starter project: pytest.ini and a CI workflow.", "mlrbench init my-benchmark --model o4-mini")
    init.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="DIR", help="default: here")
    init.add_argument("--model", default="offline", help="model under test (default: %(default)s, which needs no key)")


COMMANDS: dict[str, Callable[[Command], None]] = {
    "tables": _declare_tables,
    "agreement": _declared_in("agreement"),
    "export": _declare_export,
    "import": _declared_in("importing"),
    "report": _declare_report,
    "tasks": _declare_tasks,
    "check": _declared_in("check"),
    "compare": _declare_compare,
    "rejudge": _declared_in("rejudge"),
    "judge": _declared_in("judge"),
    "watch": _declare_watch,
    "stop": _declare_stop,
    "clean": _declare_clean,
    "doctor": _declare_doctor,
    "image": _declare_image,
    "init": _declare_init,
}
"""In the order of the help."""


def _stores(folders: Sequence[Path]) -> "list[RunStore]":
    from .results.store import open_runs

    return open_runs(folders)


def _tables(options: argparse.Namespace) -> int:
    from .results.render import render
    from .results.trial_lines import without_gc

    with without_gc():
        print(render(_stores(options.runs), options.format), end="")
    return 0


def _export(options: argparse.Namespace) -> int:
    from .results.export import export
    from .results.trial_lines import without_gc

    with without_gc():
        number = export(_stores(options.runs), options.output)
    print(f"{number} scores in {options.output}")
    return 0


def _report(options: argparse.Namespace) -> int:
    from .reports.html import write_html

    stores = _stores(options.runs)
    folder = options.output or stores[0].root
    print(f"report: {write_html(stores, folder / 'report.html')}")
    if options.allure:
        from .reports.allure_files import write_results

        print(f"Allure results: {write_results(stores, folder / 'allure-results')}")
    return 0


def _tasks(options: argparse.Namespace) -> int:
    if options.url is not None and options.action != "fetch":
        raise ConfigError(f"--url belongs to `tasks fetch`, not to `tasks {options.action}`")
    return TASK_ACTIONS[options.action](options)


def _list_tasks(options: argparse.Namespace) -> int:
    from .results.shown import plain
    from .tasks.catalogue import load_tasks

    if options.target:
        raise ConfigError(f"`tasks list` takes no id; to see one: mlrbench tasks show {options.target}")
    tasks = load_tasks()
    width = max(map(len, tasks))
    for task in tasks.values():
        print(f"{task.id:{width}}  {task.venue} {task.year}  {task.category:16}  {plain(task.title)}")
    return 0


def _show_task(options: argparse.Namespace) -> int:
    from .results.shown import plain
    from .tasks.catalogue import load_tasks

    tasks = load_tasks()
    if not options.target:
        raise ConfigError("`tasks show` needs the id of a task; `mlrbench tasks` lists them")
    if options.target not in tasks:
        from difflib import get_close_matches

        near = get_close_matches(options.target, tasks, n=3, cutoff=0.4)
        raise ConfigError(
            f"no task {options.target!r}{'; close: ' + ', '.join(near) if near else ''} (`mlrbench tasks` lists all {len(tasks)})"
        )
    task = tasks[options.target].with_text()
    print(f"{task.id}: {task.title}\n{task.venue} {task.year}, {task.category} (category {task.category_source})")
    print(f"topics: {', '.join(task.topics)}\n\n{plain(task.brief, lines=True)}")
    return 0


def _fetch_tasks(options: argparse.Namespace) -> int:
    from .results.shown import plain
    from .tasks.official import cache_directory, fetch

    folder = Path(options.target) if options.target else cache_directory()
    results = fetch(folder, base=options.url)
    failed = [result for result in results if result.status == "failed"]
    for result in failed:
        print(f"{result.task}: {plain(result.message)}", file=sys.stderr)
    number = {status: sum(result.status == status for result in results) for status in ("fetched", "kept")}
    print(f"{folder}: {number['fetched']} fetched, {number['kept']} already there, {len(failed)} failed of {len(results)} texts")
    if failed:
        return EXIT_ERROR
    print(f"now: pytest --mlr-model=MODEL --mlr-tasks={folder}")
    return 0


def _verify_tasks(options: argparse.Namespace) -> int:
    from .results.shown import plain
    from .tasks.official import verify

    if not options.target:
        raise ConfigError("`tasks verify` needs the folder to check; `mlrbench tasks fetch` makes one")
    found = verify(Path(options.target))
    other = [name for name in found.changed if name not in found.line_endings]
    for what, names in (
        ("changed", other),
        ("changed in line endings only", found.line_endings),
        ("missing", found.missing),
        ("no task of MLR-Bench", found.unknown),
    ):
        for name in names:
            print(f"{what}: {plain(name)}")
    good, changed, missing = len(found.ok), len(found.changed), len(found.missing)
    total = good + changed + missing
    print(f"{found.directory}: {good} of {total} texts as published, {changed} changed, {missing} missing")
    return 0 if found.complete else 1


TASK_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": _list_tasks,
    "show": _show_task,
    "fetch": _fetch_tasks,
    "verify": _verify_tasks,
}


def _watch(options: argparse.Namespace) -> int:
    from .results.store import RunStore
    from .watching import Watch

    watch = Watch(RunStore.open(options.run))
    while True:
        line, over = watch.look()
        print(line, flush=True)
        if options.once or over:
            return 0
        time.sleep(1.0)


def _stop(options: argparse.Namespace) -> int:
    from .engine.detached import stop_runners
    from .results.gate.repeats import repeats_of
    from .results.store import RunStore

    store = RunStore.open(options.run)
    number = stop_runners(store) + stop_runners(repeats_of(store))  # what a gate does again lies in a folder of its own
    print(f"stopped {number} runner{'s' if number != 1 else ''} of {options.run}")
    return 0


def _clean(options: argparse.Namespace) -> int:
    from .sandboxes.docker import remove_dead

    names = remove_dead()
    for name in names:
        print(f"removed {name}")
    print(f"{len(names)} thing{'s' if len(names) != 1 else ''} of dead runs removed")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from .doctor import examine

    findings = examine()
    for finding in findings:
        print(f"{'ok     ' if finding.ok else 'MISSING'}  {finding.name}: {finding.told}")
        if not finding.ok:
            print(f"         {finding.remedy}")
    return 0 if all(finding.ok or not finding.needed for finding in findings) else 1


def _image(options: argparse.Namespace) -> int:
    from .sandboxes.image import main as build

    return EXIT_ERROR if build(options.rest) else 0


def _init(options: argparse.Namespace) -> int:
    from .starter import write_starter

    for path in write_starter(options.folder, options.model):
        print(f"wrote {path}")
    print(f"now: cd {options.folder} && pytest -n 2")
    return 0


if __name__ == "__main__":
    sys.exit(main())
