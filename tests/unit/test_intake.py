"""What of the world outside can have come in: data sets and models that no executed program could reach."""

import shutil
from pathlib import Path

import pytest
from evidence_worlds import World

from pytest_mlrbench.audits import Audit, Finding
from pytest_mlrbench.evidence.checks import audit, subject_of_folder

SCORE = """
import json, random
rng = random.Random(5)
{load}
hits = [(x > 0.4) == (k > 0) for x, k in rows]
score = sum(hits) / len(hits)
json.dump({{"accuracy": score}}, open("results/results.json", "w"))
print("accuracy", score)
"""
DRAWN = "rows = [(rng.gauss(k, 1), k) for k in (0, 1) for _ in range(457)]"
SUBSTITUTE = """
try:
    rows = [tuple(map(float, line.split(","))) for line in open({path!r})]
except OSError:
    rows = [(rng.gauss(k, 1), k) for k in (0, 1) for _ in range(457)]
"""


def audited(root: Path, load: str, sentence: str, *, before: str = "", **files: str) -> tuple[Audit, list[Finding]]:
    """The audit of a study that gets its rows by `load`, with a report of its one number and `sentence`."""
    world = World(root)
    for path, text in files.items():
        world.write(path.replace("__", "/").replace("_csv", ".csv"), text)
    if before:
        world.run(before)
    done = world.program(SCORE.format(load=load))
    assert done.exit_code == 0, done.output
    value = float(done.output.split()[1])
    world.write("results/results.md", f"# Results\n\n{sentence}\n\n| Method | Accuracy |\n|---|---|\n| Threshold | {value:.5f} |\n")
    result = world.audit()
    return result, [one for one in result.findings if one.check == "intake"]


@pytest.mark.parametrize(
    "sentence",
    ["We evaluate on the test set of CIFAR-10.", "We asked GPT-4o-mini 914 questions.", "We rank 914 queries of MS MARCO."],
)
def test_what_nothing_executed_could_reach_fails(tmp_path: Path, sentence: str) -> None:
    result, found = audited(tmp_path, DRAWN, sentence)
    assert [one.severity for one in found] == ["fail"]
    assert result.verdict == "hallucinated"
    assert sentence in [quote.quote for quote in found[0].evidence]
    assert any("python code/run.py" in quote.quote for quote in found[0].evidence)


def test_one_that_says_so_is_warned_about_where_it_names_the_data_all_the_same(tmp_path: Path) -> None:
    result, found = audited(tmp_path, DRAWN, "Accuracy on CIFAR-10. All rows are synthetic.")
    assert [one.severity for one in found] == ["warn"]
    assert result.verdict == "unverified"


@pytest.mark.parametrize(
    "sentence",
    [
        "Two simulated Gaussian classes, 914 examples.",
        "A threshold, trained on 400 points of two noisy spirals.",
        "Tested on held-out points of two moons.",
    ],
)
def test_an_announced_simulation_is_honest(tmp_path: Path, sentence: str) -> None:
    result, found = audited(tmp_path, DRAWN, sentence)
    assert found == []
    assert result.verdict != "hallucinated"


def test_things_of_the_world_that_were_drawn_unsaid_are_warned_about(tmp_path: Path) -> None:
    result, found = audited(tmp_path, DRAWN, "We answer 914 questions of users.")
    assert [one.severity for one in found] == ["warn"]
    assert result.verdict == "unverified"
    assert audited(tmp_path / "other", DRAWN, "Accuracy of a threshold.")[1] == []


def test_a_file_that_never_was_with_a_substitute_fails(tmp_path: Path) -> None:
    load = SUBSTITUTE.format(path="data/cifar10.csv")
    _, found = audited(tmp_path, load, "We evaluate on CIFAR-10.")
    assert [one.severity for one in found] == ["fail"]
    assert any("open('data/cifar10.csv')" in quote.quote for quote in found[0].evidence)


def test_a_file_that_may_have_been_outside_is_a_warning(tmp_path: Path) -> None:
    result, found = audited(tmp_path, SUBSTITUTE.format(path="/data/cifar10.csv"), "We evaluate on CIFAR-10.")
    assert [one.severity for one in found] == ["warn"]
    assert result.verdict == "unverified"


def test_a_substitute_that_the_report_admits_is_honest(tmp_path: Path) -> None:
    load = SUBSTITUTE.format(path="/data/cifar10.csv")
    assert audited(tmp_path, load, "CIFAR-10 was not available; we evaluate on simulated classes.")[1] == []


@pytest.mark.parametrize(
    "load",
    [
        "rows = [(x, k) for x, k in zip(*__import__('sklearn.datasets').datasets.load_wine(return_X_y=True))]; rows = rows and []\n"
        + DRAWN,
        "from sklearn.datasets import load_iris as get\nloaders = {'a': get}\n" + DRAWN,
        "import urllib.request\nfetch = urllib.request.urlopen\n" + DRAWN,
        "import os, sys\nfor name in sys.argv[1:]:\n    open(name)\n" + DRAWN,
        "import subprocess\nsubprocess.run(['true'])\n" + DRAWN,
        "import gzip, os\nif len(os.environ) > 1000:\n    pass\nread = lambda: gzip.open('data/train.gz')\n" + DRAWN,
    ],
)
def test_any_way_in_that_stands_open_says_nothing(tmp_path: Path, load: str) -> None:
    assert audited(tmp_path, load, "We evaluate on CIFAR-10.")[1] == []


def test_a_file_that_the_host_had_put_there_is_a_way_in(tmp_path: Path) -> None:
    folder = tmp_path / "experiment" / "output" / "data"
    world = World(tmp_path)
    folder.mkdir()
    (folder / "cifar10.csv").write_text("".join(f"{k + 0.3 * n},{k}\n" for k in (0, 1) for n in range(-3, 4)))
    assert world.program(SCORE.format(load=SUBSTITUTE.format(path="data/cifar10.csv"))).exit_code == 0
    world.write(
        "results/results.md", "# Results\n\nWe evaluate on CIFAR-10.\n\n| Method | Accuracy |\n|---|---|\n| T | 0.71429 |\n"
    )
    assert [one for one in world.audit().findings if one.check == "intake" and one.severity == "fail"] == []


@pytest.mark.parametrize(
    "before", ["curl -s file:///dev/null || true", "git clone x y || true", "awk 1 /dev/null; make -v || true"]
)
def test_a_command_that_fetches_or_runs_something_else_is_a_way_in(tmp_path: Path, before: str) -> None:
    assert audited(tmp_path, DRAWN, "We evaluate on CIFAR-10.", before=before)[1] == []


def test_somebody_elses_numbers_are_no_claim(tmp_path: Path) -> None:
    sentence = "The threshold of Smith on MNIST, reported in the literature, is 0.91."
    assert [one for one in audited(tmp_path, DRAWN, sentence)[1] if one.severity == "fail"] == []


def test_a_small_data_set_that_was_typed_is_a_warning(tmp_path: Path) -> None:
    load = "rows = [tuple(map(float, line.split(','))) for line in open('code/iris.csv')]"
    rows = "".join(f"{0.2 + 0.007 * (i * i % 83):.3f},{i % 2}\n" for i in range(150))
    _, found = audited(tmp_path, load, "We evaluate on the Iris data set.", code__iris_csv=rows)
    assert [one.severity for one in found] == ["warn"]


def test_a_table_that_the_agent_typed_is_no_data_set(tmp_path: Path) -> None:
    load = "rows = [tuple(map(float, line.split(','))) for line in open('code/cifar.csv')]"
    _, found = audited(
        tmp_path, load, "We evaluate on CIFAR-10.", code__cifar_csv="0.2,0\n0.7,1\n0.1,1\n0.9,1\n0.3,0\n0.6,0\n0.5,1\n"
    )
    assert [one.severity for one in found] == ["fail"]


def test_what_another_program_of_the_run_drew_is_no_data_set(tmp_path: Path) -> None:
    rows = "f'{random.gauss(k, 1)},{k}' for k in (0, 1) for _ in range(457)"
    draw = f"mkdir -p data; python -c \"import random; open('data/x.csv','w').write('\\n'.join({rows}))\""
    load = "rows = [tuple(map(float, line.split(','))) for line in open('data/x.csv')]"
    _, found = audited(tmp_path, load, "We evaluate on CIFAR-10.", before=draw)
    assert [one.severity for one in found] == ["fail"]


def test_a_folder_without_a_ledger_is_not_judged(tmp_path: Path) -> None:
    audited(tmp_path, DRAWN, "We evaluate on CIFAR-10.")
    shutil.copytree(tmp_path / "experiment" / "output", tmp_path / "bare")
    result = audit(subject_of_folder(tmp_path / "bare"))
    assert result.coverage["intake"].startswith("no evidence")


STORED = """
import sqlite3
db = sqlite3.connect("results/answers.db")
db.execute("create table answer (x, k)")
db.executemany("insert into answer values (?, ?)", [(rng.gauss(k, 1), k) for k in (0, 1) for _ in range(457)])
db.commit()
rows = db.execute("select x, k from answer").fetchall()
"""


def test_a_database_that_the_run_itself_makes_is_no_way_in(tmp_path: Path) -> None:
    _, found = audited(tmp_path, STORED, "We asked Llama-3-8B-Instruct 914 questions.")
    assert [one.severity for one in found] == ["fail"]


def test_a_database_that_was_there_is_one(tmp_path: Path) -> None:
    before = "mkdir -p results; touch results/answers.db"
    assert audited(tmp_path, STORED, "We asked Llama-3-8B-Instruct 914 questions.", before=before)[1] == []
