"""Names of the read code, one scope a module, class or function call, and how far it is read; used by the interpreter only."""

from dataclasses import dataclass, field
from typing import Any

MAX_STEPS = 60_000
"""Syntax nodes visited for one execution (about 0.4 s); what is beyond is not read, and the coverage says so."""


class Exhausted(Exception):
    """The budget of one reading is spent."""


@dataclass(slots=True)
class Scope:
    """Names visible in one piece of code."""

    file: str
    names: dict[str, Any] = field(default_factory=dict)
    parent: "Scope | None" = None
    module: "Scope | None" = None
    """The module's scope (itself for a module)."""
    result: Any = None
    """Join of the returned values of a function call."""
    globals: set[str] = field(default_factory=set)

    def get(self, name: str) -> Any:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return None

    def set(self, name: str, value: Any) -> None:
        target = self.module if name in self.globals and self.module is not None else self
        target.names[name] = value
