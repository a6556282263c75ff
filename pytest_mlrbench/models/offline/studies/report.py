"""Writes results/results.md from results.json, or an honest note that the run failed; stdlib only, so that it always works."""

import argparse
import json
from pathlib import Path
from typing import Any

RESULTS = Path("results")


def shown(value: float) -> str:
    """A measured value with three decimals, as every table and sentence prints it."""
    return f"{value:.3f}"


def cell(entry: dict[str, float]) -> str:
    """Mean and SD of one cell.

    >>> cell({"mean": 0.91234, "sd": 0.0123, "n": 5})
    '0.912 ± 0.012'
    """
    return f"{shown(entry['mean'])} ± {shown(entry['sd'])}"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]
    return "\n".join(lines)


def metric_table(document: dict[str, Any], metric: str) -> str:
    """Methods in rows, conditions in columns, mean ± SD of `metric`."""
    rows = [
        [label, *(cell(document["aggregated"][method][condition][metric]) for condition in document["conditions"])]
        for method, label in document["methods"].items()
    ]
    return table(["Method", *document["conditions"].values()], rows)


def comparison_table(document: dict[str, Any]) -> str:
    """Per condition: the best baseline, the paired difference of the proposed variant to it, and the seeds it won."""
    rows = [
        [
            label,
            document["methods"][document["comparison"][condition]["best_baseline"]],
            cell(document["comparison"][condition]["difference"]),
            f"{document['comparison'][condition]['wins']} of {len(document['seeds'])}",
        ]
        for condition, label in document["conditions"].items()
    ]
    return table(
        [document["condition_name"].capitalize(), "Best baseline", "Paired difference", "Seeds in which proposed is better"], rows
    )


def outcome(document: dict[str, Any], condition: str) -> str:
    """`better`, `worse` or `not distinguishable`: the paired difference against twice its standard error over seeds."""
    difference = document["comparison"][condition]["difference"]
    error = difference["sd"] / difference["n"] ** 0.5
    if abs(difference["mean"]) <= 2 * error:
        return "not distinguishable"
    higher_is_better = document["metrics"][document["primary"]]["better"] == "higher"
    return "better" if (difference["mean"] > 0) == higher_is_better else "worse"


def finding(document: dict[str, Any], condition: str) -> str:
    """One sentence about one condition, its words chosen by the numbers."""
    versus = document["comparison"][condition]
    names = document["methods"]
    ours, theirs = (
        document["aggregated"][m][condition][document["primary"]]["mean"] for m in (document["proposed"], versus["best_baseline"])
    )
    verdict = outcome(document, condition)
    tie = "from" if verdict == "not distinguishable" else "than"
    return (
        f"At {document['conditions'][condition]}, {names[document['proposed']]} reaches {shown(ours)} and is {verdict} {tie} "
        "the best "
        f"baseline, {names[versus['best_baseline']]}, which reaches {shown(theirs)} "
        f"(better in {versus['wins']} of {len(document['seeds'])} seeds)."
    )


def joined(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def overall(document: dict[str, Any]) -> str:
    """One sentence that says in which conditions the proposed variant is better, worse or neither."""
    by_outcome: dict[str, list[str]] = {}
    for condition, label in document["conditions"].items():
        by_outcome.setdefault(outcome(document, condition), []).append(label)
    parts = [f"{kind} at {joined(labels)}" for kind, labels in sorted(by_outcome.items())]
    primary = document["metrics"][document["primary"]]["label"].lower()
    return f"Against the best baseline, {document['methods'][document['proposed']]} is {joined(parts)} ({primary})."


def render(document: dict[str, Any]) -> str:
    """The whole report of a completed run."""
    metrics = document["metrics"]
    setup = [
        ["Data set", document["dataset"]],
        ["Split", document["split"]],
        ["Seeds", ", ".join(map(str, document["seeds"]))],
        ["Methods", ", ".join(document["methods"].values())],
        ["Proposed variant", document["methods"][document["proposed"]]],
        ["Command", f"`{document['command']}`"],
    ]
    parts = [f"# Results: {document['title']}", "## Experimental setup", table(["Item", "Value"], setup), "## Main results"]
    for metric, about in metrics.items():
        parts += [f"### {about['label']} ({about['better']} is better; mean ± SD over seeds)", metric_table(document, metric)]
    primary = metrics[document["primary"]]["label"]
    parts += [
        f"### Proposed variant against the best baseline ({primary}, paired over seeds)",
        comparison_table(document),
        "## Figures",
        "\n\n".join(f"![{caption}]({path})" for path, caption in document["figures"].items()),
        "## Discussion",
        "\n".join(f"- {finding(document, condition)}" for condition in document["conditions"]),
        "A difference counts as better or worse only when it is larger than twice its standard error over the seeds.",
        "## Main findings and conclusion",
        overall(document),
        "## Limitations and next steps",
        f"One small data set, {len(document['seeds'])} seeds and small models: the numbers say nothing beyond this setting. "
        "No hyper-parameter was tuned, and the best baseline is named after the fact. "
        "Next: larger data, tuned baselines and more seeds.",
    ]
    return "\n\n".join(parts) + "\n"


def render_failure(status: str, tail: str) -> str:
    """The report of a run that did not complete: no metrics."""
    log = "\n".join("    " + line for line in tail.splitlines()) or "    (results/log.txt is missing or empty)"
    return (
        "# Results: the experiment failed\n\n## What happened\n\n"
        f"`code/run_experiment.py` did not complete ({status}). No metric was measured and none is reported.\n\n"
        f"## Last lines of results/log.txt\n\n{log}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failed", metavar="STATUS", help="write the note of a failed run instead, with how it ended")
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    if arguments.failed is not None:
        log = RESULTS / "log.txt"
        tail = "\n".join(log.read_text(encoding="utf-8").splitlines()[-10:]) if log.is_file() else ""
        text = render_failure(arguments.failed, tail)
    else:
        text = render(json.loads((RESULTS / "results.json").read_text(encoding="utf-8")))
    (RESULTS / "results.md").write_text(text, encoding="utf-8")
    print(f"wrote {RESULTS / 'results.md'}, {len(text)} characters")


if __name__ == "__main__":
    main()
