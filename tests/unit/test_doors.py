"""Whose fault it is when an agent fails whose calls the gateway refused."""

from collections import Counter
from pathlib import Path

import pytest

from pytest_mlrbench.engine.doors import blame
from pytest_mlrbench.errors import BudgetSpent, InfrastructureError
from pytest_mlrbench.models.budget import Budget
from pytest_mlrbench.models.gateway.server import Gateway
from pytest_mlrbench.records import Spent, Usage
from pytest_mlrbench.results.calls import CallLog
from pytest_mlrbench.settings import Settings


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    settings = Settings(model="openai/m", run=str(tmp_path))
    return Gateway(settings, CallLog(tmp_path / "calls", "test"), Budget(None), scope="t/idea#gateway", deadline=0.0)


@pytest.mark.parametrize("why", ["no key", "unreachable", "provider 401", "provider 429", "provider 500", "provider 529"])
def test_the_world_is_to_blame_when_it_never_answered(gateway: Gateway, why: str) -> None:
    gateway.refused = Counter({why: 3, "path": 1})
    with pytest.raises(InfrastructureError, match=rf"{why} \(3x\)\. What came of it: exit 1"):
        blame(gateway, "exit 1")


@pytest.mark.parametrize("why", ["provider 400", "provider 404", "path", "model", "token", "deadline", "no JSON"])
def test_the_agent_is_to_blame_for_what_it_asked(gateway: Gateway, why: str) -> None:
    gateway.refused = Counter({why: 3})
    blame(gateway, "exit 1")


def test_after_one_answer_it_stays_with_the_agent(gateway: Gateway) -> None:
    gateway.refused = Counter({"provider 500": 3})
    gateway.spent = Spent(usage=Usage(calls=1))
    blame(gateway, "exit 1")


def test_a_spent_budget_comes_first(gateway: Gateway) -> None:
    gateway.refused = Counter({"provider 500": 3})
    gateway.budget_spent = BudgetSpent("all gone")
    with pytest.raises(BudgetSpent, match="all gone"):
        blame(gateway, "exit 1")
