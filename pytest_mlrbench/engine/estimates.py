"""How long an experiment is expected to take: from what this and earlier runs measured, else its limit; the places ask."""

import json
import statistics
from pathlib import Path

from ..keys import TrialKey, safe_name
from ..settings import Settings

MOST_FILES = 200
"""Earlier results of one task that are read, the newest first."""


class Estimates:
    """Expected seconds of what runs in sandboxes; reads each task's history once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[TrialKey, list[tuple[bool, float]]] = {}

    def seconds(self, key: TrialKey) -> float:
        """Median of the task's same stage by the same model and coder, else by any, else the stage's limit.

        Earlier runs are those beside this one (`mlr-runs/`). Reads files: call it in a thread.
        """
        work = TrialKey(key.task, key.stage)
        if work not in self._known:
            self._known[work] = self._history(work)
        history = self._known[work]
        alike = [seconds for same, seconds in history if same] or [seconds for _, seconds in history]
        return statistics.median(alike) if alike else self._settings.stage_timeout(key.stage)

    def _history(self, work: TrialKey) -> list[tuple[bool, float]]:
        run = self._settings.run_path
        found = [*run.parent.glob(f"*/trials/{safe_name(work.task)}/{work.stage}*/stage.json")]
        newest = sorted(found, key=_changed, reverse=True)[:MOST_FILES]
        same: dict[Path, bool] = {}
        history = []
        for path in newest:
            root = path.parents[3]
            if root not in same:
                same[root] = self._same(root)
            try:
                result = json.loads(path.read_bytes())
                seconds = float(result["finished"]) - float(result["started"])
            except (OSError, ValueError, KeyError, TypeError):
                continue  # being written, or not ours
            if result.get("status") in ("done", "failed") and seconds > 0:
                history.append((same[root], seconds))
        return history

    def _same(self, root: Path) -> bool:
        """Whether the run at `root` is of the same model, agent and coder."""
        try:
            settings = json.loads((root / "run.json").read_bytes())["settings"]
        except (OSError, ValueError, KeyError, TypeError):
            return False
        mine = self._settings
        return isinstance(settings, dict) and all(settings.get(name) == getattr(mine, name) for name in ("model", "agent", "coder"))


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
