"""Regular expressions that are compiled at their first use: the checks have 330, of which a folder needs two thirds."""

import re
from typing import Any, AnyStr, Generic, cast

METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split")


class _Pattern(Generic[AnyStr]):
    def __init__(self, pattern: AnyStr, flags: int) -> None:
        self.pattern: AnyStr = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        # Once: from then on the methods are found in the instance, as fast as those of re.Pattern.
        compiled = re.compile(self.pattern, self._flags)
        self.__dict__.update({method: getattr(compiled, method) for method in METHODS})
        return getattr(compiled, name)


def lazy(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """`re.compile(text, flags)`, done at the first use of a method; it is no argument of `re.search` and the like."""
    return cast("re.Pattern[AnyStr]", _Pattern(text, flags))
