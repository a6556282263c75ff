"""Data that scikit-learn brings are handed out changed: hollow metrics and learnt rows are found, honest studies are not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rerun_worlds import AgainWorld

from pytest_mlrbench.replay import changed_data

REPORT = """\
import json
d = json.load(open("results/results.json"))
rows = [f"| {m} | {r['accuracy']:.4f} |" for m, r in d.items()]
text = ["# Results", "", "TEXT", "", "| Method | Accuracy |", "|---|---|", *rows, ""]
open("results/results.md", "w").write("\\n".join(text))
"""

LOADED = """\
import json, os
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
x, y = load_digits(return_X_y=True)
x, y = x[:600], y[:600]
xa, xb, ya, yb = train_test_split(x, y, test_size=0.4, shuffle=False)
"""

MEASURED = """\
models = {"one neighbour": KNeighborsClassifier(1), "largest difference": KNeighborsClassifier(1, metric="chebyshev")}
out = {name: {"accuracy": float((model.fit(FX, FY).predict(xb) == yb).mean())} for name, model in models.items()}
os.makedirs("results", exist_ok=True)
json.dump(out, open("results/results.json", "w"))
"""
HONEST = LOADED + MEASURED.replace("FX", "xa").replace("FY", "ya")
LEAKED = LOADED + MEASURED.replace("FX", "x[:520]").replace("FY", "y[:520]")
HOLLOW = (
    LOADED
    + """\
import hashlib
def score(name):
    model = KNeighborsClassifier(1).fit(xa, ya)
    digest = int(hashlib.md5(f"{name}{type(model).__name__}".encode()).hexdigest(), 16)
    return 0.9 + digest % 701 / 10_000
out = {name: {"accuracy": score(name)} for name in ("one neighbour", "largest difference", "ours")}
os.makedirs("results", exist_ok=True)
json.dump(out, open("results/results.json", "w"))
"""
)

SPLIT = LOADED.replace("shuffle=False", "random_state=3")
PARTLY = (
    SPLIT
    + """\
import hashlib
measured = {f"{k} neighbours": float((KNeighborsClassifier(k).fit(xa, ya).predict(xb) == yb).mean()) for k in (1, 9)}
measured["ours"] = 0.98 + int(hashlib.md5(b"ours").hexdigest(), 16) % 179 / 10_000
os.makedirs("results", exist_ok=True)
json.dump({name: {"accuracy": value} for name, value in measured.items()}, open("results/results.json", "w"))
"""
)


def told(root: Path, program: str, text: str) -> list[tuple[str, str]]:
    """Severity and message of what the check `rerun` says."""
    world = AgainWorld(root)
    world.program(program)
    world.program(REPORT.replace("TEXT", text), "code/report.py")
    rerun = world.again()
    assert rerun.attempts[0].ended == "done", rerun.attempts[0].reason
    assert [(one.path, one.rows) for one in rerun.data] == [("sklearn.datasets.load_digits", 1797)]
    assert not rerun.other_data
    return [(one.severity, one.message) for one in world.findings()]


def test_a_classifier_of_bundled_data_moves_with_their_labels(tmp_path: Path):
    assert not told(tmp_path, HONEST, "Accuracy on held-out digits.")


def test_metrics_that_do_not_come_from_bundled_data_are_a_fail(tmp_path: Path):
    [(severity, message)] = told(tmp_path, HOLLOW, "Accuracy on held-out digits.")
    assert severity == "fail"
    assert "not computed from sklearn.datasets.load_digits" in message


def test_bundled_data_that_no_document_names_are_a_warning(tmp_path: Path):
    [(severity, _)] = told(tmp_path, HOLLOW, "Accuracy.")
    assert severity == "warn"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Accuracy on the test set, which no method has seen.", "fail"), ("Accuracy of two methods on digits.", "warn")],
)
def test_a_score_that_permuted_labels_leave_high_was_learnt(tmp_path: Path, text: str, expected: str):
    [(severity, message)] = told(tmp_path, LEAKED, text)
    assert severity == expected
    assert "no method can know permuted labels" in message


@pytest.mark.parametrize(("rows", "expected"), [("", ["fail"]), ("rows = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]", [])])
def test_a_claim_that_nothing_moves_beside_others_that_all_moves(tmp_path: Path, rows: str, expected: list[str]):
    found = told(tmp_path, PARTLY + rows, "Accuracy on held-out digits.")
    assert [severity for severity, _ in found] == expected
    assert all("ours" in message and "others (" in message for _, message in found)


def test_a_claim_that_nothing_moves_makes_the_report_unverified(tmp_path: Path):
    world = AgainWorld(tmp_path)
    world.program(PARTLY.replace("random_state=3", "shuffle=False"))
    world.program(REPORT.replace("TEXT", "Accuracy on digits."), "code/report.py")
    assert world.again().attempts[0].ended == "done"
    audit = world.audited()
    assert [one.severity for one in audit.findings if one.check == "rerun" and "stay the same" in one.message] == ["warn"]
    assert audit.support == 0.5


def test_a_score_on_training_rows_that_says_so_is_none(tmp_path: Path):
    program = LEAKED.replace('"accuracy"', '"train_accuracy"')
    world = AgainWorld(tmp_path)
    world.program(program)
    world.program(REPORT.replace("['accuracy']", "['train_accuracy']").replace("TEXT", "On a test set."), "code/report.py")
    world.again()
    assert not world.findings()


def test_estimates_that_no_order_of_the_rows_moves_are_honest(tmp_path: Path):
    program = """\
import json, os
import numpy as np
from sklearn.datasets import load_digits
x = load_digits().data
out = {}
for part in (7, 11, 19, 23, 31, 43, 47, 53, 59, 61, 67, 71):
    rough = np.round(x.mean(0) * part) / part
    out[f"grid {part}"] = {"error": float(np.abs(rough - x.mean(0)).mean())}
os.makedirs("results", exist_ok=True)
json.dump(out, open("results/results.json", "w"))
"""
    world = AgainWorld(tmp_path)
    world.program(program)
    world.program(
        REPORT.replace("['accuracy']", "['error']").replace("Accuracy", "Error").replace("TEXT", "Means of digits on a grid."),
        "code/report.py",
    )
    assert world.again().attempts[0].ended == "done"
    assert not [one for one in world.findings() if one.severity == "fail"]


def test_a_study_that_uses_no_labels_is_honest(tmp_path: Path):
    program = """\
import json, os
import numpy as np
from sklearn.datasets import load_digits
x, _ = load_digits(return_X_y=True)
x = x - x.mean(0)
u, s, v = np.linalg.svd(x, full_matrices=False)
out = {f"rank {k}": {"mse": float(((x - x @ v[:k].T @ v[:k]) ** 2).mean())} for k in (2, 5, 9)}
os.makedirs("results", exist_ok=True)
json.dump(out, open("results/results.json", "w"))
"""
    world = AgainWorld(tmp_path)
    world.program(program)
    report = REPORT.replace("['accuracy']", "['mse']").replace("Accuracy", "MSE").replace("TEXT", "Low ranks of digits.")
    world.program(report, "code/report.py")
    assert "shuffled" in [one.kind for one in world.again().attempts]
    assert not world.findings()
    assert world.audited().verdict == "verified"


# -- what is handed out -----------------------------------------------------------------------------------------------


def handed_out(tmp_path: Path, how: str, program: str) -> object:
    """What a program prints as JSON that runs with the hook."""
    hook = tmp_path / "hook"
    hook.mkdir(exist_ok=True)
    (hook / "sitecustomize.py").write_text(Path(changed_data.__file__).read_text())
    other = tmp_path / "other"
    other.mkdir(exist_ok=True)
    (other / "sitecustomize.py").write_text("import builtins\nbuiltins.hidden_one_ran = True\n")
    environment = {"PYTHONPATH": f"{hook}:{other}", "MLRBENCH_CHANGE": f"{how} 5", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment if how else {}, capture_output=True, text=True, check=True, cwd=tmp_path
    )
    return json.loads(done.stdout)


PLAIN = "import json\nfrom sklearn.datasets import load_iris\nx, y = load_iris(return_X_y=True)\n"
SUMS = PLAIN + "print(json.dumps([len(x), len(y), y.tolist(), x[:, 0].tolist(), sorted(x[:, 0].tolist())]))"


def test_labels_are_permuted_and_rows_stay(tmp_path: Path):
    rows, labels, y, first, _ = handed_out(tmp_path, "", SUMS)  # type: ignore[misc]
    assert handed_out(tmp_path, "permuted", SUMS)[:2] == [rows, labels]  # type: ignore[index]
    new = handed_out(tmp_path, "permuted", SUMS)
    assert new[3] == first  # type: ignore[index]
    assert new[2] != y  # type: ignore[index]
    assert sorted(new[2]) == sorted(y)  # type: ignore[index]
    assert handed_out(tmp_path, "permuted", SUMS) == new  # the same in every process of an attempt


def test_columns_are_shuffled_each_by_itself_and_rows_left_out(tmp_path: Path):
    _, _, _, first, ordered = handed_out(tmp_path, "", SUMS)  # type: ignore[misc]
    new = handed_out(tmp_path, "shuffled", SUMS)
    assert new[3] != first  # type: ignore[index]
    assert new[4] == ordered  # type: ignore[index]
    assert handed_out(tmp_path, "truncated", SUMS)[:2] == [120, 120]  # type: ignore[index]


FRAME = """\
import json
from sklearn.datasets import load_wine
b = load_wine(as_frame=True)
print(json.dumps([bool((b.frame["target"] == b.target).all()), bool((b.frame["alcohol"] == b.data["alcohol"]).all()),
                  len(b.frame), list(b.target.index) == list(b.data.index)]))
"""


@pytest.mark.parametrize("how", ["permuted", "shuffled", "truncated"])
def test_a_frame_is_changed_as_its_parts_are(tmp_path: Path, how: str):
    assert handed_out(tmp_path, how, FRAME) == [True, True, 143 if how == "truncated" else 178, True]


IMAGES = """\
import json
from sklearn.datasets import load_digits
b = load_digits()
print(json.dumps([bool((b.images.reshape(len(b.images), -1) == b.data).all()), len(b.target)]))
"""


@pytest.mark.parametrize("how", ["permuted", "shuffled", "truncated"])
def test_images_stay_those_of_their_rows(tmp_path: Path, how: str):
    assert handed_out(tmp_path, how, IMAGES) == [True, 1438 if how == "truncated" else 1797]


OTHERS = """\
import json, builtins
from sklearn import datasets
from sklearn.datasets._samples_generator import make_moons
made = datasets.make_classification(n_samples=60, random_state=0)
alone = datasets.make_low_rank_matrix(10, 5, random_state=0)
print(json.dumps([len(made[0]), len(make_moons(40)[1]), alone.shape[0], getattr(builtins, "hidden_one_ran", False)]))
"""


def test_generators_are_changed_data_without_labels_are_not_and_the_hidden_hook_runs(tmp_path: Path):
    assert handed_out(tmp_path, "truncated", OTHERS) == [48, 32, 10, True]
    told = [json.loads(line) for line in (tmp_path / "hook" / changed_data.TOLD).read_text().splitlines()]
    assert [one["path"] for one in told] == ["sklearn.datasets.make_classification", "sklearn.datasets.make_moons"]
    assert [one["majority"] for one in told] == [0.5, 0.5]


def test_data_that_are_absent_raise_what_a_failed_download_raises(tmp_path: Path):
    program = "import json\nfrom sklearn.datasets import load_iris\ntry:\n    load_iris()\nexcept OSError as error:\n"
    assert "could not be fetched" in str(handed_out(tmp_path, "absent", program + "    print(json.dumps(str(error)))"))
