"""What the event loop does itself, and what it hands to a thread or a process."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from pytest_mlrbench.engine import resources
from pytest_mlrbench.engine.grading import _holds_long_text
from pytest_mlrbench.offload import SHORT, in_thread_if_long, read_if_there
from pytest_mlrbench.resources import resource
from pytest_mlrbench.results.store import RunStore
from pytest_mlrbench.settings import Settings
from pytest_mlrbench.stages import prompts


def where() -> int:
    return threading.get_ident()


def process_id(seconds: float) -> dict[str, int]:
    import time

    time.sleep(seconds)
    return {"pid": os.getpid()}


def test_short_work_stays_in_the_loop_and_long_work_leaves_it() -> None:
    async def found() -> tuple[int, int]:
        return await in_thread_if_long(SHORT, where), await in_thread_if_long(SHORT + 1, where)

    short, long = asyncio.run(found())
    assert short == threading.get_ident()
    assert long != threading.get_ident()


def test_what_is_not_there_is_not_read(tmp_path: Path) -> None:
    def read(path: Path) -> str:
        read_in.append(where())
        return path.read_text()

    read_in: list[int] = []
    file = tmp_path / "record.json"
    assert asyncio.run(read_if_there(file, read, file)) is None
    assert read_in == []
    file.write_text("{}")
    assert asyncio.run(read_if_there(file, read, file)) == "{}"
    assert len(read_in) == 1
    assert read_in[0] != threading.get_ident()


def test_short_audits_share_one_process_and_long_ones_do_not_wait_for_each_other(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.write_run({"started": "2026-11-26T00:00:00+00:00"})

    async def pids() -> tuple[set[int], set[int]]:
        shared = resources.Resources(Settings(model="offline", run=str(tmp_path)), store, lambda text: None)
        try:
            short = await asyncio.gather(*(shared.audit(process_id, 0.05, long=False) for _ in range(8)))
            long = await asyncio.gather(*(shared.audit(process_id, 2.0, long=True) for _ in range(2)))
        finally:
            await shared.close()
        return {one["pid"] for one in short}, {one["pid"] for one in long}

    short, long = asyncio.run(pids())
    assert len(short) == 1
    assert len(long) == min(2, os.cpu_count() or 1)
    assert os.getpid() not in short | long


def test_a_long_text_is_no_short_audit(tmp_path: Path) -> None:
    (tmp_path / "idea.md").write_text("x" * SHORT)
    assert not _holds_long_text(tmp_path)
    (tmp_path / "idea.md").write_text("x" * (SHORT + 1))
    assert _holds_long_text(tmp_path)


def test_the_time_an_audit_waits_for_others_is_not_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "AUDIT_TIMEOUT", 4.0)
    store = RunStore(tmp_path)
    store.write_run({"started": "2026-11-26T00:00:00+00:00"})

    async def audited() -> int:
        shared = resources.Resources(Settings(model="offline", run=str(tmp_path)), store, lambda text: None)
        try:
            return len(await asyncio.gather(*(shared.audit(process_id, 1.5, long=False) for _ in range(4))))
        finally:
            await shared.close()

    assert asyncio.run(audited()) == 4


def test_given_prompts_are_looked_at_again_and_the_packaged_ones_are_not(tmp_path: Path) -> None:
    (tmp_path / "judge_again.md.j2").write_text("first {{ errors }}")
    assert prompts.render("judge_again", tmp_path, errors="e") == "first e"
    (tmp_path / "judge_again.md.j2").write_text("second, longer {{ errors }}")
    os.utime(tmp_path / "judge_again.md.j2", (1, 1))
    assert prompts.render("judge_again", tmp_path, errors="e") == "second, longer e"
    prompts._environment.cache_clear()
    prompts.render("judge_again", errors="e")
    packaged = prompts._environment(str(resource("prompts")), False)
    assert len(packaged.cache or ()) == 1
    assert not packaged.auto_reload
