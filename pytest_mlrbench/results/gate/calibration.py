"""A/A comparisons: two runs of the same agent show what the gate's numbers do when nothing changed; kept beside the baseline."""

from datetime import UTC, datetime
from pathlib import Path

from ...errors import ConfigError
from ...records import Frozen
from ...settings import Settings
from ..comparison.compare import Comparison
from ..comparison.pairs import differing
from ..store import RunStore, write_atomic

CALIBRATION = "calibration.json"
"""In the baseline's run directory."""
NOT_CALIBRATED = (
    "the threshold is not calibrated: no A/A comparison of the baseline's agent is stored "
    "(run the same agent again, then: mlrbench compare BASE AGAIN --aa --store)"
)


class StageNoise(Frozen):
    """How Overall of one stage differs between two runs of one agent."""

    tasks: int
    mean: float
    """Of the differences over tasks."""
    sd: float
    """Of the differences over tasks."""


class Calibration(Frozen):
    """One stored A/A comparison."""

    again: str
    """The second run's directory."""
    made: str
    """UTC time."""
    max_drop: float
    verdict: str
    """What the gate said of the agent against itself."""
    stages: dict[str, StageNoise]
    audited: int
    """Items audited in both runs."""
    newly: int
    """Of them, hallucinated in the second run alone."""
    gone: int
    """Of them, hallucinated in the first run alone."""


def check_same_agent(base: RunStore, again: RunStore) -> None:
    """Raise ConfigError where two runs are not of the same agent under the same settings: that would be no A/A comparison."""
    ours, theirs = (Settings.model_validate(store.run()["settings"]) for store in (base, again))
    names = ("model", "agent", "agent_command", "coder", "search", "judges", "mode", "model_settings")
    other = [name for name in names if getattr(ours, name) != getattr(theirs, name)]
    told = [text for text in differing(base, again) if "wording" in text]
    if other or told:
        what = "; ".join([*(f"{name}: {getattr(ours, name)} against {getattr(theirs, name)}" for name in other), *told])
        raise ConfigError(f"{base.root} and {again.root} are no A/A comparison, they differ ({what})")


def calibration_of(comparison: Comparison, max_drop: float, verdict: str) -> Calibration:
    """What a comparison of an agent with itself teaches."""
    stages = {
        stage: StageNoise(tasks=found["Overall"].paired.n, mean=found["Overall"].paired.mean, sd=found["Overall"].paired.sd)
        for stage, found in comparison.dimensions.items()
        if "Overall" in found
    }
    made_up = comparison.hallucination
    return Calibration(
        again=str(comparison.new.root.resolve()),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        max_drop=max_drop,
        verdict=verdict,
        stages=stages,
        audited=made_up.n_pairs,
        newly=len(made_up.newly),
        gone=len(made_up.gone),
    )


def store_calibration(base: RunStore, found: Calibration) -> Path:
    """Keep it in the baseline's directory, in place of an earlier one. Raises ConfigError when that cannot be written."""
    path = base.root / CALIBRATION
    try:
        write_atomic(path, found.model_dump_json(indent=1).encode())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    return path


def read_calibration(base: RunStore) -> Calibration | None:
    """The stored A/A comparison. Raises ConfigError when it is damaged."""
    path = base.root / CALIBRATION
    try:
        return Calibration.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read; move it away, or store the A/A comparison again: {error}") from error


def calibration_line(base: RunStore, max_drop: float) -> str:
    """What the summary says of the threshold."""
    found = read_calibration(base)
    if found is None:
        return NOT_CALIBRATED
    noise = ", ".join(f"{stage} {one.mean:+.2f} (SD {one.sd:.2f} over {one.tasks} tasks)" for stage, one in found.stages.items())
    told = f"A/A comparison of {found.made[:10]} against {found.again}: {found.verdict}; Overall {noise or 'not compared'}"
    told += f"; {found.newly} items newly hallucinated and {found.gone} no longer, of {found.audited}"
    if found.verdict == "broken":
        told += "; it broke the gate with nothing changed, so a broken gate proves little here: use a baseline with more epochs"
    if found.max_drop != max_drop:
        told += f"; it was made for a largest drop of {found.max_drop:g}"
    return told
