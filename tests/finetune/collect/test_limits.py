"""How long a call waits for its turn, and how much of a limit is left for it."""

from __future__ import annotations

from qiaoban_agent.models.base import Message
from qiaoban_finetune.collect.asking import Request
from qiaoban_finetune.collect.limits import Budget, Estimate, Pace, most_tokens
from qiaoban_finetune.collect.settings import PricesConfig


def test_so_many_a_minute_pass_evenly() -> None:
    now = [100.0]
    pace = Pace(120, lambda: now[0])
    assert [pace.take() for _ in range(4)] == [0.0, 0.5, 1.0, 1.5]
    now[0] = 110.0
    assert pace.take() == 0.0
    assert pace.take(3) == 0.5
    assert pace.take() == 2.0


def test_tokens_that_were_not_used_are_given_back() -> None:
    pace = Pace(60, lambda: 0.0)
    pace.take(30)
    pace.give_back(25)
    assert pace.take() == 5.0


def test_without_a_limit_nobody_waits() -> None:
    pace = Pace(None, lambda: 0.0)
    assert [pace.take(1000) for _ in range(3)] == [0.0, 0.0, 0.0]


def test_calls_under_way_count_as_spent_until_they_are_settled() -> None:
    budget = Budget(PricesConfig(input=1, output=2), limit=5.0)
    most = Estimate(1_000_000, 1_000_000)
    assert budget.reserve(most)
    assert not budget.reserve(most)
    assert not budget.idle
    budget.settle(most, 500_000, 100_000)
    assert budget.idle
    assert budget.spent == 0.7
    assert budget.reserve(most)


def test_no_tokenizer_makes_more_tokens_than_are_expected() -> None:
    request = Request((Message(role="user", content="我很难过"),), max_tokens=50)
    assert most_tokens(request, 2048) == Estimate(12 + 8, 50)
    assert most_tokens(request, 30).output == 30
