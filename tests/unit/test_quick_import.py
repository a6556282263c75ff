"""Packages that only hand out names are not carried out while litellm is imported, and nothing can tell."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from pytest_mlrbench.models.quick_import import handed_out, quick_import

REAL = """
import importlib, pathlib, sys
from pytest_mlrbench.models.quick_import import quick_import

with quick_import("openai.types"):
    import openai.types
    below = pathlib.Path(openai.types.__file__).parent
    files = sorted(below.rglob("*.py"))
    names = [".".join(["openai.types", *file.parent.relative_to(below).parts]) for file in files if file.name == "__init__.py"]
    packages = [importlib.import_module(name) for name in names]
loaded = sum(name.startswith("openai.types.") for name in sys.modules)
assert len(packages) > 10 and loaded < len(files) / 2, (len(packages), loaded, len(files))
compared = 0
for module in packages:
    carried_out = {"__name__": module.__name__, "__package__": module.__name__, "__path__": module.__path__}
    exec(compile(pathlib.Path(module.__file__).read_bytes(), module.__file__, "exec"), carried_out)
    for name, value in carried_out.items():
        if not name.startswith("__") and name != "annotations":
            assert getattr(module, name) is value, (module, name)
            compared += 1
print(compared)
"""


def package(folder: Path, init: str) -> str:
    """A package `handing` with a package below it, its modules `used` and `left`; returns its name, new for each folder."""
    name = f"handing_{folder.name}"
    for path, text in {
        "__init__.py": init,
        "used.py": "Used = object()\nother = 1\n",
        "left.py": "Left = object()\n",
        "below/__init__.py": "from .deep import Deep as Deep\n",
        "below/deep.py": "Deep = object()\n",
    }.items():
        file = folder / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return name


INIT = '''"""Names."""
from __future__ import annotations

from .used import Used as Used, other as another
from .left import Left as Left
from .below.deep import Deep as Deep
'''


def loaded(name: str) -> set[str]:
    return {module.removeprefix(name + ".") for module in sys.modules if module.startswith(name + ".")}


def test_only_what_is_asked_for_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    name = package(tmp_path, INIT)
    with quick_import(name):
        module = __import__(name)
        assert loaded(name) == set()
        from_import: dict[str, object] = {}
        exec(f"from {name} import Used, another", from_import)
    assert loaded(name) == {"used"}
    assert (from_import["Used"], from_import["another"]) == (sys.modules[f"{name}.used"].Used, 1)
    # Outside as well, and for modules that the package's own imports would have made attributes of it.
    assert module.left.Left is module.Left
    assert module.below.deep.Deep is module.Deep
    assert loaded(name) == {"used", "left", "below", "below.deep"}
    with pytest.raises(AttributeError, match=rf"module '{name}' has no attribute 'Nothing'"):
        _ = module.Nothing
    with pytest.raises(ImportError, match="cannot import name 'Nothing'"):
        exec(f"from {name} import Nothing", {})


@pytest.mark.parametrize("more", ["COUNT = 1\n", "from os import path\n", "from .used import *\n", "import json\n"])
def test_a_package_that_does_more_is_carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    assert handed_out((INIT + more).encode()) is None
    name = package(tmp_path, INIT + more)
    with quick_import(name):
        __import__(name)
    assert loaded(name) == {"used", "left", "below", "below.deep"}


def test_the_interpreter_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    before = (list(sys.meta_path), dict(BaseModel.model_config), gc.isenabled())
    with pytest.raises(ModuleNotFoundError), quick_import("nothing_here"):
        __import__("nothing_here")
    assert (list(sys.meta_path), dict(BaseModel.model_config), gc.isenabled()) == before


def test_openais_types_are_what_they_are_without_it() -> None:
    done = subprocess.run([sys.executable, "-c", REAL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1000
