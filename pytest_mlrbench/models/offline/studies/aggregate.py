"""From raw values per seed to the results document and its headline claims (harness.py calls it). Stdlib only."""

import statistics
from typing import Any

DIGITS = 6
"""Decimals kept of every measured value, so that aggregates can be recomputed from the stored raw values."""


def key_of(label: str) -> str:
    """The JSON key of a label.

    >>> key_of("Noise 20 %")
    'noise_20'
    """
    return "_".join("".join(c if c.isalnum() else " " for c in label.lower()).split())


def assemble(raw: dict[str, dict[str, dict[str, list[float]]]], about: dict[str, Any]) -> dict[str, Any]:
    """The results document: `about`, raw values per seed, mean and sample SD, and proposed against best baseline."""
    aggregated = {
        method: {condition: {metric: spread(values) for metric, values in cell.items()} for condition, cell in conditions.items()}
        for method, conditions in raw.items()
    }
    primary, proposed = about["primary"], about["proposed"]
    sign = 1 if about["metrics"][primary]["better"] == "higher" else -1
    comparison = {}
    for condition in about["conditions"]:
        baselines = [method for method in raw if method != proposed]
        best = max(baselines, key=lambda method: sign * aggregated[method][condition][primary]["mean"])
        pairs = zip(raw[proposed][condition][primary], raw[best][condition][primary], strict=True)
        differences = [round(ours - theirs, DIGITS) for ours, theirs in pairs]
        comparison[condition] = {
            "best_baseline": best,
            "difference": spread(differences),
            "wins": sum(sign * difference > 0 for difference in differences),
        }
    return {**about, "raw": raw, "aggregated": aggregated, "comparison": comparison}


def spread(values: list[float]) -> dict[str, float]:
    """Mean, sample standard deviation and count."""
    return {"mean": round(statistics.fmean(values), DIGITS), "sd": round(statistics.stdev(values), DIGITS), "n": len(values)}


def claims(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The headline numbers: in each condition the proposed variant, the best baseline and their paired difference."""
    primary, proposed = document["primary"], document["proposed"]
    label = document["metrics"][primary]["label"]
    found = []
    for condition, shown in document["conditions"].items():
        best = document["comparison"][condition]["best_baseline"]
        names = document["methods"]
        for name, key in (
            (f"{label} of {names[proposed]}, {shown}", f"aggregated.{proposed}.{condition}.{primary}.mean"),
            (f"{label} of {names[best]} (best baseline), {shown}", f"aggregated.{best}.{condition}.{primary}.mean"),
            (f"{label}: {names[proposed]} minus {names[best]}, {shown}", f"comparison.{condition}.difference.mean"),
        ):
            value: Any = document
            for part in key.split("."):
                value = value[part]
            found.append({
                "name": name, "value": value, "file": "results/results.json", "key": key, "command": document["command"],
                "dataset": document["dataset"], "split": document["split"],
                "n": document["evaluated"][condition], "seed": document["seeds"],
            })  # fmt: skip
    return found
