"""Mutations of honest runs are found: nine kinds, a few draws; `python -m tests.evidence.mutations` measures with many."""

import random

import pytest

from tests.evidence.intervals import exact_interval, share
from tests.evidence.mutants import KINDS, Excluded, Plan
from tests.evidence.mutations import GOAL, Draw, found, main, measure, table
from tests.evidence.originals import Honest, rewrite
from tests.evidence.pages import cells, grids, put
from tests.evidence.percents import change, follows, stated
from tests.unit.evidence_worlds import PROGRAM, REPORT, World

REACHED = ("alter a cell", "swap two rows", "replace a figure", "type the log")
"""Kinds that the checks of numbers and files answer for alone."""
PLOT = """\
import json, matplotlib
matplotlib.use("Agg")
from matplotlib import pyplot
d = json.load(open("results/results.json"))["aggregated"]
for metric in ("mae", "rmse"):
    figure, axes = pyplot.subplots(figsize=(2, 2))
    axes.bar(list(d), [row[metric]["mean"] for row in d.values()])
    figure.savefig(f"results/{metric}.png", dpi=40)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Honest:
    """One honest experiment with its ledger and `stage.json`, as the engine leaves it."""
    import json

    from pytest_mlrbench.results.store import file_digests

    home = tmp_path_factory.mktemp("honest")
    world = World(home)
    for name, text in (("run", PROGRAM), ("report", REPORT), ("plot", PLOT)):
        world.program(text, f"code/{name}.py")
    (world.trial / "stage.json").write_text(json.dumps({"files": file_digests(world.output)}))
    return Honest("world", "ours", home)


def test_mutations_that_numbers_and_files_show_are_found(run: Honest) -> None:
    draws = list(measure([run], 4, REACHED))
    assert {draw.kind for draw in draws if not draw.excluded} == set(REACHED)
    for kind in REACHED:
        made = [draw for draw in draws if draw.kind == kind and not draw.excluded]
        missed = [draw for draw in made if not draw.found]
        assert len(missed) <= (1 - GOAL) * len(made), missed
    cellwise = [draw for draw in draws if draw.kind in REACHED[:2] and not draw.excluded]
    assert [draw for draw in cellwise if not draw.by_content] == []


def test_the_unmutated_run_fails_nothing_and_is_left_as_it_was(run: Honest) -> None:
    before = {path: path.read_bytes() for path in sorted(run.home.rglob("*")) if path.is_file()}
    list(measure([run], 1, ("alter a cell", "replace a figure")))
    assert {path: path.read_bytes() for path in sorted(run.home.rglob("*")) if path.is_file()} == before
    assert [one for one in run.audit("report").findings if one.severity != "info"] == []


def test_a_log_that_the_coder_types_is_found_in_the_ledger(tmp_path) -> None:
    """The other way to type a log: not behind the ledger's back but as a recorded event."""
    world = World(tmp_path)
    world.program()
    world.program(REPORT, "code/report.py")
    assert [one for one in world.audit().findings if one.severity == "fail"] == []
    draw = random.Random(5)
    lines = [f"epoch {epoch} loss {draw.uniform(0.1, 0.9):.4f} accuracy {draw.uniform(0.6, 0.9):.4f}" for epoch in range(20)]
    text = "\n".join(lines)
    world.run(f"cat > results/log.txt <<'EOF'\n{text}\nEOF\n")
    found_here = [one for one in world.audit().findings if any(quote.file == "results/log.txt" for quote in one.evidence)]
    assert "fail" in {one.severity for one in found_here}


def test_every_kind_plans_an_edit_of_what_it_says(run: Honest, tmp_path) -> None:
    copy = run.copy(tmp_path / "copy")
    for kind, mutate in KINDS.items():
        plan = mutate(copy, random.Random(kind))
        if isinstance(plan, Excluded):
            assert kind in ("change the data set", "invent a citation"), (kind, plan)
            continue
        for path, content in plan.edits.items():
            old = (plan.base.get(path) or (copy.home / path).read_bytes().decode("utf-8", "replace")) if content else ""
            assert content != old, kind
        assert plan.places


def test_a_finding_counts_only_when_it_is_new_and_points_to_the_place(run: Honest, tmp_path) -> None:
    copy = run.copy(tmp_path / "copy")
    report = copy.report
    assert report is not None
    before = copy.audit("report")
    lines = report.read_text().split("\n")
    cell = cells(lines, grids(lines)[0].rows[0])[0]
    rewrite(report, "\n".join(put(lines, cell, "9.7531")))
    after = copy.audit("report")
    here = Plan("", "report", {}, frozenset([("results/results.md", cell.line + 1)]))
    elsewhere = Plan("", "report", {}, frozenset([("results/results.md", 1)]))
    assert found(before, after, here)
    assert [one for one in found(before, after, elsewhere) if one.check != "integrity"] == []
    assert found(after, after, here) == []


def test_the_table_shows_intervals_and_what_was_excluded() -> None:
    made = [Draw("alter a cell", "r", "ours", seed, "cell", found=seed > 0, by_content=False) for seed in range(10)]
    shown = table([*made, Draw("alter a cell", "r", "ours", 11, excluded="the drawn cell is 0, of which 5 % is 0")])
    assert "| alter a cell | ours | 10 | 9 of 10 (90.0 %, 55.5-99.7 %) |" in shown
    assert "| alter a cell | ours | the drawn cell is 0, of which 5 % is 0 | 1 |" in shown
    # Clopper-Pearson of 0 of 10: the upper end is 1 - 0.025 ** (1 / 10).
    assert exact_interval(0, 10) == pytest.approx((0, 1 - 0.025**0.1))
    assert exact_interval(0, 0) == (0, 1)
    assert share(0, 0) == "0 of 0"


def test_the_script_says_so_when_it_has_no_run(capsys, tmp_path) -> None:
    with pytest.raises(SystemExit):
        main(["--runs", str(tmp_path)])
    assert "no honest run" in capsys.readouterr().err


def test_only_percentages_that_the_tables_bear_out_are_broken() -> None:
    table = ["| model | noise 40 % | mae |", "|---|---|---|", "| a | 0.50 | 2.0 |", "| b | 0.60 | 3.0 |"]
    lines = [*table, "b improves by 20 % on a.", "At noise 40 % it is better.", "We target a reduction of 39 %."]
    assert [(line, text) for line, _, text in stated(lines)] == [(4, "20"), (6, "39")]
    assert follows(lines, 4, "20")
    assert not follows(lines, 6, "39")
    # Relative to either side, and in points.
    assert [change("0.60", "0.50", text) for text in ("20", "17", "10", "35")] == [True, True, True, False]


def test_a_data_set_of_future_work_is_not_claimed(run: Honest, tmp_path) -> None:
    copy = run.copy(tmp_path / "copy")
    report = copy.report
    assert report is not None
    rewrite(copy.experiment / "code" / "load.py", "load_wine()\n")
    text = report.read_text()
    rewrite(report, f"{text}\n## Future work\nTry wine.\n")
    assert isinstance(KINDS["change the data set"](copy, random.Random(1)), Excluded)
    rewrite(report, f"{text}\n## Setup\nWe use wine.\n")
    assert isinstance(KINDS["change the data set"](copy, random.Random(1)), Plan)
