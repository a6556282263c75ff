"""Importing litellm in half the time, with nothing changed in what it is afterwards; the catalogue loads it through this.

Of its 3.6 s a fifth was the garbage collector, a fifth validators of classes that no call uses, a fifth the thousand modules of
`openai.types`, most of which hand out names that nobody asks for (docs/performance.md).
"""

import ast
import gc
import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

from pydantic import BaseModel, ConfigDict

Names = dict[str, tuple[str, str | None]]
"""Name in a package -> the module below it that it comes from, and its name there; None for that module itself."""


@contextmanager
def quick_import(*handing: str) -> Iterator[None]:
    """Imports inside are quick; `handing` are packages that, with those below them, may hand out names when these are asked for."""
    collecting = gc.isenabled()
    gc.disable()  # it finds nothing among 370,000 new objects, all of them there to stay
    inherited = BaseModel.model_config
    # The 2,500 classes make their validators when they are used, not when they are declared.
    BaseModel.model_config = ConfigDict(**{**inherited, "defer_build": True})
    finder = _Finder(handing)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        BaseModel.model_config = inherited
        gc.freeze()  # later collections leave them alone
        if collecting:
            gc.enable()


class _Finder:
    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = packages

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not any(name == package or name.startswith(package + ".") for package in self._packages):
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.submodule_search_locations is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Of a package: one that only hands out names of its modules is not carried out."""

    def exec_module(self, module: ModuleType) -> None:
        names = handed_out(self.get_data(self.path))
        if names is None:
            super().exec_module(module)
        else:
            module.__class__ = type("Package", (_Package,), {"_handed_out": names})


class _Package(ModuleType):
    _handed_out: Names

    def __getattr__(self, name: str) -> object:
        if name not in self._handed_out:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        source, original = self._handed_out[name]
        module = importlib.import_module(f"{self.__name__}.{source}")
        value = module if original is None else getattr(module, original)
        setattr(self, name, value)
        return value


def handed_out(source: bytes) -> Names | None:
    """The names of a package whose `__init__.py` does nothing but import them from its own modules; None for any other."""
    names: Names = {}
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if not isinstance(statement, ast.ImportFrom):
            return None
        if statement.module == "__future__":
            continue
        if statement.level != 1 or not statement.module or any(one.name == "*" for one in statement.names):
            return None
        first = statement.module.partition(".")[0]
        names.setdefault(first, (first, None))  # importing from it makes it an attribute, unless a name is called so, too
        names.update({one.asname or one.name: (statement.module, one.name) for one in statement.names})
    return names
