"""Put on the path of a re-run's programs as `sitecustomize.py`: the data that scikit-learn brings are handed out changed.

Runs in the experiment's interpreter, whatever its version, and imports nothing of ours. The variable MLRBENCH_CHANGE asks for it,
`HOW NUMBER`: permuted (the labels over the rows), shuffled (every column by itself, the labels too), truncated (every fifth row
left out; fewer would not do for splits of fixed sizes) or absent (an OSError, as without a download). What was handed out so is
told to the file `changed` beside this one.
"""

import functools
import importlib.util
import json
import os
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NAME = "sklearn.datasets"
TOLD = "changed"


def changed(name: str, given: Any, how: str, number: int) -> Any:
    """What a loader or generator gave, changed; as it was where it holds no labelled rows."""
    bunch = isinstance(given, dict)
    data, target = (given.get("data"), given.get("target")) if bunch else (*given, None, None)[:2]
    if not (bunch or isinstance(given, tuple)) or data is None or target is None:
        return given
    rows = len(target)
    if not hasattr(data, "shape") or not hasattr(target, "shape") or data.shape[0] != rows or rows < 4:
        return given
    note(name, target, rows)
    if how == "truncated":
        cut = functools.partial(picked, order=[row for row in range(rows) if row % 5 != 4], keep_index=False)
        if bunch:
            for key, value in given.items():
                if getattr(value, "shape", ())[:1] == (rows,):
                    given[key] = cut(value)
            return given
        return tuple(cut(value) if getattr(value, "shape", ())[:1] == (rows,) else value for value in given)
    rng = random.Random(number)  # noqa: S311 - a choice to be repeated, no secret
    order = list(range(rows))
    rng.shuffle(order)
    new = picked(target, order)
    moved = columns(data, rng) if how == "shuffled" else data
    if not bunch:
        return (moved, new, *given[2:])
    given["target"], given["data"] = new, moved
    frame = given.get("frame")
    if frame is not None:
        frame = frame.copy()
        for column in frame.columns:
            if column in getattr(moved, "columns", ()):
                frame[column] = moved[column].to_numpy()
            else:
                frame[column] = picked(frame[column], order).to_numpy()
        given["frame"] = frame
    if "images" in given and how == "shuffled":
        given["images"] = given["data"].reshape(given["images"].shape)
    return given


def picked(values: Any, order: Any, keep_index: bool = True) -> Any:
    """The rows in another order, or some of them."""
    if hasattr(values, "iloc"):
        taken = values.iloc[order]
        return taken.set_axis(values.index, axis=0) if keep_index else taken.reset_index(drop=True)
    return values[order]


def columns(data: Any, rng: random.Random) -> Any:
    """Every column by itself in another order; of what is no plain table, the rows."""
    if hasattr(data, "iloc"):
        data = data.copy()
        for column in list(data.columns):
            order = list(range(len(data)))
            rng.shuffle(order)
            data[column] = data[column].to_numpy()[order]
        return data
    if type(data).__name__ == "ndarray" and data.ndim == 2:
        data = data.copy()
        for column in range(data.shape[1]):
            order = list(range(len(data)))
            rng.shuffle(order)
            data[:, column] = data[order, column]
        return data
    order = list(range(data.shape[0]))
    rng.shuffle(order)
    return data[order]


def note(name: str, target: Any, rows: int) -> None:
    """Write down what is handed out, and the share of the most frequent label."""
    counts = Counter(str(one) for one in target)
    tell(name, rows, max(counts.values()) / rows if len(counts) <= 100 else None)


def tell(name: str, rows: int, majority: "float | None") -> None:
    line = json.dumps({"path": NAME + "." + name, "rows": rows, "label": "target", "majority": majority})
    with (HERE / TOLD).open("a") as file:
        file.write(line + "\n")


def wrap(function: Any, how: str, number: int) -> Any:
    """The loader or generator, what it gives being changed."""

    @functools.wraps(function)
    def handed(*arguments: Any, **options: Any) -> Any:
        if how == "absent":
            tell(function.__name__, 0, None)
            raise OSError("the data set could not be fetched")
        return changed(function.__name__, function(*arguments, **options), how, number)

    return handed


def patch(module: Any, how: str, number: int) -> None:
    """Put the wrapped functions where scikit-learn's own code and every import of them finds them."""
    for name in dir(module):
        function = getattr(module, name)
        if name.startswith(("load_", "fetch_", "make_")) and callable(function):
            wrapped = wrap(function, how, number)
            setattr(module, name, wrapped)
            home = sys.modules.get(getattr(function, "__module__", ""))
            if getattr(home, name, None) is function:
                setattr(home, name, wrapped)


class Finder:
    """Waits for the import of scikit-learn's data."""

    def __init__(self, how: str, number: int) -> None:
        self.how, self.number = how, number

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != NAME:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            patch(module, self.how, self.number)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def begin() -> None:
    """Take this file off the path, run the `sitecustomize` that it hides, and wait for the import."""
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
    mine = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401 - the one that this file hides
    except ImportError:
        if mine is not None:
            sys.modules["sitecustomize"] = mine
    how, number = os.environ["MLRBENCH_CHANGE"].split()
    sys.meta_path.insert(0, Finder(how, int(number)))


if "MLRBENCH_CHANGE" in os.environ and __name__ == "sitecustomize":
    begin()
