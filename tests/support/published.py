"""A small folder in the layout of the published repository, with made-up content."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_mlrbench.stages.rubric import REVIEW_KEYS, STAGE_KEYS

GEMINI = "gemini-2.5-pro-preview"
CLAUDE = "claude-3-7-sonnet-20250219"
O4 = "o4-mini-2025-04-16"
TASKS = ("iclr2025_dl4c", "iclr2025_wsl")


def answer(stage: str, score: int) -> dict[str, Any]:
    """A whole review of `stage` that gives `score` everywhere."""
    values: dict[str, Any] = {
        "score": {"score": score, "justification": "because"},
        "overall": {"score": score, "strengths": ["short"], "weaknesses": ["long"]},
        "opinion": {"has_hallucination": True, "details": "an invented table"},
        "confidence": min(score, 5),
    }
    return {key: values[kind] for key, (_, kind) in REVIEW_KEYS.items() if key in STAGE_KEYS[stage]}


def put(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def make_published(root: Path, *, tasks: tuple[str, ...] = TASKS, given: Mapping[str, int] | None = None) -> Path:
    """Two tasks, two judges: ideas and proposals, papers, experiments and end-to-end work of two models, with outputs and costs.

    The Gemini judge gives 4, the Claude judge 8, unless `given` (by judge) says otherwise.
    """
    for judge, score in {GEMINI: 4, CLAUDE: 8, **(given or {})}.items():
        for task in tasks:
            steps = root / "agent_reviews" / f"idea_proposal_reviews_{judge}" / task
            put(steps / "idea" / f"idea_{CLAUDE}.json", answer("idea", score))
            put(steps / "proposal" / f"proposal_{CLAUDE}.json", answer("proposal", score))
            subset = root / "agent_reviews" / f"subset_reviews_{judge}" / task
            put(subset / "paper" / f"{CLAUDE}.json", answer("paper", score))
            put(subset / "paper" / f"{O4}.json", answer("paper", score))
            put(subset / "experiments" / "claude.json", answer("experiment", score))
            put(subset / "review_o4-mini.json", answer("end2end", score))
            put(subset / "review_o4-mini_no_code.json", answer("end2end", score + 1))
    for task in tasks:
        make_work(root / "agent_results" / "end2end_o4-mini" / task)
        steps = root / "agent_results" / "experiments_and_writeups" / "claude" / task
        make_work(steps, papers=(CLAUDE, O4), usage=False)
    types = ("Faked_Experimental_Result", "Hallucinated_Methodology", "Incorrect_Citation", "Mathematical_Error")
    labels = [",".join(["LLM", "Workshop_name", *(f"is_{kind}" for kind in types)])]
    labels += [f"MLR Agent,{task},Yes,No,{'Yes' if task == tasks[0] else 'Not Sure'},Not Sure" for task in tasks]
    put(root / "human_eval" / "Hallucination Check.csv", "\n".join(labels) + "\n")
    put(
        root / "human_eval" / "human_review.csv",
        "reviewer_id,model_name,workshop_name,Novelty,Overall\n1,claude,iclr2025_wsl,6,5\n",
    )
    return root


def make_work(folder: Path, *, papers: tuple[str, ...] = (), usage: bool = True) -> None:
    """What an agent left for one task: a chain with its usage and one paper, or given inputs with a paper of each of `papers`."""
    for name in ("task.md", "idea.md", "related_work.md", "proposal.md", "results/results.md", "results/log.txt"):
        put(folder / name, f"# {name}\n")
    put(folder / "claude_code" / "main.py", "print(0.5)\n")
    put(folder / "results" / "plot.png", "no real picture")
    for name in [f"paper_{model}.md" for model in papers] or ["paper.md"]:
        put(folder / "results" / name, f"# paper {name}\n")
    call = {"message": {"usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 7}}}
    put(folder / "claude_output.json", [call, {"role": "system", "cost_usd": 1.5, "duration_ms": 90_000}])
    if usage:
        for stage in ("idea", "proposal", "paper"):
            put(folder / f"{stage}_token_usage.json", {"prompt_tokens": 100_000, "completion_tokens": 10_000})
        put(folder / "lit_token_usage.json", {"input_tokens": 100_000, "output_tokens": 10_000})
        for judge in (GEMINI, CLAUDE):
            listed = [{"type": kind, "description": "made up", "evidence": "x"} for kind in ("Faked Experimental Results", "Odd")]
            put(folder / f"review_hallucination_{judge}.json", {"has_hallucination": True, "hallucinations": listed})
