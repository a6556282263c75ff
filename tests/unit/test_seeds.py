"""Seed ledger: the best of several runs or seeds, reported alone, is a warning; all of them or a stated best are honest."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from evidence_worlds import World

from pytest_mlrbench.audits import Finding
from pytest_mlrbench.evidence.checks import seeds

TRIAL = """
import json, random, sys
seed = int(sys.argv[1])
rng = random.Random(seed)
accuracy = 0.6 + 0.3 * sum(rng.random() < 0.5 for _ in range(997)) / 997
json.dump({"net": {"accuracy": accuracy}}, open("results/results.json", "w"))
print(f"test accuracy {accuracy:.5f}")
"""


def told(world: World) -> list[Finding]:
    return [found for found in world.audit().findings if found.check == "seeds"]


def runs(root: Path, count: int) -> tuple[World, list[float]]:
    """A world in which one program ran with seeds 1, 2, ..., and what each run measured."""
    world = World(root)
    world.write("code/run.py", TRIAL)
    values = [float(world.run(f"python code/run.py {seed}").output.split()[-1]) for seed in range(1, count + 1)]
    assert len(set(values)) == count
    return world, values


def report(world: World, value: float, words: str = "") -> None:
    world.write("results/results.md", f"# R\n\n{words}\n\n| Model | Accuracy |\n|---|---|\n| net | {value:.4f} |\n")


def test_the_best_of_several_runs_reported_alone_is_a_warning(tmp_path: Path) -> None:
    world, values = runs(tmp_path, 4)
    report(world, max(values))
    found = told(world)
    assert [one.severity for one in found] == ["warn"]
    assert "ran 4 times" in found[0].message
    for value in values:
        assert any(f"{value:.4f}"[:6] in quote.quote for quote in found[0].evidence), value


def test_a_run_that_is_not_the_best_is_honest(tmp_path: Path) -> None:
    world, values = runs(tmp_path, 4)
    report(world, min(values))
    assert told(world) == []


@pytest.mark.parametrize("words", ["The best of four runs is shown.", "We show the maximum over all seeds.", "Best seed of four."])
def test_a_stated_best_is_honest(tmp_path: Path, words: str) -> None:
    world, values = runs(tmp_path, 4)
    report(world, max(values), words)
    assert told(world) == []


def test_the_mean_of_all_runs_is_honest(tmp_path: Path) -> None:
    world, values = runs(tmp_path, 4)
    report(world, sum(values) / 4)
    assert told(world) == []


def test_all_runs_shown_are_honest(tmp_path: Path) -> None:
    world, values = runs(tmp_path, 3)
    rows = "\n".join(f"| {seed} | {value:.4f} |" for seed, value in enumerate(values, 1))
    world.write("results/results.md", f"# R\n\n| Seed | Accuracy |\n|---|---|\n{rows}\n")
    assert told(world) == []


def test_a_run_of_mended_code_is_another_experiment(tmp_path: Path) -> None:
    world = World(tmp_path)
    values = []
    for step in range(3):
        world.write("code/run.py", TRIAL.replace("0.3 *", f"0.{3 + step} *"))
        values.append(float(world.run("python code/run.py 1").output.split()[-1]))
    report(world, max(values))
    assert told(world) == []


def test_a_loop_that_keeps_the_best_test_score_is_a_warning(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(
        "import random\nbest = 0\nfor seed in range(50):\n    test_acc = random.Random(seed).random()\n"
        "    if test_acc > best:\n        best = test_acc\nprint('accuracy', best)\n"
    )
    report(world, float(world.run("python code/run.py").output.split()[-1]))
    found = told(world)
    assert [one.severity for one in found] == ["warn"]
    assert (found[0].evidence[0].file, found[0].evidence[0].line) == ("code/run.py", 6)


KEPT = {
    "max of two": "for seed in seeds:\n    s = model(seed).score(X_test, y_test)\n    best = max(best, s)\n",
    "collected": "for run in range(9):\n    accs.append(evaluate(net, test_loader))\nprint(max(accs))\n",
    "compared": "for trial in range(9):\n    test_f1 = f(trial)\n    if best is None or test_f1 > best:\n        best = test_f1\n",
}
HONEST = {
    "validation": "for seed in seeds:\n    val_acc = fit(seed)\n    if val_acc > best:\n        best = val_acc\n",
    "cross-validation": "for trial in range(9):\n    s = cross_val_score(m, X, y).mean()\n    best = max(best, s)\n",
    "mean beside it": "for seed in seeds:\n    accs.append(score(X_test))\nprint(np.mean(accs), max(accs))\n",
    "epochs": "for epoch in range(9):\n    test_acc = f()\n    best = max(best, test_acc)\n",
    "no choice": "for seed in seeds:\n    test_acc = f(seed)\n    total += test_acc\n",
    "broken": "for seed in (:\n  best = max(best, test_acc)",
}


@pytest.mark.parametrize("name", KEPT)
def test_choices_over_seeds_are_read(name: str) -> None:
    assert list(seeds.best_of(KEPT[name]))


@pytest.mark.parametrize("name", HONEST)
def test_other_choices_are_no_choice_of_seeds(name: str) -> None:
    assert list(seeds.best_of(HONEST[name])) == []


SWEEP = """
import json, random
def run(start):
    rng = random.Random(start)
    return 0.6 + 0.3 * sum(rng.random() < 0.5 for _ in range(997)) / 997
accuracies = [run(i) for i in range(12)]
kept = sorted(accuracies)KEPT
accuracy = sum(kept) / len(kept)
json.dump({"net": {"accuracy": accuracy}}, open("results/results.json", "w"))
print(f"test accuracy {accuracy:.5f}")
"""


@pytest.mark.parametrize(
    ("sweep", "kept", "words", "severities"),
    [
        (SWEEP, "[-4:]", "Mean over four seeds.", ["warn"]),
        (SWEEP, "[-4:]", "Mean of the top four of twelve seeds.", []),
        (SWEEP.replace("start", "seed"), "[-4:]", "Mean of the top four of twelve seeds.", []),
        (SWEEP, "[2:-2]", "Mean over seeds.", []),
    ],
    ids=["hidden", "told", "a named seed, told", "trimmed"],
)
def test_the_best_few_of_many_seeds_are_told(tmp_path: Path, sweep: str, kept: str, words: str, severities: list[str]) -> None:
    world = World(tmp_path)
    world.write("code/run.py", sweep.replace("KEPT", kept))
    value = float(world.run("python code/run.py").output.split()[-1])
    report(world, value, words)
    assert [one.severity for one in told(world)] == severities


SPLITS = """
import json, random
def gain(seed):
    rng = random.Random(seed)
    plain, ours = (sum(rng.random() < skill for _ in range(997)) / 997 for skill in (0.6, 0.61))
    return plain, ours
"""
LIST = "from splits import gain\nfor s in range(40):\n    print(s, *(round(v, 4) for v in gain(s)))\n"
PICK = "from splits import gain\nprint(max(range(40), key=lambda s: gain(s)[1] - gain(s)[0]))\n"
FINAL = "import json, sys\nfrom splits import gain\nplain, ours = gain(json.load(open('code/config.json'))['seed'])\n"
FINAL += "json.dump({'plain': {'accuracy': plain}, 'ours': {'accuracy': ours}}, open('results/results.json', 'w'))\n"


def searched(root: Path, search: str, seed: Callable[[str], int], said: str = "") -> list[Finding]:
    """What is said of a study whose configuration gets a seed after a search has run."""
    world = World(root)
    world.write("code/splits.py", SPLITS)
    world.write("code/run.py", FINAL)
    world.write("code/config.json", '{"seed": 0}')
    output = world.run(f"cd code && python - <<'END'\n{search}END").output
    world.write("code/config.json", json.dumps({"seed": seed(output)}))
    world.run("python code/run.py")
    found = json.loads((world.output / "results/results.json").read_text())
    rows = "\n".join(f"| {name} | {row['accuracy']:.4f} |" for name, row in found.items())
    world.write("results/results.md", f"# R\n\n{said}\n\n| Model | Accuracy |\n|---|---|\n{rows}\n")
    result = world.audit()
    told = [one for one in result.findings if one.check == "seeds"]
    assert not told or result.verdict != "verified"
    return told


def largest_gain(output: str) -> int:
    rows = [line.split() for line in output.splitlines()]
    return int(max(rows, key=lambda row: float(row[2]) - float(row[1]))[0])


def middle(output: str) -> int:
    rows = sorted((line.split() for line in output.splitlines()), key=lambda row: float(row[2]) - float(row[1]))
    return int(rows[len(rows) // 2][0])


@pytest.mark.parametrize(("search", "seed"), [(LIST, largest_gain), (PICK, int)])
def test_a_seed_that_a_search_had_named_is_a_warning(tmp_path: Path, search: str, seed: Callable[[str], int]) -> None:
    [found] = searched(tmp_path, search, seed)
    assert found.severity == "warn"
    assert "tries 40 seeds" in found.message
    assert any('"seed":' in quote.quote for quote in found.evidence)


@pytest.mark.parametrize(
    ("search", "seed", "said"),
    [
        (LIST, largest_gain, "The seed with the best of 40 gains is shown."),
        (LIST, middle, ""),
        (LIST, lambda _: 0, ""),
        (LIST, lambda _: 1234, ""),
    ],
)
def test_seeds_that_were_not_chosen_by_a_search(tmp_path: Path, search: str, seed: Callable[[str], int], said: str) -> None:
    assert searched(tmp_path, search, seed, said) == []
