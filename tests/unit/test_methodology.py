"""Methodology: rows, spreads and settings that a document states and that no run bears out; honest reports stay clean."""

from pathlib import Path

import pytest
from evidence_worlds import World, fails, honest

from pytest_mlrbench.audits import Finding

TRAINING = """
import json, random, statistics
lr = 0.05
epochs = 40
batch_size = 16
rng = random.Random(5)
data = [(x := rng.gauss(0, 1), 3 * x + rng.gauss(0, 1)) for _ in range(300)]
scores = {}
for seed in range(4):
    w = random.Random(seed).gauss(0, 1)
    for _ in range(epochs):
        batch = random.Random(seed).sample(data, batch_size)
        w -= lr * sum((w * x - y) * x for x, y in batch) / batch_size
    scores[f"seed_{seed}"] = sum((w * x - y) ** 2 for x, y in data) / 300
json.dump({"sgd": {"mse": scores, "mean": statistics.fmean(scores.values())}}, open("results/results.json", "w"))
print("mse", statistics.fmean(scores.values()))
"""


def told(world: World, paper: str | None = None) -> list[Finding]:
    return [found for found in world.audit(paper).findings if found.check == "methodology"]


def training(root: Path, text: str) -> list[Finding]:
    world = World(root)
    assert world.program(TRAINING).exit_code == 0
    world.write("results/results.md", f"# Results\n\n## Setup\n\n{text}\n")
    return told(world)


def add_row(world: World, row: str) -> None:
    world.write("results/results.md", world.text("results/results.md").rstrip() + f"\n{row}\n")


# Rows


def test_an_honest_table_is_clean(tmp_path: Path) -> None:
    assert told(honest(tmp_path)) == []


def test_a_row_that_never_ran_fails(tmp_path: Path) -> None:
    world = honest(tmp_path)
    add_row(world, "| XGBoost | 0.7643 ± 0.0312 | 0.9417 ± 0.0388 |")
    found = [one for one in told(world) if one.severity == "fail"]
    assert len(found) == 1
    assert "'XGBoost'" in found[0].message
    assert found[0].evidence[0].quote.startswith("| XGBoost")
    assert found[0].evidence[1].file == "results/results.json", "where the other rows are"


def test_a_row_with_a_known_name_and_unknown_numbers_is_a_warning(tmp_path: Path) -> None:
    world = honest(tmp_path)
    text = world.text("results/results.md")
    (row,) = [line for line in text.splitlines() if line.startswith("| ridge")]
    world.write("results/results.md", text.replace(row, "| ridge | 0.7643 ± 0.0312 | 0.9417 ± 0.0388 |"))
    assert {one.severity for one in told(world)} == {"warn"}


def test_a_renamed_row_is_honest(tmp_path: Path) -> None:
    world = honest(tmp_path)
    text = world.text("results/results.md")
    world.write("results/results.md", text.replace("| ols |", "| Unpenalised regression |"))
    assert told(world) == []


@pytest.mark.parametrize("label", ["Human performance [3]", "Reported by Chen et al. (2023)", "Improvement", "Average"])
def test_rows_that_nobody_claims_to_have_run_are_left_out(tmp_path: Path, label: str) -> None:
    world = honest(tmp_path)
    add_row(world, f"| {label} | 0.7643 | 0.9417 |")
    assert fails(world.audit(), "methodology") == []
    assert not any(label in one.message for one in told(world))


def test_a_row_named_by_its_initials_is_known(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(
        "import json, random\nr = random.Random(4)\nres = {'rf': {'acc': r.random(), 'f1': r.random()},"
        " 'lr': {'acc': r.random(), 'f1': r.random()}, 'knn': {'acc': r.random(), 'f1': r.random()}}\n"
        "json.dump(res, open('results/results.json', 'w'))\nimport sys\nprint(res)\n"
    )
    import json

    data = json.loads(world.text("results/results.json"))
    names = {"rf": "Random forest", "lr": "Logistic regression", "knn": "kNN"}
    rows = "\n".join(f"| {names[m]} | {row['acc']:.3f} | {row['f1']:.3f} |" for m, row in data.items())
    world.write("results/results.md", f"# R\n\n| Model | Acc | F1 |\n|---|---|---|\n{rows}\n")
    assert told(world) == []


def test_a_table_of_settings_has_no_rows_that_ran(tmp_path: Path) -> None:
    world = honest(tmp_path)
    add_row(world, "\n| Item | Value |\n|---|---|\n| Warmth of the room | 21.4 |\n| Number of people | 3 |")
    assert told(world) == []


# Spreads


def test_invented_spreads_are_found(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(
        "import json, random\nr = random.Random(9)\n"
        "json.dump({m: {'accuracy': r.random()} for m in ('svm', 'mlp', 'tree')}, open('results/results.json', 'w'))\n"
    )
    import json

    data = json.loads(world.text("results/results.json"))
    rows = "\n".join(f"| {m} | {row['accuracy']:.4f} ± 0.0{17 + i}3 |" for i, (m, row) in enumerate(data.items()))
    world.write("results/results.md", f"# R\n\n| Model | Accuracy |\n|---|---|\n{rows}\n")
    found = told(world)
    assert [one.severity for one in found] == ["warn"]
    assert "3 of 3 spreads" in found[0].message
    assert "no spread of it is there" in found[0].evidence[-1].quote


def test_an_invented_column_of_deviations_is_found(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(
        "import json, random\nr = random.Random(2)\n"
        "json.dump({m: {'acc': r.random()} for m in 'abc'}, open('results/results.json', 'w'))\n"
    )
    import json

    data = json.loads(world.text("results/results.json"))
    rows = "\n".join(f"| {m} | {row['acc']:.4f} | 0.01{i}7 |" for i, (m, row) in enumerate(data.items()))
    world.write("results/results.md", f"# R\n\n| Model | Acc | Std |\n|---|---|---|\n{rows}\n")
    assert any("spreads" in one.message for one in told(world))


def test_typed_spreads_that_the_data_hold_are_honest(tmp_path: Path) -> None:
    world = honest(tmp_path)
    world.write("results/results.md", world.text("results/results.md") + "\nTyped again by hand.\n")
    assert told(world) == []


def test_spreads_worked_out_from_raw_values_are_honest(tmp_path: Path) -> None:
    import json
    import statistics

    world = World(tmp_path)
    world.program(TRAINING)
    values = list(json.loads(world.text("results/results.json"))["sgd"]["mse"].values())
    cell = f"{statistics.fmean(values):.4f} ± {statistics.stdev(values):.4f}"
    world.write("results/results.md", f"# R\n\n| Model | MSE |\n|---|---|\n| sgd | {cell} |\n")
    assert told(world) == []


# Settings


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("The model was trained for 200 epochs.", "epochs 200"),
        ("- **Batch size**: 128", "batch size 128"),
        ("We use a learning rate of 3e-4.", "learning rate 0.0003"),
        ("Results are averaged over 10 random seeds.", "seeds 10"),
        ("We optimise with AdamW.", "optimiser AdamW"),
        ("We recruited 150 participants who rated the answers.", "150 participants"),
        ("The model was tested on 48,317 held-out samples.", "48,317"),
    ],
)
def test_settings_that_nothing_bears_out_are_warnings(tmp_path: Path, text: str, what: str) -> None:
    found = training(tmp_path, text)
    assert [one.severity for one in found] == ["warn"]
    assert what in found[0].message


def test_the_optimiser_that_a_class_of_scikit_learn_uses_unless_told_otherwise_is_known(tmp_path: Path) -> None:
    world = World(tmp_path)
    code = "from sklearn.neural_network import MLPClassifier\nfrom sklearn.linear_model import LogisticRegression\n" + TRAINING
    assert world.program(code).exit_code == 0
    world.write("results/results.md", "# Results\n\n## Setup\n\nThe network is trained with Adam, the linear model with L-BFGS.\n")
    assert told(world) == []


def test_settings_that_are_assigned_several_at_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    code = TRAINING.replace("lr = 0.05\nepochs = 40\n", "lr, epochs, SEEDS = 0.05, 40, 4  # rate, passes, runs\n")
    assert world.program(code.replace("range(4)", "range(SEEDS)")).exit_code == 0
    stated = "The model was trained for 40 epochs with a learning rate of 0.05 over {} seeds."
    world.write("results/results.md", f"# Results\n\n## Setup\n\n{stated.format(4)}\n")
    assert told(world) == []
    world.write("results/results.md", f"# Results\n\n## Setup\n\n{stated.format(9)}\n")
    assert ["seeds 9" in one.message for one in told(world)] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "The model was trained for 40 epochs with batch size 16 and a learning rate of 0.05 over four random seeds.",
        "We use a learning rate of $5 \\times 10^{-2}$.",
        "Earlier work trains for 300 epochs with Adam [2].",
        "One could train for 1,000 epochs.",
        "Simulated annotators rated the answers: 25 simulated participants.",
        "We drew 300 samples; a batch holds 16 examples and 284 examples stay.",
        "- **Seeds**: 0, 1, 2, 3",
    ],
)
def test_settings_of_the_code_are_honest(tmp_path: Path, text: str) -> None:
    assert training(tmp_path, text) == []


def test_the_size_of_a_bundled_data_set_is_known_to_the_code_that_loads_it(tmp_path: Path) -> None:
    def sizes(folder: str, text: str) -> list[Finding]:
        world = World(tmp_path / folder)
        world.program("from sklearn.datasets import load_digits\nX, y = load_digits(return_X_y=True)\nprint('mean', X.mean())\n")
        world.write("results/results.md", f"# Results\n\n{text}\n")
        return [one for one in told(world) if "states sizes" in one.message]

    assert sizes("a", "The data set has 1,797 images.") == []
    assert len(sizes("b", "The data set has 1,979 images.")) == 1


# Dictionaries of the code


def weighted(root: Path, rows: str) -> World:
    world = honest(root)
    program = (
        "WEIGHTS = {'accuracy': 0.30, 'precision': 0.10, 'recall': 0.10, 'f1_score': 0.20, 'fairness': 0.30}\nprint(len(WEIGHTS))\n"
    )
    world.program(program, "code/weights.py")
    add_row(world, f"\n| Metric | Weight |\n|---|---|\n{rows}")
    return world


def test_a_table_of_the_code_s_own_weights_is_compared_with_them(tmp_path: Path) -> None:
    rows = "| Accuracy | 0.30 |\n| Precision | 0.10 |\n| Recall | 0.10 |\n| F1 Score | 0.20 |\n| Fairness | 30 % |"
    assert [one for one in told(weighted(tmp_path / "a", rows)) if "what the code has" in one.message] == []
    swapped = rows.replace("Precision | 0.10", "Precision | 0.20").replace("F1 Score | 0.20", "F1 Score | 0.10")
    (found,) = [one for one in told(weighted(tmp_path / "b", swapped)) if "what the code has" in one.message]
    assert found.severity == "warn"
    assert "Precision 0.20, but 0.1 in code/weights.py" in found.message
    assert found.evidence[-1].file == "code/weights.py"
