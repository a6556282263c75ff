"""The best few of many seeds averaged as if they were all; trimmed means, both ends, validation scores and times are honest."""

import ast

import pytest

from pytest_mlrbench.evidence.checks.seeds import SAYS_KEPT
from pytest_mlrbench.evidence.checks.topped import topped

RUN = "def fitted(width, init):\n    net = MLPClassifier(width, random_state=init)\n    return net.fit(Xa, ya).score(Xb, yb)\n"
LOOP = "runs = []\nfor i in range(20):\n    net = MLPClassifier(random_state=i).fit(Xa, ya)\n    runs.append(net.score(Xb, yb))\n"
LIST = RUN + "runs = np.array([fitted(9, i) for i in range(20)])\n"
TOPPED = {
    "np.sort": LIST + "top = np.sort(runs)[-5:]\nprint(top.mean(), top.std())",
    "in a function": RUN + "def row(w, inits, keep=5):\n    runs = [fitted(w, i) for i in inits]\n    top = sorted(runs)[-keep:]\n"
    "    return np.mean(top)",
    "inline loop": LOOP + "print(np.mean(sorted(runs, reverse=True)[:5]))",
    "sorted in place": LOOP + "runs.sort()\nprint(sum(runs[-5:]) / 5)",
    "two steps": LIST + "ranked = np.sort(runs)[::-1]\nprint(np.mean(ranked[:5]))",
    "nlargest": LIST + "import heapq\nprint(sum(heapq.nlargest(5, runs)) / 5)",
    "partition": LIST + "print(np.partition(runs, -5)[-5:].mean())",
    "argsort": LIST + "idx = np.argsort(runs)[-5:]\nprint(runs[idx].mean())",
    "argsort of a list": LOOP + "idx = np.argsort(runs)[-5:]\nprint(np.mean([runs[i] for i in idx]))",
    "topk": LIST + "print(torch.topk(torch.tensor(runs), 5).values.mean())",
    "pandas": LIST + "print(pd.Series(runs).nlargest(5).mean())",
    "dictionaries": "def run(m, seed):\n    return {'acc': fit(m, seed)}\nrows = [run(0, s) for s in range(20)]\n"
    "top = sorted(rows, key=lambda r: r['acc'])[-5:]\nprint(np.mean([r['acc'] for r in top]))",
    "of each method": "runs = {}\nfor m in methods:\n    runs[m] = [fit(m, random_state=7 * s) for s in range(9)]\n"
    "    print(np.sort(runs[m])[-3:].mean())",
    "numpy's seed": "runs = []\nfor i in range(9):\n    np.random.seed(i)\n    acc = fit().score(Xb, yb)\n    runs.append(acc)\n"
    "print(np.sort(runs)[-3:].mean())",
    "handed on": RUN
    + "def outer(k):\n    return fitted(9, 100 + k)\nruns = [outer(k) for k in range(9)]\nprint(np.mean(sorted(runs)[3:]))",
}
HONEST = {
    "mean of all too": LIST + "print(runs.mean(), np.sort(runs)[-5:].mean())",
    "trimmed": LIST + "print(np.sort(runs)[2:-2].mean())",
    "median": LIST + "ranked = sorted(runs)\nprint(ranked[len(ranked) // 2])",
    "both ends": LIST + "ranked = np.sort(runs)\nprint(ranked[:3].mean(), ranked[-3:].mean())",
    "first ones, unsorted": LIST + "print(runs[:5].mean())",
    "top-k accuracy": "for seed in range(5):\n    p = fit(random_state=seed).predict_proba(Xb)\n"
    "    top = np.argsort(p, axis=1)[:, -5:]\n"
    "    print(np.mean([y in t for y, t in zip(yb, top)]))",
    "sorted for show": LIST + "for acc in sorted(runs)[-5:]:\n    print(acc)\n",
    "chosen on validation": "def run(seed):\n    m = fit(random_state=seed)\n    return m.score(Xval, yval)\n"
    "runs = [run(s) for s in range(20)]\nidx = np.argsort(runs)[-5:]\nprint(np.mean(test[idx]))",
    "validation in a loop": "val_accs, test_accs = [], []\nfor s in range(20):\n    m = fit(random_state=s)\n"
    "    val_accs.append(m.score(Xv, yv))\n    test_accs.append(m.score(Xt, yt))\nidx = np.argsort(val_accs)[-5:]\n"
    "print(np.mean([test_accs[i] for i in idx]))",
    "validation by the way": "scores = []\nfor s in range(20):\n    acc = fit(random_state=s).score(X_val, y_val)\n"
    "    scores.append(acc)\n"
    "print(np.mean(sorted(scores)[-5:]))",
    "cross-entropy method": "def rollout(theta, seed):\n    return play(theta, default_rng(seed))\n"
    "scores = [rollout(thetas[i], i) for i in range(64)]\nelite = np.argsort(scores)[-8:]\nmu = thetas[elite].mean(axis=0)",
    "evolution": "def play(theta):\n    return env(theta)\nscores = [play(t) for t in population]\n"
    "elite = [population[i] for i in np.argsort(scores)[-8:]]\nprint(np.mean(elite))",
    "folds": "accs = []\nfor i in range(9):\n    Xa, Xb = folds[i]\n    accs.append(fit(Xa, random_state=i).score(Xb))\n"
    "print(np.sort(accs)[-3:].mean())",
    "expected shortfall": LIST + "cvar = np.sort(runs)[:2].mean()\nprint(cvar)",
    "times": "def run(seed):\n    return clock(seed)\ntimes = [run(s) for s in range(20)]\nprint(np.sort(times)[:5].mean())",
    "settings": "accs = []\nfor lr in rates:\n    for seed in range(3):\n        accs.append(fit(lr, random_state=seed))\n"
    "print(np.mean(sorted(accs)[-3:]))",
}


@pytest.mark.parametrize("code", TOPPED.values(), ids=TOPPED)
def test_a_mean_of_the_best_few_is_found(code: str) -> None:
    assert len(list(topped(ast.parse(code)))) == 1


@pytest.mark.parametrize("code", HONEST.values(), ids=HONEST)
def test_what_keeps_all_runs_or_chooses_elsewhere_is_silent(code: str) -> None:
    assert list(topped(ast.parse(code))) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("We report the mean of the top five of 20 seeds.", True),
        ("The best five seeds were kept.", True),
        ("Three diverged runs were excluded.", True),
        ("We discard the two worst runs.", True),
        ("Trimmed mean over seeds.", True),
        ("Mean over five seeds; top-5 accuracy is in the appendix, dropout 0.1.", False),
        ("Ours reaches the best accuracy of 0.93 and removes noise.", False),
        ("All methods use five random initialisations; ours is best on digits.", False),
    ],
)
def test_a_document_may_say_that_a_part_was_kept(text: str, said: bool) -> None:
    assert bool(SAYS_KEPT.search(text.lower())) is said
