"""The best of seeds in code: runs of one function on several seeds of which the best is kept; searches on validation are honest."""

import ast

import pytest

from pytest_mlrbench.evidence.checks.chosen import chosen

RUN = "def run(method, seed):\n    return {'acc': train(method, seed)}\n"
CHOSEN = {
    "max": "def best(m):\n    return max((run(m, 7 * s) for s in range(9)), key=lambda r: r['acc'])",
    "named list": "def best(m):\n    tried = [run(m, s) for s in range(9)]\n    return max(tried, key=lambda r: r['acc'])",
    "appended": "tried = []\nfor s in range(9):\n    tried.append(run('a', s))\ntop = sorted(tried, key=lambda r: r['acc'])[-1]",
    "kept": "def best(m):\n    found = run(m, 0)\n    for s in range(9):\n        new = run(m, s)\n"
    "        if new['acc'] > found['acc']:\n            found = new\n    return found",
    "a seed by its use": "def go(m, number):\n    rng = np.random.default_rng(number)\n    return train(m, rng)\n"
    "best = max((go('a', n) for n in range(9)), key=lambda r: r['acc'])",
    "a seed handed on": "def parts(number):\n    return RandomState(number).permutation(9)\n"
    "def go(k):\n    return train(parts(k))\n"
    "best = max((go(k) for k in range(9)), key=lambda r: r['acc'])",
    "by a key": "def lead(number):\n    rows = np.random.default_rng(number).permutation(99)\n    return train(rows)\n"
    "numbers = range(90)\ntop = max(numbers, key=lead)",
    "by a lambda": "top = max(range(90), key=lambda s: run('a', s)['acc'])",
    "until it will do": "s = 0\nfound = run('a', s)\nwhile found['acc'] < 0.9:\n    s += 1\n    found = run('a', s)",
}
HONEST = {
    "mean": "def score(m):\n    tried = [run(m, s)['acc'] for s in range(9)]\n    return sum(tried) / 9, max(tried)",
    "validation": "best = max((run('a', s) for s in range(9)), key=lambda r: r['val_acc'])",
    "objective": "best = min((run('a', s) for s in range(9)), key=lambda r: r['inertia'])",
    "configurations": "def go(cfg):\n    return train(cfg)\nbest = max((go(c) for c in configs), key=lambda r: r['acc'])",
    "all of them": "rows = sorted((run('a', s) for s in range(9)), key=lambda r: r['acc'])\nprint(rows)",
    "a depth by a key": "def score(depth):\n    return train(depth)\ntop = max(range(9), key=score)",
    "a sum over places": "def cost(k):\n    return total[k]\ntop = min(range(9), key=cost)",
    "a population": "best = max(population, key=lambda p: p.acc)",
}


@pytest.mark.parametrize("code", CHOSEN.values(), ids=CHOSEN)
def test_the_best_of_seeds_is_found(code: str) -> None:
    assert len(list(chosen(ast.parse(RUN + code)))) == 1


@pytest.mark.parametrize("code", HONEST.values(), ids=HONEST)
def test_means_and_searches_are_silent(code: str) -> None:
    assert list(chosen(ast.parse(RUN + code))) == []
