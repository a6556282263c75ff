"""The call log: what is appended is on disk, survives kills, is found again, and stores each message of a conversation once."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.errors import InfrastructureError
from pytest_mlrbench.records import Usage
from pytest_mlrbench.results.calls import Call, CallLog, StoredResponse, store_request

SCOPE = "iclr2025_dl4c/idea"


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def answered(text: str, cost: float | None = 0.5) -> StoredResponse:
    usage = Usage(calls=1, prompt_tokens=10, completion_tokens=2)
    return StoredResponse({"role": "assistant", "content": text}, "stop", usage, cost, 1.0, 2.5)


async def put(
    log: CallLog, ordinal: int, *messages: dict[str, Any], text: str = "yes", scope: str = SCOPE, cost: float | None = 0.5
) -> str:
    request = store_request("m", messages, (), None, {})
    await log.append(scope=scope, ordinal=ordinal, model="m", request=request, params={}, response=answered(text, cost))
    return request.digest


def lines(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(directory.glob("*.jsonl")) for line in path.read_bytes().splitlines()]


def test_an_appended_call_is_found_by_a_log_opened_later(tmp_path: Path) -> None:
    log = CallLog(tmp_path, "engine")
    digest = asyncio.run(put(log, 0, user("hello"), text="good day"))
    later = CallLog(tmp_path, "engine")
    assert later.find(SCOPE, 0, digest) == answered("good day")


def test_a_log_finds_what_it_has_appended_itself(tmp_path: Path) -> None:
    log = CallLog(tmp_path, "engine")
    digest = asyncio.run(put(log, 0, user("hello")))
    assert log.find(SCOPE, 0, digest) == answered("yes")


@pytest.mark.parametrize(("scope", "ordinal", "text"), [("other/idea", 0, "hello"), (SCOPE, 1, "hello"), (SCOPE, 0, "hello!")])
def test_another_scope_position_or_text_is_another_call(tmp_path: Path, scope: str, ordinal: int, text: str) -> None:
    log = CallLog(tmp_path, "engine")
    asyncio.run(put(log, 0, user("hello")))
    assert log.find(scope, ordinal, store_request("m", (user(text),), (), None, {}).digest) is None


def test_model_tools_schema_and_settings_are_part_of_the_digest() -> None:
    messages = (user("hello"),)
    tool = {"type": "function", "function": {"name": "bash"}}
    digests = {
        store_request("m", messages, (), None, {}).digest,
        store_request("n", messages, (), None, {}).digest,
        store_request("m", messages, (tool,), None, {}).digest,
        store_request("m", messages, (), {"type": "object"}, {}).digest,
        store_request("m", messages, (), None, {"temperature": 1.0}).digest,
    }
    assert len(digests) == 5


def test_a_growing_conversation_stores_each_message_once(tmp_path: Path) -> None:
    log = CallLog(tmp_path, "runner")
    messages: list[dict[str, Any]] = []

    async def converse() -> None:
        for turn in range(30):
            messages.append(user(f"turn {turn} " + "x" * 1000))
            await put(log, turn, *messages)

    asyncio.run(converse())
    assert sum("blob" in line for line in lines(tmp_path)) == 30
    assert [len(call.messages) for call in log.read()] == list(range(1, 31))


def test_an_image_shown_to_two_judges_is_stored_once(tmp_path: Path) -> None:
    log = CallLog(tmp_path, "engine")
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 50_000}}

    async def judge_twice() -> None:
        await put(log, 0, user([{"type": "text", "text": "you are the first"}, image]), scope="t/paper#review:a.r1")
        await put(log, 0, user([{"type": "text", "text": "you are the second"}, image]), scope="t/paper#review:b.r1")

    asyncio.run(judge_twice())
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 60_000
    assert [call.messages[0]["content"][1] for call in log.read()] == [image, image]


def test_a_reader_sees_the_whole_request_again(tmp_path: Path) -> None:
    log = CallLog(tmp_path, "engine")
    tools = ({"type": "function", "function": {"name": "bash"}},)
    schema = {"type": "object"}
    messages: tuple[dict[str, Any], ...] = (
        user("Grüße \u2028 \ud800 \n {}"),
        {"role": "assistant", "content": None, "tool_calls": []},
    )
    request = store_request("m", messages, tools, schema, {"temperature": 0.0})
    response = answered("yes", None)
    asyncio.run(log.append(scope=SCOPE, ordinal=3, model="m", request=request, params={"schema_sent": True}, response=response))
    assert list(CallLog(tmp_path, "export").read()) == [
        Call(SCOPE, 3, request.digest, "m", {"schema_sent": True}, messages, tools, schema, response)
    ]


def test_a_torn_last_line_is_passed_over_and_the_next_writer_goes_on(tmp_path: Path) -> None:
    first = CallLog(tmp_path, "engine")
    digest = asyncio.run(put(first, 0, user("one")))
    asyncio.run(put(first, 1, user("two")))
    [segment] = tmp_path.iterdir()
    os.truncate(segment, segment.stat().st_size - 7)

    second = CallLog(tmp_path, "engine")
    assert second.find(SCOPE, 0, digest) is not None
    assert second.spent().usage.calls == 1
    asyncio.run(put(second, 1, user("two")))
    assert len(list(tmp_path.iterdir())) == 2
    assert [call.ordinal for call in CallLog(tmp_path, "engine").read()] == [0, 1]


def test_a_damaged_line_within_a_segment_loses_that_call_only_and_is_counted(tmp_path: Path) -> None:
    log = CallLog(tmp_path, "engine")
    for ordinal in range(3):
        asyncio.run(put(log, ordinal, user("same")))
    log.close()
    [segment] = tmp_path.iterdir()
    content = segment.read_bytes().splitlines(keepends=True)
    content[2] = b"\0" * (len(content[2]) - 1) + b"\n"
    segment.write_bytes(b"".join(content))
    again = CallLog(tmp_path, "engine")
    assert again.damaged == 1
    assert [call.ordinal for call in again.read()] == [0, 2]


def test_calls_of_a_process_killed_right_after_append_returned_are_all_there(tmp_path: Path) -> None:
    script = f"""
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_calls import CallLog, put, user
async def main():
    log = CallLog(Path({str(tmp_path)!r}), "engine")
    await asyncio.gather(*(put(log, n, user(f"m{{n}}")) for n in range(20)))
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", script], timeout=60, check=False)
    assert ended.returncode == -9
    assert sorted(call.ordinal for call in CallLog(tmp_path, "engine").read()) == list(range(20))


def test_many_appends_share_few_fsyncs_and_none_returns_before_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = CallLog(tmp_path, "engine")
    asyncio.run(put(log, 0, user("opens the segment")))
    synced: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    sizes: list[int] = []

    async def one(number: int) -> None:
        await put(log, number, user(f"m{number}"))
        sizes.append(len(synced))

    async def many() -> None:
        await asyncio.gather(*(one(number) for number in range(1, 301)))

    asyncio.run(many())
    assert min(sizes) >= 1
    assert len(synced) <= 30
    [segment] = tmp_path.iterdir()
    assert synced[-1] == segment.stat().st_size
    assert sum("call" in line for line in lines(tmp_path)) == 301


def test_a_call_is_written_although_its_caller_was_cancelled(tmp_path: Path) -> None:
    log = CallLog(tmp_path, "engine")

    async def cancelled() -> None:
        task = asyncio.create_task(put(log, 0, user("hello")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    log.close()
    assert [call.ordinal for call in CallLog(tmp_path, "engine").read()] == [0]


def test_a_full_disk_is_an_infrastructure_error_and_the_next_call_has_a_segment_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CallLog(tmp_path, "engine")
    asyncio.run(put(log, 0, user("one")))
    real = os.fsync

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InfrastructureError, match="No space left"):
        asyncio.run(put(log, 1, user("two")))
    monkeypatch.setattr(os, "fsync", real)
    digest = asyncio.run(put(log, 2, user("one")))
    assert log.find(SCOPE, 2, digest) == answered("yes")
    assert [call.messages for call in CallLog(tmp_path, "engine").read() if call.ordinal == 2] == [(user("one"),)]


def test_spent_adds_up_all_processes_and_knows_scopes_from_their_neighbours(tmp_path: Path) -> None:
    engine = CallLog(tmp_path, "engine")
    runner = CallLog(tmp_path, "runner-a/b")

    async def spend() -> None:
        await put(engine, 0, user("a"), scope="t/idea", cost=1.0)
        await put(engine, 0, user("b"), scope="t/idea#review:j.r1", cost=2.0)
        await put(engine, 0, user("c"), scope="t/idea.e2", cost=4.0)
        await put(runner, 0, user("d"), scope="t/experiment", cost=8.0)
        await put(runner, 1, user("e"), scope="t/experiment", cost=None)

    asyncio.run(spend())
    assert engine.spent().cost == 15.0
    assert engine.spent().unpriced_calls == 1
    assert engine.spent().usage == Usage(calls=5, prompt_tokens=50, completion_tokens=10)
    assert engine.spent("t/idea").cost == 3.0
    assert engine.spent("t/idea", exact=True).cost == 1.0
    assert engine.spent("t/idea#review").cost == 2.0
    assert engine.spent("t/experiment").cost == 8.0
    assert engine.spent("t/exp").cost == 0.0


def test_a_closed_log_refuses_calls_and_has_written_what_it_took(tmp_path: Path) -> None:
    log = CallLog(tmp_path, "engine")
    asyncio.run(put(log, 0, user("one")))
    log.close()
    with pytest.raises(InfrastructureError, match="closed"):
        asyncio.run(put(log, 1, user("two")))
