"""What is written of an attempt, also when somebody else wrote in between."""

from __future__ import annotations

from typing import Any

import pytest

from qiaoban_agent.escalation.case import Status
from qiaoban_agent.escalation.settling import due_next, settle
from qiaoban_agent.store.base import Before, Write
from qiaoban_agent.store.memory import MemoryStore
from tests.agent.escalation.cases import (
    START,
    delivered,
    function_route,
    only,
    policy_with,
    put_case,
    raised,
    statuses,
)

POLICY = policy_with(function_route("staff"), function_route("school", "school"))
RULES = POLICY.escalation


def test_the_last_failure_of_a_rung_calls_on_the_next_rung_once() -> None:
    store = MemoryStore()
    case = put_case(store, POLICY)
    failed = only(store, case).model_copy(update={"status": "failed", "attempts": 1})
    settle(store, failed, RULES, START)
    settle(store, failed, RULES, START)
    assert statuses(store, case) == [("staff", "failed"), ("school", "pending")]
    assert len(raised(store)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"status": Status.ACKNOWLEDGED},
        {"status": Status.CLOSED, "closed_at": START},
        {"raise_at": None},
    ],
)
def test_a_failure_calls_on_nobody_once_the_case_waits_for_nobody(changes: dict[str, Any]) -> None:
    store = MemoryStore()
    case = put_case(store, POLICY)
    failed = only(store, case).model_copy(update={"status": "failed", "attempts": 1})
    store.commit(Write(session="a", at=START, case=case.model_copy(update=changes)))
    settle(store, failed, RULES, START)
    assert statuses(store, case) == [("staff", "failed")]
    assert raised(store) == []
    known = store.case(case.id)
    assert known is not None
    assert known.status is changes.get("status", Status.OPEN)


def test_a_receipt_that_somebody_else_wrote_stays() -> None:
    store = MemoryStore()
    case = put_case(store, POLICY)
    pending = only(store, case)
    settle(store, pending.model_copy(update={"status": "delivered", "attempts": 1}), RULES, START)
    settle(store, pending.model_copy(update={"attempts": 1, "error": "late"}), RULES, START)
    assert statuses(store, case) == [("staff", "delivered")]
    assert [event.error for event in delivered(store)] == ["", "late"]


def test_a_case_that_was_removed_meanwhile_leaves_nothing_behind() -> None:
    store = MemoryStore()
    case = put_case(store, POLICY)
    pending = only(store, case)
    closed = case.model_copy(update={"status": Status.CLOSED, "closed_at": START})
    store.commit(Write(session="a", at=START, case=closed))
    store.purge(Before(cases=START + 1), START + 1)
    settle(store, pending, RULES, START + 2)
    assert store.case(case.id) is None
    assert store.due(START + 10**6, lease=1) == ()
    assert delivered(store) == []


def test_what_runs_here_is_not_waited_for_and_what_somebody_left_is_looked_at_later() -> None:
    store = MemoryStore()
    case = put_case(store, POLICY)
    (delivery,) = store.deliveries(case.id)
    cases = store.cases()
    assert due_next(store, cases, START - 5, 30, ()) == START
    assert due_next(store, cases, START, 30, ()) == START + 30
    assert due_next(store, cases, START, 30, {delivery.id}) == case.raise_at
    assert due_next(store, (), START, 30, ()) is None
