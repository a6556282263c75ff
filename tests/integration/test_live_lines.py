"""What the engine reports while items wait reaches the terminal, with and without xdist, whatever is captured."""

from pathlib import Path

import pytest

from tests.support.scripted_server import ScriptedServer
from tests.support.sessions import MODEL, run


@pytest.mark.parametrize("how", [("-n", "0"), ("-n", "0", "--capture=sys"), ("-n", "0", "-s"), ("-n", "1")], ids=" ".join)
def test_a_call_that_is_tried_again_is_told_while_its_item_waits(tmp_path: Path, how: tuple[str, ...]) -> None:
    with ScriptedServer() as server:
        server.fault("500", 2)
        code, output = run(tmp_path, *MODEL, "--mlr-task=iclr2025_wsl", "--mlr-stage=idea", "--mlr-run=run", *how, server=server)
    assert code == 0, output
    before, _, _ = output.partition("MLR-Bench ==")
    assert "mlrbench: iclr2025_wsl/idea: openai/m try 1 of 6 failed, again in" in before
    assert "1 passed" in output
