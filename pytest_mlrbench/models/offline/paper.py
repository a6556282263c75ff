"""The offline models' paper: every number in it is read from the result files, every comparative word follows from the numbers."""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from . import library
from .library import Study
from .studies import report
from .studies.report import joined
from .texts import NO_REFERENCES, scope


def paper(context: Mapping[str, Any]) -> str:
    """Nine sections. Results in another form than ours, or a failed run, are quoted and nothing is concluded from them."""
    document = results_document(context)
    if document is None:
        return _quoting(context)
    return _measured(library.studies()[document["study"]], document, context)


def results_document(context: Mapping[str, Any]) -> dict[str, Any] | None:
    """results.json of one of our studies, or None when there is none (a failed run, another agent's experiment)."""
    text = _file(context, "results.json")
    try:
        document = json.loads(text)
    except ValueError:
        return None
    needed = {
        "study",
        "title",
        "seeds",
        "methods",
        "conditions",
        "metrics",
        "primary",
        "proposed",
        "aggregated",
        "comparison",
        "figures",
    }
    if not isinstance(document, dict) or not needed <= set(document) or document["study"] not in library.studies():
        return None
    return document


def _file(context: Mapping[str, Any], name: str) -> str:
    """A result file by its path below results/, with or without that prefix; empty when it is not there."""
    results = context.get("results") or {}
    return str(results.get(name, results.get(f"results/{name}", "")))


def _measured(study: Study, document: dict[str, Any], context: Mapping[str, Any]) -> str:
    task, names = context["task"], document["methods"]
    metrics, conditions, count = document["metrics"], document["conditions"], len(document["seeds"])
    proposed = names[document["proposed"]]
    baselines = joined([label for method, label in names.items() if method != document["proposed"]])
    primary = metrics[document["primary"]]
    summary = report.overall(document)
    tables = "\n\n".join(
        f"**Table {i}. {about['label']}** ({about['better']} is better; mean ± sample SD over {count} seeds).\n\n"
        + report.metric_table(document, metric)
        for i, (metric, about) in enumerate(metrics.items(), start=1)
    )
    setup = report.table(
        ["Item", "Value"],
        [
            ["Data set", document["dataset"]],
            ["Split", document["split"]],
            ["Seeds", ", ".join(map(str, document["seeds"]))],
            ["Baselines", baselines],
            ["Proposed variant", proposed],
            ["Conditions", joined(list(conditions.values()))],
            ["Command", f"`{document['command']}`"],
        ],
    )
    return (
        f"# {document['title']}: a Controlled Study on the {document['dataset'].title()} Data\n\n"
        f"## Abstract\n\n{study.motivation} We ask: {study.question} We compare {proposed} with {baselines} on the "
        f"{document['dataset']} data at {joined(list(conditions.values()))}, over {count} seeds. {summary} "
        "All numbers come from one program run whose raw output is part of this work.\n\n"
        f"## Introduction\n\n{study.motivation} The theme, {study.theme}, belongs to the task {task['title']}, where it is "
        "close to "
        f"{scope(study, task)}.\n\nWe study one narrow question: {study.question} The proposed variant {study.proposal}. Before "
        "the run we "
        f"expected that {study.expectation}. The contribution is a small comparison that anyone can repeat in seconds, with paired "
        f"differences over seeds. What was found: {summary[0].lower() + summary[1:]}\n\n"
        "## Related Work\n\nNo literature search was made for this paper, so nothing is cited and no novelty is claimed. "
        "The baselines "
        f"({baselines}) are textbook methods as implemented in scikit-learn.\n\n"
        f"## Methodology\n\n{study.method}\n\n"
        f"## Experiment Setup\n\n{setup}\n\n{study.metrics} Each method meets each condition with the same seeds, so "
        "differences are "
        "paired. No hyper-parameter was tuned.\n\n"
        f"## Experiment Results\n\n{tables}\n\n"
        f"**Table {len(metrics) + 1}. {proposed} minus the best baseline** ({primary['label']}, paired over seeds, mean ± "
        "sample SD).\n\n"
        f"{report.comparison_table(document)}\n\n{figures(context, document)}"
        f"## Analysis\n\n{summary} A difference counts only when it is larger than twice its standard error over the seeds.\n\n"
        + "\n".join(f"- {report.finding(document, condition)}" for condition in conditions)
        + f"\n\n{ranking(document)}\n\n**Limitations.** {study.limits} The data set is small, {count} seeds give a rough "
        "estimate of the spread, and the best baseline is named after the fact, which favours the baselines.\n\n"
        f"## Conclusion\n\nFor the question whether {proposed} improves on {baselines}: {summary[0].lower() + summary[1:]} "
        "Future work should repeat the comparison on larger data, with tuned baselines and more seeds.\n\n"
        f"## References\n\n{NO_REFERENCES}\n"
    )


def ranking(document: dict[str, Any]) -> str:
    """Who has the best mean on each metric in each condition; a shared best names all who share it."""
    lines = []
    for metric, about in document["metrics"].items():
        pick = max if about["better"] == "higher" else min
        for condition, shown in document["conditions"].items():
            means = {
                method: report.shown(document["aggregated"][method][condition][metric]["mean"]) for method in document["methods"]
            }
            best = pick(means.values(), key=float)
            winners = [document["methods"][method] for method, mean in means.items() if mean == best]
            verb = "has" if len(winners) == 1 else "share"
            lines.append(f"{about['label']} at {shown}: {joined(winners)} {verb} the best mean, {best}.")
    return " ".join(lines)


def figures(context: Mapping[str, Any], document: dict[str, Any]) -> str:
    """The figures that exist, by the paths that the stage was given; captions from the program where it wrote one."""
    captions = {PurePosixPath(path).name: caption for path, caption in document.get("figures", {}).items()}
    return "".join(
        f"![{captions.get(PurePosixPath(path).name, PurePosixPath(path).stem.replace('_', ' '))}]({path})\n\n"
        for path in context.get("figures") or ()
    )


def _quoting(context: Mapping[str, Any]) -> str:
    """A paper over results that this program cannot read: the report is quoted, nothing is computed or concluded."""
    study, task = library.choose(context), context["task"]
    found = _file(context, "results.md").strip()
    quoted = "\n".join(f"#{line}" if line.startswith("#") else line for line in _deepened(found)) or "There is no results.md."
    return (
        f"# A Report of Experimental Results for {task['title']}\n\n"
        "## Abstract\n\nThis paper passes on the results of an experiment without interpreting them. It was written by a program "
        "without a language model, which can read the numbers of its own studies only; those it was given have another form.\n\n"
        f"## Introduction\n\nThe task is {task['title']}, which spans {scope(study, task)}. An experiment was made for it by "
        "an agent; its "
        "report is reproduced below. A reader should judge the experiment by its code and raw results.\n\n"
        "## Related Work\n\nNo literature search was made for this paper, so nothing is cited and no novelty is claimed.\n\n"
        "## Methodology\n\nThe method is the one described in the proposal and in the experiment's code; it is not restated, "
        "since this "
        "program does not understand it.\n\n"
        "## Experiment Setup\n\nThe set-up is stated in the reproduced report as far as the experiment recorded it.\n\n"
        f"## Experiment Results\n\n{quoted}\n\n{figures(context, {})}"
        "## Analysis\n\nNo analysis is offered: comparative statements need numbers of known meaning.\n\n"
        "## Conclusion\n\nThe results are reported as found. Whether they answer the task's question is left to the reader.\n\n"
        f"## References\n\n{NO_REFERENCES}\n"
    )


def _deepened(text: str) -> list[str]:
    """Lines with headings two levels deeper, to stand below a section of ours, without images (those follow by path)."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("![")]
    return ["#" + line if line.startswith("#") else line for line in lines]
