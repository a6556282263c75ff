"""Idea, related work and proposal of the offline models, in Markdown; OfflineModels calls one function a stage."""

from collections.abc import Mapping
from typing import Any

from . import library
from .library import Study
from .studies.report import joined

IDEA_WORDS = 200
"""Most words of an idea (paper, Table 19)."""
NO_REFERENCES = "None: nothing is cited, because no literature search was made."
"""The reference section of every offline paper."""


def scope(study: Study, task: Mapping[str, Any], count: int = 3) -> str:
    """The task's topics nearest to the study, or its title where it names none."""
    return joined(library.topics_for(study, list(task["topics"]), count)) or str(task["title"])


def idea(context: Mapping[str, Any]) -> str:
    """At most IDEA_WORDS words in the sections title, motivation and main idea; long topics are dropped one by one to fit."""
    study, task = library.choose(context), context["task"]
    design = library.design(study.name)
    for count in (3, 2, 1):
        text = (
            f"# {design['title']}\n\n"
            f"## Motivation\n\n{study.motivation} This touches {scope(study, task, count)}, and can be looked at on a scale "
            "that anyone "
            "can repeat in seconds.\n\n"
            f"## Main Idea\n\nWe ask: {study.question} The proposed variant, {design['methods'][-1]}, {study.proposal}. "
            f"It is compared with {joined(list(design['methods'][:-1]))} on the "
            f"{design['dataset']} data at {joined(list(design['conditions']))}, over several seeds. "
            f"We expect that {study.expectation}; a negative outcome is reported as such. "
            "The use is a small, fully reproducible reference point, not a state-of-the-art claim.\n"
        )
        if len(text.split()) <= IDEA_WORDS:
            break
    return text


def related_work(context: Mapping[str, Any]) -> str:
    """A literature section that cites nothing, because nothing was searched."""
    study, task = library.choose(context), context["task"]
    design = library.design(study.name)
    return (
        "# Related work\n\n"
        "No literature search was made for this work: the offline model reads no index and knows no paper. This section therefore "
        "cites nothing, and no statement of priority or novelty is made anywhere in the chain.\n\n"
        "## Place of the study\n\n"
        f"The task asks for work on {task['title']}. The study is about {study.theme} and stays near {scope(study, task)}. "
        f"The compared methods ({joined(list(design['methods'][:-1]))}) are textbook methods as implemented in scikit-learn.\n\n"
        "## What a search would have to answer\n\n"
        f"- Has the proposed variant, which {study.proposal}, been tried before, and under which name?\n"
        f"- Which published results on the {design['dataset']} data or on larger data of the same kind can it be compared with?\n"
        f"- Which stronger baselines for {study.theme} exist that this comparison leaves out?\n"
    )


def proposal(context: Mapping[str, Any]) -> str:
    """The research proposal: title, introduction, objectives, methodology with the experimental design, expected outcomes."""
    study, task = library.choose(context), context["task"]
    design = library.design(study.name)
    metrics = "\n".join(f"- {label} ({better} is better)" for label, better in design["metrics"].values())
    primary, better = next(iter(design["metrics"].values()))
    proposed, baselines = design["methods"][-1], list(design["methods"][:-1])
    topics = list(task["topics"]) or [task["title"]]
    return (
        f"# {design['title']}\n\n"
        "## Introduction\n\n"
        f"**Background.** {study.motivation} The task, {task['title']} ({task['venue']} {task['year']}), spans {joined(topics)}. "
        f"Within it this proposal takes up one narrow question near {scope(study, task)}: {study.question}\n\n"
        "**Honest frame.** This proposal is a template baseline. A program without a language model chose the study by the task's "
        f"category ({task['category']}) and a seed, so the link to the task is its theme, {study.theme}, and not a reading of the "
        "field. What it offers is an experiment that really runs, on real data, with every number traceable to a program.\n\n"
        "**Significance.** Large studies in this area are costly to repeat. A comparison that runs in seconds, states its design "
        "before it runs and reports losses as readily as gains is a floor against which other work can be measured.\n\n"
        "## Research Objectives\n\n"
        f"1. Measure how {joined(baselines)} behave at {joined(list(design['conditions']))} ({design['condition_name']}).\n"
        f"2. Test whether the proposed variant, {proposed}, which {study.proposal}, improves on the best of them.\n"
        "3. State in which conditions it does not, and with what uncertainty over seeds.\n\n"
        f"**Hypothesis.** We expect that {study.expectation}. The null hypothesis is that the paired difference between "
        f"{proposed} and "
        "the best baseline is zero in every condition.\n\n"
        "## Methodology\n\n"
        f"### Data\n\nThe {design['dataset']} data that scikit-learn ships are used, so that nothing needs to be downloaded. "
        f"Protocol: {design['split']}. All fitting, scaling and calibration use training cases only.\n\n"
        f"### Methods\n\n{study.method}\n\n"
        "### Algorithm\n\n"
        "1. For each seed, split the data and set up the condition.\n"
        f"2. Fit every baseline and {proposed} on the same training cases.\n"
        "3. Evaluate all of them on the same cases and store each raw value with its seed.\n"
        "4. Aggregate to mean and sample standard deviation, and take paired differences over seeds.\n\n"
        f"### Experimental design\n\nThe factor is {design['condition_name']}, at {joined(list(design['conditions']))}. "
        "Every "
        "method meets every condition with the same seeds, at least three of them, so that differences are paired. No "
        "hyper-parameter "
        "is tuned on test cases.\n\n"
        f"### Evaluation metrics\n\n{metrics}\n\n{study.metrics}\n\n"
        f"For seeds $k = 1, \\dots, n$ let $d_k$ be the value of {proposed} minus that of the best baseline on the primary metric "
        f"({primary}; {better} is better). A difference is called real only if\n\n"
        "$$\\left|\\bar{d}\\right| > 2 \\, \\frac{s_d}{\\sqrt{n}},$$\n\n"
        "with $\\bar{d}$ the mean and $s_d$ the sample standard deviation of $d_k$. With few seeds this is a rule of thumb, not "
        "a test.\n\n"
        "### Feasibility\n\nThe study needs one processor core, less than one gigabyte of memory and a few seconds. It "
        "writes a log, raw "
        "values as JSON and CSV, a list of headline claims and two figures; the report is computed from the JSON by a second "
        "program.\n\n"
        "## Expected Outcomes & Impact\n\n"
        f"We expect that {study.expectation}. If the numbers say otherwise, the paper says so. The outcome is a table of all "
        "methods "
        f"over all conditions, a paired comparison, and a statement of where {proposed} is worth its extra step.\n\n"
        f"**Impact.** For {scope(study, task)} the result is a small controlled observation that can be repeated by anyone and "
        "extended "
        "to larger models. For the benchmark it is a floor: work that reads the task should do better.\n\n"
        f"**Risks and limits.** {study.limits} The data set is small, the models are simple, and nothing here supports a claim "
        "about "
        "large models.\n"
    )
