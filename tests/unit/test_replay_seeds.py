"""Seeds found by what they are called and given to, and shifted; everything else of the program stays as it is."""

import doctest
import random

import pytest

from pytest_mlrbench.replay import seeds
from pytest_mlrbench.replay.seeds import shift_command, shift_text

SHIFTED = {
    "SEED = 42": "SEED = 1042",
    "np.random.seed(0)": "np.random.seed(1000)",
    "torch.manual_seed(7); x = 7": "torch.manual_seed(1007); x = 7",
    "rng = np.random.default_rng(7)": "rng = np.random.default_rng(1007)",
    "train_test_split(x, y, test_size=0.3, random_state=0)": "train_test_split(x, y, test_size=0.3, random_state=1000)",
    "for seed in range(5):\n    pass": "for seed in range(1000, 1000 + 5):\n    pass",
    "for seed in range(n_seeds):\n    pass": "for seed in range(1000, 1000 + n_seeds):\n    pass",
    "SEEDS = [0, 1, 2]": "SEEDS = [1000, 1001, 1002]",
    "seeds = list(range(3, 6))": "seeds = list(range(1003, 1006))",
    "rows = [run(s) for s, seed in enumerate([1, 2])]": "rows = [run(s) for s, seed in enumerate([1001, 1002])]",
    "parser.add_argument('--seed', type=int, default=0)": "parser.add_argument('--seed', type=int, default=1000)",
    "def main(seed=3, epochs=4): pass": "def main(seed=1003, epochs=4): pass",
    "class C:\n    seed: int = 1": "class C:\n    seed: int = 1001",
    "config = {'seed': 5, 'lr': 5}": "config = {'seed': 1005, 'lr': 5}",
    "größe = 1; random.seed(2)": "größe = 1; random.seed(1002)",
}  # fmt: skip


@pytest.mark.parametrize("code", SHIFTED)
def test_a_seed_in_code_is_shifted(code: str):
    text, knobs = shift_text("run.py", code, 1000)
    assert text == SHIFTED[code]
    assert knobs


@pytest.mark.parametrize(
    "code",
    ["n_seeds = 5", "EPOCHS = 42", "speed = 3", "seed = None", "def f(:", "x = 'seed = 4'", "seeding_depth = 3", "random.seed()"],
)
def test_what_is_no_seed_stays(code: str):
    assert shift_text("run.py", code, 1000) == (code, [])


def test_a_seed_that_only_the_running_program_knows_is_shifted_where_it_is_given():
    code = "import random\ndef draw(i): return random.Random(i).random()\nout = [draw(i) for i in (1, 'a')] + [random.Random(None)]"
    text, knobs = shift_text("run.py", code, 1000)
    names: dict[str, object] = {}
    exec(text, names)
    assert names["out"][:2] == [random.Random(1001).random(), random.Random("a 1000").random()]  # type: ignore[index]
    assert knobs[0].line == 2


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python run.py --seed 3", "python run.py --seed 1003"),
        ("python run.py --seed=3 --lr 0.1", "python run.py --seed=1003 --lr 0.1"),
        ("python run.py --seeds 0 1 2 --epochs 5", "python run.py --seeds 1000 1001 1002 --epochs 5"),
        ("SEED=4 python run.py", "SEED=1004 python run.py"),
        ("PYTHONHASHSEED=0 python run.py", "PYTHONHASHSEED=1000 python run.py"),
        ("python run.py --random-state 9", "python run.py --random-state 1009"),
        ("python run.py --num-seeds 5 --n_seeds 3", "python run.py --num-seeds 5 --n_seeds 3"),
        ("python run.py --speed 3", "python run.py --speed 3"),
    ],
)
def test_a_seed_in_a_command_is_shifted(command: str, expected: str):
    assert shift_command(command, 1000, 4)[0] == expected


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("c.yaml", "model:\n  seed: 3\n  n_seeds: 4\n", "model:\n  seed: 1003\n  n_seeds: 4\n"),
        ("c.json", '{\n  "seed": 3,\n  "lr": 3\n}', '{\n  "seed": 1003,\n  "lr": 3\n}'),
        ("c.toml", "seed = 8\n", "seed = 1008\n"),
        ("run.sh", "python a.py --seed 1\n", "python a.py --seed 1001\n"),
    ],
)
def test_a_seed_in_configuration_is_shifted(file: str, text: str, expected: str):
    assert shift_text(file, text, 1000)[0] == expected


def test_a_shift_stays_within_what_numpy_takes():
    assert seeds.shifted(2**32 - 1, 1000) == 2**32 - 1001


def test_the_examples_hold():
    assert doctest.testmod(seeds).failed == 0
