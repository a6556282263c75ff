"""The bash coder with a scripted model in a real local sandbox with a real ledger."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.coders import CoderContext, CoderOutcome, load_coder
from pytest_mlrbench.coders.bash import MAX_CALLS, SHOWN
from pytest_mlrbench.errors import BudgetSpent, ConfigError
from pytest_mlrbench.evidence.ledger import Ledger
from pytest_mlrbench.models.api import Message, ModelInfo, Request, Response, ToolCall
from pytest_mlrbench.sandboxes import Limits, SandboxSpec, open_sandbox

Call = tuple[str, dict[str, Any] | str]
Turn = Sequence[Call] | str | Response | Exception
FINISH: Call = ("finish", {"summary": "done"})


def answer(turn: Sequence[Call] | str, finish_reason: str = "stop") -> Response:
    """An assistant's answer: a text, or tool calls (a str as arguments is sent as it is)."""
    if isinstance(turn, str):
        return Response(turn, {"role": "assistant", "content": turn}, finish_reason=finish_reason)
    calls = tuple(ToolCall(f"c{i}", name, a if isinstance(a, str) else json.dumps(a)) for i, (name, a) in enumerate(turn))
    quoted = [{"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in calls]
    return Response("", {"role": "assistant", "content": None, "tool_calls": quoted}, calls, finish_reason)


class Script:
    """Models whose answers are written down; keeps the conversations it was sent."""

    def __init__(self, turns: Sequence[Turn], window: int = 100_000, pause: float = 0) -> None:
        self.turns = list(turns)
        self.window = window
        self.pause = pause
        self.sent: list[tuple[Message, ...]] = []

    async def complete(self, request: Request) -> Response:
        self.sent.append(request.messages)
        await asyncio.sleep(self.pause)
        turn = self.turns.pop(0)
        if isinstance(turn, Exception):
            raise turn
        return turn if isinstance(turn, Response) else answer(turn)

    def info(self, model: str) -> ModelInfo:
        return ModelInfo(self.window, vision=False, schema_output=False, priced=True)

    def tokens(self, text: str) -> int:
        return len(text) // 3 + 1

    def results(self, turn: int) -> list[str]:
        """The tool results in the conversation before answer `turn` (0-based) that followed the answer before it."""
        found: list[str] = []
        for message in reversed(self.sent[turn]):
            if message["role"] == "assistant":
                break
            found.insert(0, message["content"])
        return found


def code(folder: Path, turns: Sequence[Turn] | Script, *, seconds: float = 60, max_turns: int = 50) -> tuple[CoderOutcome, Script]:
    """Run the coder in `folder`/ws; returns how it ended and the script with what was sent to it."""
    script = turns if isinstance(turns, Script) else Script(turns)

    async def main() -> CoderOutcome:
        spec = SandboxSpec(workspace=folder / "ws", run_id="run", trial="t/experiment", limits=Limits(cpus=1))
        async with open_sandbox("local", spec) as sandbox:
            ledger = Ledger(folder / "trial", folder / "ws")
            context = CoderContext(
                models=script,
                model="m",
                scope="t/experiment",
                sandbox=sandbox,
                ledger=ledger,
                system="You are a coder.",
                prompt="Do it.",
                deadline=time.time() + seconds,
                max_turns=max_turns,
            )
            return await load_coder("bash").run(context)

    return asyncio.run(main()), script


def test_an_unknown_coder_names_the_valid_ones() -> None:
    with pytest.raises(ConfigError, match="valid: bash"):
        load_coder("emacs")


def test_commands_run_and_their_output_is_fed_back(tmp_path: Path) -> None:
    outcome, script = code(tmp_path, [[("bash", {"command": "echo $((6 * 7)); exit 3"})], [FINISH]])
    assert (outcome.reason, outcome.turns, outcome.not_shown) == ("finished", 2, [])
    [result] = script.results(1)
    assert result.splitlines()[0].startswith("[exit status: 3; duration: under 10 s")
    assert result.splitlines()[1] == "42"


def test_every_command_and_write_is_in_the_ledger(tmp_path: Path) -> None:
    code(
        tmp_path,
        [[("write_file", {"path": "code/a.py", "content": "print(5)"}), ("bash", {"command": "python code/a.py"})], [FINISH]],
    )
    events = [json.loads(line) for line in (tmp_path / "trial" / "evidence.jsonl").read_text().splitlines()]
    assert [(event["kind"], event["tool"]) for event in events] == [("write", "write_file"), ("command", "bash")]


def test_calls_of_one_answer_are_done_in_order(tmp_path: Path) -> None:
    calls: list[Call] = [
        ("write_file", {"path": "x", "content": "1"}),
        ("bash", {"command": "cat x; echo 2 > x"}),
        ("bash", {"command": "cat x"}),
    ]
    _, script = code(tmp_path, [calls, [FINISH]])
    assert [result.splitlines()[-1] for result in script.results(1)] == ["Wrote 1 bytes to x.", "1", "2"]


def test_an_absolute_path_inside_the_workspace_is_taken(tmp_path: Path) -> None:
    code(tmp_path, [[("write_file", {"path": f"{(tmp_path / 'ws').resolve()}/a/b", "content": "x"})], [FINISH]])
    assert (tmp_path / "ws/a/b").read_text() == "x"


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("shell", {"command": "ls"}), "there is no tool 'shell'; the tools are bash, write_file, finish"),
        (("bash", {}), "'command' must be a text: it is missing"),
        (("bash", {"command": 5}), "got int"),
        (("bash", '["ls"]'), "must be a JSON object, not list"),
        (("bash", "no json at all"), "no valid JSON"),
        (("bash", {"command": "ls", "timeout_s": "soon"}), "positive number"),
        (("bash", {"command": "ls", "timeout_s": -1}), "positive number"),
        (("bash", {"command": "echo " + "x" * 200_000}), "at most 100000"),
        (("write_file", {"path": "../x", "content": "x"}), "leaves the workspace"),
        (("write_file", {"path": "/etc/x", "content": "x"}), "leaves the workspace"),
        (("write_file", {"path": "x", "content": "x" * (2**20 + 1)}), "at most 1048576"),
        (("write_file", {"path": "x"}), "'content' must be a text"),
    ],
)
def test_a_bad_call_is_told_to_the_model_and_the_work_goes_on(tmp_path: Path, call: Call, told: str) -> None:
    outcome, script = code(tmp_path, [[call], [FINISH]])
    assert told in script.results(1)[0]
    assert outcome.reason == "finished"
    assert not (tmp_path / "x").exists()


def test_sloppy_json_is_mended(tmp_path: Path) -> None:
    _, script = code(tmp_path, [[("bash", "{'command': 'echo hello',}")], [FINISH]])
    assert "hello" in script.results(1)[0]


def test_arguments_that_are_no_json_are_not_quoted_back(tmp_path: Path) -> None:
    _, script = code(tmp_path, [[("bash", "{'command': 'true'}")], [FINISH]])
    quoted = next(message for message in script.sent[1] if message["role"] == "assistant")
    assert isinstance(json.loads(quoted["tool_calls"][0]["function"]["arguments"]), dict)


def test_a_call_cut_by_the_token_limit_writes_no_half_file(tmp_path: Path) -> None:
    cut = answer([("write_file", '{"path": "x", "content": "the first ha')], finish_reason="length")
    _, script = code(tmp_path, [cut, [FINISH]])
    assert not (tmp_path / "ws/x").exists()
    assert "cut by the limit of tokens" in script.results(1)[0]


def test_half_a_surrogate_pair_does_no_harm(tmp_path: Path) -> None:
    calls: list[Call] = [("write_file", '{"path": "x", "content": "a\\ud800b"}'), ("bash", '{"command": "echo \\ud800"}')]
    outcome, _ = code(tmp_path, [calls, [FINISH]])
    assert (outcome.reason, (tmp_path / "ws/x").read_text()) == ("finished", "a?b")


def test_long_output_keeps_head_and_tail_and_says_what_was_cut(tmp_path: Path) -> None:
    outcome, script = code(tmp_path, [[("bash", {"command": "echo first; seq 20000; echo last"})], [FINISH]])
    [result] = script.results(1)
    assert len(result) < SHOWN + 300
    assert "\nfirst\n" in result
    assert result.rstrip().endswith("last")
    assert "characters not shown" in result
    assert "the output of 1 commands was cut" in outcome.not_shown[0]


def test_too_many_calls_in_one_answer_are_refused_with_a_result_each(tmp_path: Path) -> None:
    _, script = code(tmp_path, [[("bash", {"command": "echo x >> count"})] * (MAX_CALLS + 3), [FINISH]])
    assert (tmp_path / "ws/count").read_text() == "x\n" * MAX_CALLS
    assert len(script.results(1)) == MAX_CALLS + 3


def test_silence_gets_one_nudge_and_then_ends(tmp_path: Path) -> None:
    outcome, script = code(tmp_path, ["I am done.", "Really."])
    assert (outcome.reason, outcome.turns) == ("silent", 2)
    assert "no tool call" in script.sent[1][-1]["content"]


def test_silence_with_the_report_in_place_is_finished(tmp_path: Path) -> None:
    outcome, _ = code(tmp_path, [[("write_file", {"path": "results/results.md", "content": "# R"})], "Done.", "Done."])
    assert outcome.reason == "finished"


def test_a_link_in_place_of_the_report_is_no_report(tmp_path: Path) -> None:
    outcome, _ = code(tmp_path, [[("bash", {"command": "mkdir results; ln -s /etc/passwd results/results.md"})], "Done.", "Done."])
    assert outcome.reason == "silent"


def test_a_text_cut_by_the_token_limit_is_no_silence(tmp_path: Path) -> None:
    cut = answer("I will now", finish_reason="length")
    outcome, _ = code(tmp_path, [cut, cut, [FINISH]])
    assert outcome.reason == "finished"


def test_the_turn_limit_ends_it(tmp_path: Path) -> None:
    outcome, _ = code(tmp_path, [[("bash", {"command": "true"})]] * 5, max_turns=3)
    assert (outcome.reason, outcome.turns) == ("turn limit", 3)


def test_a_command_gets_no_more_time_than_is_left(tmp_path: Path) -> None:
    outcome, script = code(tmp_path, [[("bash", {"command": "sleep 600", "timeout_s": 500})], [FINISH]], seconds=1.5)
    assert (outcome.reason, outcome.turns, len(script.sent)) == ("time-out", 1, 1)


def test_a_command_is_killed_after_the_time_the_model_asked(tmp_path: Path) -> None:
    _, script = code(tmp_path, [[("bash", {"command": "echo begun; sleep 600", "timeout_s": "1"})], [FINISH]])
    [result] = script.results(1)
    assert result.startswith("[timed out: killed after 1 s")
    assert "begun" in result


def test_a_model_that_does_not_answer_in_time_is_a_time_out(tmp_path: Path) -> None:
    outcome, _ = code(tmp_path, Script([[FINISH]], pause=60), seconds=0.5)
    assert (outcome.reason, outcome.turns) == ("time-out", 0)


def test_a_spent_budget_goes_through(tmp_path: Path) -> None:
    with pytest.raises(BudgetSpent):
        code(tmp_path, [BudgetSpent("nothing left")])


def test_old_outputs_give_way_when_the_window_is_full(tmp_path: Path) -> None:
    turns: list[Turn] = [[("bash", {"command": f"echo turn{n}; seq 2000"})] for n in range(12)]
    outcome, script = code(tmp_path, Script([*turns, [FINISH]], window=20_000))
    last = script.sent[-1]
    assert all(sum(len(json.dumps(m)) // 3 for m in sent) < 20_000 for sent in script.sent)
    assert "output taken out" in last[3]["content"]
    assert last[3]["content"].startswith("[exit status: 0")
    assert "turn11" in last[-1]["content"]
    assert last[:2] == script.sent[0]
    assert "older command outputs" in outcome.not_shown[0]


def test_the_same_script_sends_the_same_requests_again(tmp_path: Path) -> None:
    """A run cut short replays stored answers only while the requests are the same."""
    turns: list[Turn] = [[("bash", {"command": "echo a; sleep 0.2"})], [FINISH]]
    sent: Callable[[str], list[tuple[Message, ...]]] = lambda name: code(tmp_path / name, list(turns), seconds=4000)[1].sent  # noqa: E731
    assert sent("one") == sent("two")
