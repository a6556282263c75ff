"""A small run store with generated records for tests of whatever reads runs: tables, export, reports, the command line."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pytest_mlrbench.audits import Finding, Quote
from pytest_mlrbench.keys import TrialKey
from pytest_mlrbench.records import Opinion, Review, Spent, StageResult, TrialRecord, Usage
from pytest_mlrbench.results.store import RunStore, file_digests
from pytest_mlrbench.settings import Settings

START = 1_780_000_000.0
"""Unix time at which generated trials begin."""

MAIN_FILE = {"idea": "idea.md", "proposal": "proposal.md", "experiment": "results/results.md", "paper": "paper.md"}


def make_run(
    root: Path, *, model: str = "openai/m", judges: Sequence[str] = ("openai/j1", "openai/j2"), **settings: Any
) -> RunStore:
    """An empty run of `model` with its run.json."""
    store = RunStore(root)
    described = Settings(model=model, judges=tuple(judges), run=str(root), **settings)
    store.write_run(
        {
            "settings": described.model_dump(mode="json"),
            "versions": {"pytest-mlrbench": "0.1.0", "python": "3.11.2"},
            "started": "2026-05-28T20:26:40+00:00",
            "resumed": [],
            "finished": "2026-05-28T21:00:00+00:00",
            "digests": {"tasks_source": "briefs of pytest-mlrbench", "tasks": "a" * 64, "prompts": "b" * 64},
        }
    )
    return store


def spent(calls: int = 1, cost: float = 0.05, unpriced: int = 0) -> Spent:
    """Usage of `calls` calls of 1000 + 200 tokens, at `cost` USD in all."""
    return Spent(
        usage=Usage(calls=calls, prompt_tokens=1000 * calls, completion_tokens=200 * calls), cost=cost, unpriced_calls=unpriced
    )


def review(judge: str, stage: str, scores: Mapping[str, int | None], **fields: Any) -> Review:
    """One judge's answer that gives `scores`."""
    return Review(
        judge=judge,
        stage=stage,
        protocol="p" * 64,
        scores=dict(scores),
        **{
            "justifications": {name: f"why {judge} gave {name} {score}" for name, score in scores.items()},
            "strengths": ["a strength"],
            "weaknesses": ["a weakness"],
            "spent": spent(),
            **fields,
        },
    )


def finding(severity: str = "fail", **fields: Any) -> Finding:
    """A finding with one quoted place."""
    return TypeAdapter(Finding).validate_python(
        {
            "type": "faked_results",
            "scope": "results",
            "check": "numbers",
            "severity": severity,
            "message": "accuracy 0.973 was printed by no program of this run",
            "evidence": [
                Quote(file="results/results.md", line=7, quote="| ours | 0.973 |"),
                Quote(file="results/log.txt", quote="0.871"),
            ],
            **fields,
        }
    )


def add(
    store: RunStore,
    key: TrialKey | str,
    reviews: Sequence[Review] = (),
    *,
    output: Mapping[str, str | bytes] | None = None,
    **fields: Any,
) -> TrialRecord:
    """Write a trial: its output files, its stage result and its record; `fields` override those of the record."""
    key = TrialKey.parse(key) if isinstance(key, str) else key
    settings = store.run()["settings"]
    folder = store.output(key)
    if output is None and key.stage in MAIN_FILE and fields.get("status", "done") == "done":
        output = {MAIN_FILE[key.stage]: f"# {key.stage} about {key.task}\n\nText of the output.\n"}
    for name, content in (output or {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    scores: dict[str, float | None] = {}
    for dimension in {name for one in reviews for name in one.scores}:
        numbers = [one.scores.get(dimension) for one in reviews]
        scores[dimension] = None if None in numbers else sum(number for number in numbers if number is not None) / len(numbers)
    record = TrialRecord.model_validate(
        {
            "task": key.task,
            "stage": key.stage,
            "epoch": key.epoch,
            "model": settings["model"],
            "agent": settings["agent"],
            "coder": settings["coder"] if key.stage in ("experiment", "paper", "end2end") else None,
            "status": "done",
            "started": START,
            "finished": START + 90.0,
            "agent_spent": spent(calls=3, cost=0.3),
            "judge_spent": sum((one.spent for one in reviews), Spent()),
            "scores": scores,
            "mechanical": any(one.mechanical for one in reviews),
            "reviews": list(reviews),
            "files": file_digests(folder) if folder.is_dir() else {},
            **fields,
        }
    )
    store.write_record(record)
    store.write_stage_result(
        key,
        StageResult(
            status=record.status,
            reason=record.reason,
            started=START,
            finished=START + 60,
            spent=record.agent_spent,
            files=record.files,
        ),
    )
    return record


def opinion(said: bool) -> Opinion:
    """A judge's own hallucination boolean."""
    return Opinion(has_hallucination=said, details="the numbers look invented" if said else "nothing of the kind")


def png(width: int = 64, height: int = 48, colour: tuple[int, int, int] = (90, 140, 200)) -> bytes:
    """A real PNG of one colour."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + bytes(colour) * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
