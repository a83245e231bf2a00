"""When a delivery is tried, when again, and when no more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_agent.escalation.attempts import attempted, is_used_up, obstacle, pause
from qiaoban_agent.escalation.case import Case, Delivery, Status
from qiaoban_guards.policy.escalation import Retry
from qiaoban_guards.risk import Category, RiskLevel
from qiaoban_guards.risk.implicated import Person
from tests.agent.escalation.cases import START, function_route, policy_with

POLICY = policy_with(
    function_route("dad", "father"), function_route("staff"), function_route("school", "school")
).escalation
seconds = st.floats(0.001, 1e6)
retries = st.builds(
    Retry,
    first=seconds,
    factor=st.floats(1, 100),
    longest=seconds,
    attempts=st.integers(1, 1000),
)


def case(**changes: Any) -> Case:
    fields: dict[str, Any] = {
        "id": "c",
        "session": "a",
        "opened_at": START,
        "level": RiskLevel.HIGH,
        "categories": (Category.ABUSE,),
        "turn": 1,
        "policy": "default",
        "step": 1,
        **changes,
    }
    return Case(**fields)


def of(known: Case, route: str = "staff", **changes: Any) -> Delivery:
    return Delivery.of(known, route, START).model_copy(update=changes)


@given(retry=retries, attempts=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_a_pause_is_never_longer_than_the_longest_nor_nothing(
    retry: Retry, attempts: int, chance: float
) -> None:
    assert 0 < pause(retry, attempts, chance) <= retry.longest
    assert pause(retry, attempts, chance) >= min(retry.first, retry.longest) / 2


@given(retry=retries, attempts=st.integers(1, 1000), chance=st.floats(0, 1, exclude_max=True))
def test_pauses_do_not_get_shorter(retry: Retry, attempts: int, chance: float) -> None:
    assert pause(retry, attempts + 1, chance) >= pause(retry, attempts, chance)


@given(retry=retries, before=st.integers(0, 2000), error=st.sampled_from(["", "HTTP 503"]))
def test_an_attempt_ends_with_a_receipt_a_pause_or_the_end(
    retry: Retry, before: int, error: str
) -> None:
    after = attempted(of(case(), attempts=before), error, retry, START)
    assert after.attempts == before + 1
    if not error:
        assert (after.status, after.delivered_at, after.error) == ("delivered", START, "")
    elif before + 1 >= retry.attempts:
        assert after.status == "failed"
    else:
        assert after.status == "pending"
        assert after.next_at > START


@pytest.mark.parametrize(
    ("changes", "route", "status", "reason"),
    [
        ({"status": Status.ACKNOWLEDGED}, "staff", "skipped", "the case is acknowledged"),
        ({"status": Status.CLOSED}, "staff", "skipped", "the case is closed"),
        ({}, "gone", "failed", "the policy has no such route any more"),
        (
            {"implicated": frozenset({Person.FATHER})},
            "dad",
            "skipped",
            "it reaches somebody who may do the harm",
        ),
    ],
)
def test_what_keeps_a_delivery_from_being_tried(
    changes: dict[str, Any], route: str, status: str, reason: str
) -> None:
    known = case(**changes)
    delivery = of(known, route)
    ended = obstacle(delivery, known, (delivery,), POLICY)
    assert ended is not None
    assert (ended.status, ended.error) == (status, reason)


def test_a_route_that_is_called_on_anew_is_told_once() -> None:
    first, again = of(case()), of(case(revision=2))
    other = of(case(), "school")
    known = case(revision=2)
    deliveries = (first, other, again)
    assert obstacle(first, known, deliveries, POLICY) is not None
    assert obstacle(again, known, deliveries, POLICY) is None
    assert obstacle(other, known, deliveries, POLICY) is None


def test_a_rung_is_used_up_when_none_of_its_routes_told_anybody_or_still_may() -> None:
    known = case(step=2)
    earlier = of(case(step=1), status="delivered")
    failed, skipped = of(known, status="failed"), of(known, "school", status="skipped")
    assert is_used_up(known, (earlier, failed, skipped))
    assert not is_used_up(known, (failed, of(known, "school", status="delivered")))
    assert not is_used_up(known, (failed, of(known, "school")))
    assert not is_used_up(known, (of(case(step=1), status="failed"),))
