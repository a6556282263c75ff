"""How the coder of these studies writes: a report filled from the files that its programs left, or from its own head."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..lab import Outputs, Typing

Reading = Callable[[Any], dict[str, Any]]
"""Makes further values for the template, of the loaded document."""


def filled(template: str, source: str, more: Reading | None = None) -> Typing:
    """A text whose `{r[a][b]:.3f}` are values of a JSON file of the workspace; `more` gives further names."""

    def write(_: Outputs, output: Path) -> str:
        loaded = json.loads((output / source).read_text())
        return template.format(r=loaded, **(more(loaded) if more else {}))

    return write
