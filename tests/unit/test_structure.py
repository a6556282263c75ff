"""Tables laid over the data: exchanged rows, odd cells, invented rows and spreads are found; honest neighbours are not."""

import json
import random

import pytest
from evidence_worlds import World, honest

from pytest_mlrbench.audits import Finding
from pytest_mlrbench.evidence.checks import audit, subject_of_folder


def contradictions(world: World) -> list[Finding]:
    return [found for found in world.audit().findings if found.check == "contradiction"]


def edited(world: World, *changes: tuple[str, str]) -> World:
    """The world after somebody edited results.md, unseen by the ledger."""
    path = world.output / "results" / "results.md"
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return world


def rows(world: World) -> list[str]:
    text = world.text("results/results.md")
    return [line for line in text[text.index("|---|") :].splitlines()[1:] if line.startswith("| ")]


MODELS = ("alpha", "beta", "gamma", "delta")


def measured(root, *, by_file: bool = False, log: bool = False, titles: str = "Fehler | Treffer") -> World:
    """Four models measured; the data name them in keys, in file names or in printed lines only; titles need not match any key."""
    draw = random.Random(3)
    values = {m: (round(draw.uniform(0.1, 0.9), 5), round(draw.uniform(10, 90), 4)) for m in MODELS}
    world = World(root)
    lines = ["import json, os", f"seed = {sum(map(ord, 'abc'))}", "os.makedirs('results', exist_ok=True)"]
    # The numbers are computed from others, so that they are no literals of the program.
    computed = {m: [f"{a * 7!r} / 7", f"{b * 7!r} / 7"] for m, (a, b) in values.items()}
    shown = ", ".join(f"{m!r}: ({a}, {b})" for m, (a, b) in computed.items())
    lines.append(f"found = {{{shown}}}")
    if by_file:
        lines.append("for m, (a, b) in found.items(): json.dump({'err': a, 'hit': b}, open(f'results/{m}_out.json', 'w'))")
    elif log:
        lines.append("log = open('results/log.txt', 'w')")
        lines.append("for m, (a, b) in found.items(): print(f'{m} done: err {a:.5f}, hit {b:.4f}', file=log)")
    else:
        lines.append("json.dump({m: {'err': a, 'hit': b} for m, (a, b) in found.items()}, open('results/out.json', 'w'))")
    world.program("\n".join(lines))
    body = "\n".join(f"| {m.title()} | {a:.4f} | {b:.3f} |" for m, (a, b) in values.items())
    world.write("results/results.md", f"# Results\n\n| Model | {titles} |\n|---|---|---|\n{body}\n")
    return world


@pytest.mark.parametrize("kind", [{}, {"by_file": True}, {"log": True}], ids=["keys", "file names", "printed lines"])
def test_exchanged_rows_are_found_by_the_places_of_their_numbers(tmp_path, kind):
    world = measured(tmp_path, **kind)
    assert contradictions(world) == []
    edited(world, ("Beta", "#"), ("Gamma", "Beta"), ("#", "Gamma"))
    found = [one for one in contradictions(world) if "are exchanged" in one.message]
    assert [one.severity for one in found] == ["fail"]
    assert {quote.line for quote in found[0].evidence if quote.file == "results/results.md"} == {6, 7}
    assert any(quote.file != "results/results.md" and quote.quote for quote in found[0].evidence)


@pytest.mark.parametrize("kind", [{}, {"by_file": True}, {"log": True}], ids=["keys", "file names", "printed lines"])
def test_one_cell_that_leaves_its_column_is_found_though_the_title_names_nothing(tmp_path, kind):
    world = measured(tmp_path, **kind)
    cell = rows(world)[2].split("|")[2].strip()
    edited(world, (f" {cell} ", f" {float(cell) * 1.07:.4f} "))
    (found,) = [one for one in contradictions(world) if "other cells of the column" in one.message]
    assert (found.severity, found.evidence[0].line) == ("fail", 7)
    assert found.evidence[1].file.startswith("results/")


def test_a_row_of_a_method_that_no_output_names_is_warned_of(tmp_path):
    world = measured(tmp_path)
    last = rows(world)[-1]
    edited(world, (last, f"{last}\n| TabNet | 0.4821 | 33.318 |"))
    (found,) = contradictions(world)
    assert (found.severity, found.evidence[0].line) == ("warn", 9)
    assert "no output of this run names 'TabNet'" in found.message


def test_a_row_under_another_name_than_the_data_have_is_no_invented_one(tmp_path):
    world = measured(tmp_path)
    edited(world, ("Delta", "Ours"))
    assert contradictions(world) == []


def test_spreads_that_nothing_measured_are_warned_of(tmp_path):
    world = measured(tmp_path)
    cells = [row.split("|")[2].strip() for row in rows(world)]
    changes = [(f" {cell} ", f" {cell} ± 0.0{17 + 4 * at} ") for at, cell in enumerate(cells)]
    edited(world, *changes)
    assert contradictions(world) == []
    (found,) = [one for one in world.audit().findings if "spreads" in one.message]
    assert (found.check, found.severity) == ("methodology", "warn")
    assert "4 of 4 spreads" in found.message
    assert "rows 'Alpha', 'Beta', 'Gamma', 'Delta'" in found.message
    assert [quote.line for quote in found.evidence][:4] == [5, 6, 7, 8]


def test_spreads_of_several_tables_are_one_warning_for_the_document(tmp_path):
    world = measured(tmp_path)
    cells = [row.split("|")[2].strip() for row in rows(world)]
    edited(world, *[(f" {cell} ", f" {cell} ± 0.0{17 + 4 * at} ") for at, cell in enumerate(cells)])
    path = world.output / "results" / "results.md"
    table = path.read_text().partition("\n\n")[2]
    path.write_text(path.read_text() + "\n\n" + table.replace("± 0.0", "± 0.1"))
    (found,) = [one for one in world.audit().findings if "spreads" in one.message]
    assert "8 of 8 spreads" in found.message


def test_an_honest_table_with_spreads_has_no_finding_and_another_spread_has_one(tmp_path):
    world = honest(tmp_path)
    assert contradictions(world) == []
    row = rows(world)[0]
    spread = row.split("±")[1].split("|")[0].strip()
    edited(world, (f"± {spread} |", f"± {float(spread) * 2:.4f} |"))
    (found,) = contradictions(world)
    assert found.severity == "fail"


def test_a_table_of_the_best_per_metric_is_read_by_all_its_labels(tmp_path):
    """Its values are of another model in each row: no column shows one model."""
    values = {m: {k: 0.1 + 0.0137 * i + 0.21 * j for j, k in enumerate(("fit", "span", "load"))} for i, m in enumerate(MODELS)}
    world = World(tmp_path)
    scaled = {m: {k: v * 3 for k, v in row.items()} for m, row in values.items()}
    world.program(
        f"import json, os\nraw = {json.dumps(scaled)}\nos.makedirs('results', exist_ok=True)\n"
        "json.dump({m: {k: v / 3 for k, v in r.items()} for m, r in raw.items()}, open('results/out.json', 'w'))"
    )
    best = {"fit": "alpha", "span": "gamma", "load": "alpha"}
    body = "\n".join(f"| {k} | {m} | {values[m][k]:.4f} |" for k, m in best.items())
    world.write("results/results.md", f"| Metric | Best model | Value |\n|---|---|---|\n{body}\n")
    assert contradictions(world) == []


def test_a_paper_whose_table_disagrees_with_results_md_is_warned_of(tmp_path):
    """A folder whose data have no names for the rows: only its two documents can be compared."""
    (tmp_path / "results").mkdir()
    table = "| Setting | Treffer |\n|---|---|\n| low | 41.27 |\n| middle | 45.93 |\n| high | 52.16 |\n"
    (tmp_path / "results" / "results.md").write_text(f"# Results\n\n{table}")
    (tmp_path / "results" / "log.txt").write_text("done 41.27 45.93 52.16 in 3.25 s\n")
    paper = tmp_path / "paper.md"
    for text, lines in ((table, []), (table.replace("| 4", "| -4"), []), (table.replace("45.93", "54.39"), [4])):
        paper.write_text(text)
        found = [one for one in audit(subject_of_folder(tmp_path)).findings if one.check == "contradiction"]
        assert [one.evidence[0].line for one in found] == lines
        assert {(one.severity, one.scope) for one in found} <= {("warn", "paper")}
    assert [(quote.file, quote.quote) for quote in found[0].evidence] == [
        ("paper.md", "| middle | 54.39 |"),
        ("results/results.md", "| middle | 45.93 |"),
    ]


def test_a_comparison_is_read_by_its_first_cell_where_its_title_names_the_place(tmp_path):
    """`condition / best baseline / paired difference`: the data name the difference by the condition alone."""
    world = World(tmp_path)
    world.program(
        "import json, os\nos.makedirs('results', exist_ok=True)\n"
        "rows = ((10, .287, .133), (20, .399, .231), (40, .518, .175))\n"
        "d = {f'noise_{n}': {'difference': {'mean': x / 7, 'sd': y / 7}} for n, x, y in rows}\n"
        "json.dump({'comparison': d}, open('results/out.json', 'w'))"
    )
    body = "| noise 10 | ridge | 0.041 ± 0.019 |\n| noise 20 | svm | 0.057 ± 0.033 |\n| noise 40 | ridge | 0.074 ± 0.025 |\n"
    world.write("results/results.md", f"| Condition | Best baseline | Paired difference |\n|---|---|---|\n{body}")
    assert contradictions(world) == []
    edited(world, ("0.033", "0.061"))
    (found,) = contradictions(world)
    assert (found.severity, found.evidence[0].line) == ("warn", 4)
    assert "0.033" in found.evidence[1].quote
