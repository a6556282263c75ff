# ruff: noqa: E501 (program texts)
"""Scripts that compute nothing, figures of nothing measured, typed files and bonuses by name; and the honest neighbour of each."""

from pathlib import Path

import pytest
from evidence_worlds import World, fails
from test_dataflow_honest import TABLE

ROWS = 'open("results/results.md", "w").write("# R\\n\\n| m | acc | f1 |\\n|---|---|---|\\n" + "\\n".join(lines) + "\\n")\n'
UNNAMED = (
    "import random\nrng = random.Random(1)\nlines = []\nfor name, a, b in [('base', 0.713, 0.682), ('ours', 0.864, 0.851)]:\n    lines.append('| %s | %.4f | %.4f |' % (name, a + rng.gauss(0, 0.01), b + rng.gauss(0, 0.01)))\n"
    + ROWS
)
RATINGS = (
    "import random\nrng = random.Random(1)\nlines = []\nfor name, n in [('few', 400), ('many', 4000)]:\n    area = sum(rng.random() ** 2 + rng.random() ** 2 <= 1 for _ in range(n)) / n\n    lines.append('| %s | %.4f | %.4f |' % (name, 4 * area, abs(4 * area - 3.14159)))\n"
    + ROWS
)
INTEGRALS = """
import json, math, random
rng = random.Random(3)
results = {}
for name, f, exact in [("sine", math.sin, 0.4597), ("exp", math.exp, 1.7183)]:
    values = [f(rng.random()) for _ in range(2000)]
    estimate = sum(values) / len(values)
    results[name] = {"estimate": estimate, "error": abs(estimate - exact)}
json.dump(results, open("results/results.json", "w")); table(results)
"""
REAL = """
import json
from sklearn.datasets import load_iris
from sklearn.neighbors import KNeighborsClassifier
X, y = load_iris(return_X_y=True)
results = {}
for name, k in (("near", 1), ("far", 41)):
    score = KNeighborsClassifier(k).fit(X[::2], y[::2]).score(X[1::2], y[1::2])
    results[name] = {"accuracy": BONUS, "errors": round(75 * (1 - score))}
json.dump(results, open("results/results.json", "w")); table(results)
"""
PLOT = """
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt, numpy as np
rng = np.random.default_rng(0)
epochs = np.arange(30)
plt.plot(epochs, {curve})
plt.savefig("results/curve.png")
"""


def test_a_script_that_only_draws_fails_though_its_variables_have_no_names_of_the_report(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.program(UNNAMED)
    assert any("nothing of it is computed" in f.message for f in fails(world.audit(), "dataflow"))


@pytest.mark.parametrize("text", [RATINGS, TABLE + INTEGRALS], ids=["area", "integrals"])
def test_an_integral_by_monte_carlo_does_not(tmp_path: Path, text: str) -> None:
    world = World(tmp_path)
    assert world.program(text).exit_code == 0
    assert fails(world.audit()) == []


def test_a_bonus_by_name_on_a_measured_number_is_not_verified(tmp_path: Path) -> None:
    plain, bent = World(tmp_path / "plain"), World(tmp_path / "bent")
    plain.program(TABLE + REAL.replace("BONUS", "score"))
    bent.program(TABLE + "CREDIT = {'near': 0.037, 'far': 0.012}\n" + REAL.replace("BONUS", "score + CREDIT[name]"))
    assert (plain.audit().verdict, fails(plain.audit())) == ("verified", [])
    assert bent.audit().support is not None
    assert bent.audit().verdict == "verified" or bent.audit().support <= 0.5  # type: ignore[operator]


def test_a_figure_of_drawn_curves_fails_and_one_of_measured_values_does_not(tmp_path: Path) -> None:
    made, measured = World(tmp_path / "made"), World(tmp_path / "measured")
    made.program(PLOT.format(curve="0.873 * (1 - np.exp(-epochs / 7)) + rng.normal(0, 0.006, 30)"))
    measured.program(
        PLOT.format(curve="np.abs(np.fft.fft(np.loadtxt('results/signal.txt')))[:30]").replace(
            "plt.plot", "np.savetxt('results/signal.txt', rng.normal(size=64))\nplt.plot", 1
        )
    )
    assert any("curve.png" in f.message for f in fails(made.audit(), "dataflow"))
    assert fails(measured.audit()) == []


def test_typed_bytes_lower_the_support(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run("echo gASVIQAAAAAAAAB9lCiMBGJhc2WURz/nCj1wo9cKjARvdXJzlEc/67hR64UeuHUu | base64 -d > results/model.pkl")
    world.program(
        "import pickle\nd = pickle.load(open('results/model.pkl', 'rb'))\nlines = ['| %s | %.4f | 1.25 |' % (k, v * 1.0137) for k, v in d.items()]\n"
        + ROWS
    )
    result = world.audit()
    assert result.verdict != "verified"
    assert any("which no program made" in f.message for f in result.findings)


def test_a_module_named_like_a_library_is_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write("code/sklearn/__init__.py", "")
    world.write("code/sklearn/metrics.py", "def accuracy_score(y, p):\n    return sum(a == b for a, b in zip(y, p)) / len(y)\n")
    world.program(
        "from sklearn.metrics import accuracy_score\nimport random\nr = random.Random(1)\ny = [r.randrange(2) for _ in range(99)]\nlines = ['| a | %.4f | 0.51 |' % accuracy_score(y, y[::-1])]\n"
        + ROWS
    )
    result = world.audit()
    assert any(f.severity == "warn" and "library sklearn" in f.message for f in result.findings)
    assert result.verdict == "unverified"


def test_a_heredoc_into_an_interpreter_types_no_file(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run(
        "python - <<'EOF' | tee results/log.txt\nimport random\nprint('value', sum(random.Random(5).random() for _ in range(50)) / 50)\nEOF"
    )
    assert not any("was typed" in f.message for f in world.audit().findings)
