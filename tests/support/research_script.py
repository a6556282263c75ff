"""The script that most tests use: recognises who asks by the opening words of the prompt and answers as a small honest agent."""

import re
from collections.abc import Callable

from tests.support.coder_script import experiment
from tests.support.judge_script import review
from tests.support.scripted_server import Json, Reply, parts, prompt_text


def answer(body: Json) -> Reply:
    """The answer to a chat completion request."""
    if any(tool["function"]["name"] == "bash" for tool in body.get("tools", ())):
        return experiment(body)
    opening = " ".join(prompt_text(body).split())[:400]
    for words, make in OPENINGS:
        if words in opening:
            return make(body)
    if "response_format" in body:
        return review(body)
    return Reply(f"A scripted answer to: {opening[:80]}", stage="other")


def idea(body: Json) -> Reply:
    title = _title(body)
    text = f"""# A linear reference point for {title}

## Motivation
Work on {title} reports gains of large models without saying how far a well-tuned linear model would come on the same data. Without
that reference point nobody can tell how much of a gain is owed to capacity.

## Main Idea
We fit ridge regression with a penalty fixed in advance and compare it with the mean as a predictor, on public data, with
five random splits. If ridge regression does not lower the test error in every split, the idea is refuted. Success gives
later work on {title} a cheap, exact reference that any laptop can compute.
"""
    return Reply(text, stage="idea")


def literature(body: Json) -> Reply:
    retrieved = _section(body, "retrieved")
    entries = [
        re.sub(r"^\s*(?:[-*]|\d+\.)\s*", "", line) for line in retrieved.splitlines() if re.match(r"\s*(?:[-*]|\d+\.)\s", line)
    ]
    listed = "\n".join(f"{number}. {entry}" for number, entry in enumerate(entries[:10], 1)) or "The search returned nothing."
    text = f"""## Related Papers

### What the search returned
{listed}

## Key Challenges
1. Reference points: none of the entries reports a linear model on the same data.
"""
    return Reply(text, stage="literature")


def proposal(body: Json) -> Reply:
    title = _title(body)
    text = f"""# A linear reference point for {title}

## Introduction
Results in this area are rarely set against a linear model. Hypothesis 1: ridge regression has a lower test error than the mean as a
predictor. Hypothesis 2: the difference is larger than its spread over random splits.

## Methodology
Data: the diabetes data set that scikit-learn ships, split at random, five times. Method: with features $x_i$ and targets $y_i$
we solve
$$\\min_w \\sum_i (y_i - w^\\top x_i)^2 + \\alpha \\lVert w \\rVert^2$$
for a fixed $\\alpha$. Baseline: the mean of the training targets. Metric: root mean squared error on the held-out part, mean and
standard deviation over seeds. Compute: seconds on one core. Risk: the data set is small, so splits differ; we report each seed.

## Expected Outcomes & Impact
If hypothesis 1 fails, the features carry no linear signal, which is worth knowing before larger models are tried. Either way later
work on {title} has a number to compare with.
"""
    return Reply(text, stage="proposal")


def paper(body: Json) -> Reply:
    """Every number comes from the prompt's results, and every figure from its list."""
    title, results = _title(body), _section(body, "results")
    tables = [line for line in results.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in tables[2:]]
    measured = [(row[0], row[1]) for row in rows if len(row) > 1 and re.fullmatch(r"-?\d+(\.\d+)?", row[1])]
    if measured:
        ranked = sorted(measured, key=lambda pair: float(pair[1]))
        finding = f"{ranked[0][0]} has the lowest error, {ranked[0][1]}, and {ranked[-1][0]} the highest, {ranked[-1][1]}"
    else:
        finding = "the experiment brought no measurement"
    listed = re.findall(r"^- `([^`\n]+)`$", prompt_text(body).partition("Figures that the experiment made:")[2], re.M)
    figures = "\n\n".join(f"![{path.rsplit('/', 1)[-1]}, as the experiment drew it]({path})" for path in listed)
    seen = sum(part.get("type") == "image_url" for part in parts(body))
    shown = f"{seen} image{'s' if seen != 1 else ''} looked at while writing." if seen else ""
    searched = "no literature was searched" not in prompt_text(body).lower()
    works = re.findall(r"^\d+\. (.+)$", _section(body, "literature"), re.M)[:2] if searched else []
    references = "\n".join(f"- {work}" for work in works) or "No literature was searched, hence none is cited."
    text = f"""# A linear reference point for {title}

## Abstract
We ask how far a linear model comes. On the held-out data, {finding}.

## Introduction
A reference point is needed before larger models are judged. We measure one: {finding}.

## Related Work
{"The works below are the closest that the search returned." if works else "No literature search was made for this work."}

## Methodology
Ridge regression minimises $\\sum_i (y_i - w^\\top x_i)^2 + \\alpha \\lVert w \\rVert^2$ with a fixed $\\alpha$.

## Experiment Setup
The data set, split at random for each seed; the baseline predicts the mean of the training targets.

## Experiment Results
{chr(10).join(tables)}

{figures}

## Analysis
In the table above, {finding}. One small data set was used. {shown}

## Conclusion
{finding[0].upper()}{finding[1:]}. Other data sets should come next.

## References
{references}
"""
    return Reply(text, stage="paper")


OPENINGS: tuple[tuple[str, Callable[[Json], Reply]], ...] = (
    ("machine learning reviewer", review),
    ("look for what was made up", review),
    ("looking for your next project", idea),
    ("writing the literature section", literature),
    ("turning an idea into a plan", proposal),
    ("writing up a finished experiment", paper),
)
"""Words that stand in the first 400 characters of a prompt of prompts/ -> who answers."""


def _title(body: Json) -> str:
    found = re.search(r"^# (.+)$", _section(body, "task"), re.M)
    return found.group(1).strip() if found else "this task"


def _section(body: Json, name: str) -> str:
    found = re.search(rf"<{name}>(.*?)</{name}>", prompt_text(body), re.S)
    return found.group(1) if found else ""
