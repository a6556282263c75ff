"""The adapters of Claude Code, Codex and Gemini CLI on streams recorded from the real CLIs (see streams/README.md)."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_mlrbench.coders import CoderContext, CoderOutcome, load_coder
from pytest_mlrbench.coders.cli import USAGE, Call, CliCoder
from pytest_mlrbench.errors import BudgetSpent, ConfigError, InfrastructureError
from pytest_mlrbench.evidence.events import EVIDENCE, Event, read_events
from pytest_mlrbench.evidence.ledger import Ledger
from pytest_mlrbench.models.gateway import GatewayAccess
from pytest_mlrbench.sandboxes import Limits, SandboxSpec, open_sandbox

STREAMS = Path(__file__).with_name("streams")
CODERS = ("claude-code", "codex", "gemini-cli")
ACCESS = GatewayAccess("http://127.0.0.1:8377", "the-trials-token")
RUN = "python code/run.py && python code/report.py"


def coder(name: str) -> CliCoder:
    found = load_coder(name)
    assert isinstance(found, CliCoder)
    return found


def script(name: str, **changes: Any) -> str:
    return coder(name).script(Call(**{"model": "a-model", "gateway": ACCESS, "seconds": 3600.0, "max_turns": 77, **changes}))


def carry_out(
    name: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    *,
    seconds: float = 60,
    gateway: GatewayAccess | None = ACCESS,
    max_turns: int = 50,
) -> tuple[CoderOutcome, list[Event]]:
    """Run the coder with a bash program in the place of its CLI, in a real local sandbox."""
    subject = coder(name)
    monkeypatch.setattr(type(subject), "script", lambda self, call: program)

    async def main() -> CoderOutcome:
        async with open_sandbox(
            "local", SandboxSpec(folder / "ws", "r", "t/experiment", limits=Limits(memory=2**30, cpus=1, pids=64))
        ) as sandbox:
            return await subject.run(
                CoderContext(
                    models=None,  # type: ignore[arg-type]  # a CLI calls through the gateway
                    model="provider/a-model",
                    scope="t/experiment",
                    sandbox=sandbox,
                    ledger=Ledger(folder, folder / "ws"),
                    system="You work alone.",
                    prompt="Compare.",
                    deadline=time.time() + seconds,
                    gateway=gateway,
                    max_turns=max_turns,
                )
            )

    outcome = asyncio.run(main())
    return outcome, read_events(folder / EVIDENCE)[0]


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[CoderOutcome, list[Event]]]:
    """Plays a recorded stream: `played(coder, which, then)`."""

    def play(name: str, which: str, then: str = "exit 0", **given: Any) -> tuple[CoderOutcome, list[Event]]:
        stream = STREAMS / f"{name}-{which}.jsonl"
        report = "mkdir -p results; echo measured > results/results.md\n" if which == "repairs" else ""
        return carry_out(name, tmp_path, monkeypatch, f"{report}cat {stream}\n{then}", **given)

    return play


@pytest.mark.parametrize("name", CODERS)
def test_a_recorded_stream_is_read_into_the_ledger(name: str, played: Any) -> None:
    outcome, events = played(name, "repairs")
    assert (outcome.reason, outcome.turns, outcome.not_shown) == ("finished", 6, [])
    commands = [event for event in events if event.kind == "command"]
    assert [(event.source, event.command, event.exit_code) for event in commands] == [("sandbox", RUN, 1), ("sandbox", RUN, 0)]
    assert commands[0].output_bytes > 100
    [usage] = [event for event in events if event.tool == USAGE]
    assert (usage.data["usage"]["input_tokens"], usage.data["usage"]["output_tokens"]) == (7200, 480)
    assert usage.data["coder"] == name


@pytest.mark.parametrize("name", CODERS)
def test_the_turn_limit(name: str, played: Any) -> None:
    outcome, _ = played(name, "limit", "exit 1" if name != "codex" else "sleep 60", max_turns=4)
    assert (outcome.reason, outcome.turns) == ("turn limit", 4)


@pytest.mark.parametrize("name", CODERS)
def test_a_provider_that_refuses_is_the_worlds_fault(name: str, played: Any) -> None:
    with pytest.raises(InfrastructureError, match=r"(?s)ended by exit status 1 after 0 tool calls.*this model is not for you"):
        played(name, "refused", "exit 1")


@pytest.mark.parametrize("name", CODERS)
def test_a_refusal_for_the_budget_is_told_as_such(name: str, played: Any) -> None:
    spent = GatewayAccess(ACCESS.base_url, ACCESS.token, lambda: BudgetSpent("the budget of 0.001 USD is used up"))
    with pytest.raises(BudgetSpent, match=r"^the budget of 0.001 USD is used up"):
        played(name, "budget", "exit 1", gateway=spent)


@pytest.mark.parametrize("name", CODERS)
def test_what_the_stream_alone_says_of_the_budget_excuses_nobody(name: str, played: Any) -> None:
    """Any program in the sandbox can write into the stream of its coder."""
    outcome, _ = played(name, "budget", "exit 1")
    assert outcome.reason == "silent"
    assert "ended by exit status 1" in outcome.not_shown[0]


def test_a_refusal_for_the_time_is_a_time_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = {"type": "turn.failed", "error": {"message": "status 403: mlrbench: the experiment's time is up: no further call"}}
    outcome, _ = carry_out("codex", tmp_path, monkeypatch, f"cat <<'E'\n{json.dumps(record)}\nE\nexit 1")
    assert outcome.reason == "time-out"


def test_the_deadline_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert carry_out("codex", tmp_path, monkeypatch, "sleep 60", seconds=1)[0].reason == "time-out"


@pytest.mark.parametrize(("code", "hint"), [(127, "mlrbench image build"), (1, "evidence/streams")])
def test_a_crash_at_the_start_says_status_error_and_hint(
    code: int, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InfrastructureError) as caught:
        carry_out("claude-code", tmp_path, monkeypatch, f"echo 'claude: it broke' >&2; exit {code}")
    assert f"exit status {code}" in str(caught.value)
    assert "claude: it broke" in str(caught.value)
    assert hint in str(caught.value)


def test_an_end_that_the_work_brought_about_is_an_outcome(played: Any) -> None:
    """What runs in there can kill the CLI: that is no fault of the world."""
    outcome, _ = played("codex", "limit", "kill -9 $BASHPID")
    assert outcome.reason == "silent"
    assert "codex ended by a signal after 5 tool calls" in outcome.not_shown


def test_without_a_report_it_was_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = '{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}'
    outcome, _ = carry_out("codex", tmp_path, monkeypatch, f"echo '{done}'")
    assert (outcome.reason, outcome.turns) == ("silent", 1)


def test_token_and_assignment_come_by_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = 'echo "$token" > token.txt; cat > prompt.txt; echo "$HOME" > home.txt; exit 0'
    carry_out("gemini-cli", tmp_path, monkeypatch, program)
    assert (tmp_path / "ws/token.txt").read_text() == "the-trials-token\n"
    assert (tmp_path / "ws/prompt.txt").read_text() == "You work alone.\n\nCompare."
    assert (tmp_path / "ws/home.txt").read_text().strip().endswith("/coder")
    assert ACCESS.token not in (tmp_path / EVIDENCE).read_text()


def test_without_a_gateway_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="codex calls its model through the gateway"):
        carry_out("codex", tmp_path, monkeypatch, "touch started", gateway=None)
    assert not (tmp_path / "ws/started").exists()


@pytest.mark.parametrize("name", CODERS)
def test_the_script_holds_the_settings_and_no_token(name: str) -> None:
    text = script(name, model="odd 'name'; rm -rf /")
    assert ACCESS.token not in text
    base = {"claude-code": ACCESS.anthropic, "codex": ACCESS.openai, "gemini-cli": ACCESS.gemini}[name]
    assert base in text
    assert coder(name).needs_gateway
    if name != "codex":
        assert "77" in text
    # The model's name is quoted: as a word of the shell, or as a TOML string in a quoted heredoc.
    assert "odd 'name'; rm -rf /" not in text.replace("model = \"odd 'name'; rm -rf /\"", "")


@pytest.mark.parametrize(
    ("name", "shut"),
    [
        ("claude-code", ["DISABLE_AUTOUPDATER=1", "DISABLE_TELEMETRY=1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1"]),
        ("codex", ['web_search = "disabled"', "check_for_update_on_startup = false", "[analytics]\nenabled = false"]),
        ("gemini-cli", ['"enableAutoUpdate": false', '"usageStatisticsEnabled": false', '"google_web_search"', '"web_fetch"']),
    ],
)
def test_updates_telemetry_and_the_web_are_off(name: str, shut: list[str]) -> None:
    text = script(name)
    assert [setting for setting in shut if setting not in text] == []
    if name == "claude-code":
        assert "WebSearch" not in text  # it has the tools that are named, no others
