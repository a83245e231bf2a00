"""Who is told, in which order, and who never is; by a clock of the tests' own."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest

from qiaoban_agent.escalation.case import Case, Status
from qiaoban_agent.escalation.outbox import Outbox
from qiaoban_agent.store.base import Write
from qiaoban_agent.store.memory import MemoryStore
from qiaoban_guards.policy import Policy
from qiaoban_guards.risk import RiskLevel
from qiaoban_guards.risk.implicated import Person
from tests.agent.escalation.cases import (
    START,
    Adults,
    delivered,
    function_route,
    only,
    policy_with,
    put_case,
    raised,
    statuses,
)

ROUTES = [
    function_route("dad", "father"),
    function_route("guardian", "guardian"),
    function_route("school", "school"),
    function_route("staff"),
]
NAMES = ("dad", "guardian", "school", "staff")
LADDER = [["dad", "guardian"], ["school"], ["staff"]]


def ladder(**changes: Any) -> Policy:
    return policy_with(*ROUTES, ladder=LADDER, **changes)


def write(store: MemoryStore, case: Case, **changes: Any) -> Case:
    changed = case.model_copy(update=changes)
    store.commit(Write(session=case.session, at=START, case=changed))
    return changed


def test_who_may_do_the_harm_is_never_told_and_the_next_rung_is() -> None:
    store, policy, adults = MemoryStore(), ladder(), Adults()
    case = put_case(store, policy, implicated=frozenset({Person.FATHER}))
    outbox, at = Outbox(store, lambda: policy, adults.functions(*NAMES)), START
    while (then := outbox.run_once(at)) is not None:
        at = then
    assert set(adults.names()) == {"school", "staff"}
    known = store.case(case.id)
    assert known is not None
    assert known.raise_at is None
    assert raised(store)[0].routes == ("staff",)


def test_somebody_who_is_named_later_is_not_told_any_more() -> None:
    store, policy, adults = MemoryStore(), ladder(), Adults(failing={"dad", "guardian"})
    case = put_case(store, policy, implicated=frozenset())
    outbox = Outbox(store, lambda: policy, adults.functions(*NAMES))
    at = outbox.run_once(START)
    assert sorted(adults.names()) == ["dad", "guardian"]
    known = store.case(case.id)
    assert known is not None
    write(store, known, implicated=frozenset({Person.FATHER}))
    adults.told.clear()
    assert at is not None
    assert at < START + 60  # not only when the deadline of the first rung has come
    outbox.run_once(START + 60)
    assert adults.names() == ["school"]
    assert {event.error for event in delivered(store)[2:4]} == {
        "it reaches somebody who may do the harm"
    }


@pytest.mark.parametrize("level", [RiskLevel.LOW, RiskLevel.HIGH, RiskLevel.IMMINENT])
def test_the_next_rung_is_called_on_when_nobody_acknowledges_in_time(level: RiskLevel) -> None:
    store, policy, adults = MemoryStore(), ladder(), Adults()
    case = put_case(store, policy, implicated=frozenset(), level=level)
    outbox = Outbox(store, lambda: policy, adults.functions(*NAMES))
    deadline = START + 60 * policy.escalation.acknowledge_within[level.label]
    assert outbox.run_once(START) == deadline
    assert outbox.run_once(deadline - 0.001) == deadline
    assert "school" not in adults.names()
    assert outbox.run_once(deadline) == deadline + (deadline - START)
    assert adults.names()[2:] == ["school"]
    assert raised(store) == [raised(store)[0]]
    assert raised(store)[0].case == case.id


@pytest.mark.parametrize("status", [Status.ACKNOWLEDGED, Status.CLOSED])
def test_nobody_is_told_of_a_case_that_is_dealt_with(status: Status) -> None:
    store, policy, adults = MemoryStore(), ladder(), Adults(failing=set(NAMES))
    case = put_case(store, policy)
    outbox = Outbox(store, lambda: policy, adults.functions(*NAMES))
    then = outbox.run_once(START)
    known = store.case(case.id)
    assert known is not None
    write(store, known, status=status, closed_at=START, raise_at=None)
    before = len(adults.told)
    while then is not None:
        then = outbox.run_once(then)
    outbox.run_once(START + 10**7)
    assert len(adults.told) == before
    assert all(status == "skipped" for _, status in statuses(store, case))


def test_when_a_whole_rung_has_failed_nobody_waits_for_the_deadline() -> None:
    retry = {"first": 1, "factor": 1, "longest": 1, "attempts": 2}
    store, policy = MemoryStore(), ladder(retry=retry)
    adults = Adults(failing={"dad", "guardian"})
    case = put_case(store, policy, implicated=frozenset())
    outbox = Outbox(store, lambda: policy, adults.functions(*NAMES))
    outbox.run_once(START)
    assert "school" not in adults.names()
    outbox.run_once(START + 1)
    assert sorted(adults.names()) == ["dad", "dad", "guardian", "guardian", "school"]
    assert ("dad", "failed") in statuses(store, case)
    assert len(raised(store)) == 1
    assert [event.error for event in delivered(store)].count("ConnectionError") == 4


def test_the_ladder_begins_again_for_its_rounds_and_then_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, policy, adults = MemoryStore(), ladder(rounds=2), Adults()
    case = put_case(store, policy, implicated=frozenset({Person.FATHER}))
    outbox = Outbox(store, lambda: policy, adults.functions(*NAMES))
    then: float | None = START
    while then is not None:
        then = outbox.run_once(then)
    outbox.run_once(START + 10**7)
    assert adults.names() == ["school", "staff", "school", "staff"]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert case.id in errors[0].getMessage()


def test_a_case_without_a_route_is_reported_and_told_once_a_policy_has_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, adults = MemoryStore(), Adults()
    policies = [policy_with(ROUTES[0])]
    case = put_case(store, policies[0])
    assert case.stranded
    outbox = Outbox(store, lambda: policies[-1], adults.functions(*NAMES))
    assert outbox.run_once(START) is None
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    policies.append(ladder())
    outbox.run_once(START + 60)
    assert adults.names() == ["school"]
    known = store.case(case.id)
    assert known is not None
    assert not known.stranded


def test_a_route_that_the_policy_has_no_more_is_passed_over() -> None:
    store, adults = MemoryStore(), Adults()
    case = put_case(store, ladder())
    policy = policy_with(ROUTES[0], ROUTES[3])
    Outbox(store, lambda: policy, adults.functions(*NAMES)).run_once(START)
    assert adults.names() == ["staff"]
    assert statuses(store, case) == [("school", "failed"), ("staff", "delivered")]


def test_a_case_that_got_graver_is_told_anew() -> None:
    store, policy, adults = MemoryStore(), policy_with(ROUTES[3]), Adults(failing={"staff"})
    case = put_case(store, policy)
    outbox = Outbox(store, lambda: policy, adults.functions(*NAMES))
    outbox.run_once(START)
    put_case(store, policy, id=case.id, revision=2, level=RiskLevel.IMMINENT)
    adults.failing.clear()
    outbox.run_once(START + 60)
    assert [(told.revision, told.level.label) for _, told in adults.told] == [
        (1, "high"),
        (2, "imminent"),
    ]
    assert statuses(store, case) == [("staff", "skipped"), ("staff", "delivered")]


def test_a_coroutine_function_is_awaited_and_one_that_hangs_is_left() -> None:
    told: list[str] = []

    async def staff(case: Case) -> None:
        await asyncio.sleep(0)
        told.append(case.id)

    async def school(case: Case) -> None:
        await asyncio.Event().wait()

    policy = policy_with(
        function_route("staff"), function_route("school", seconds=0.1), ladder=[["staff", "school"]]
    )
    store = MemoryStore()
    case = put_case(store, policy)
    Outbox(store, lambda: policy, {"staff": staff, "school": school}).run_once(START)
    assert told == [case.id]
    assert statuses(store, case) == [("staff", "delivered"), ("school", "pending")]
    assert "no answer within 0.1 s" in {event.error for event in delivered(store)}


def test_a_function_that_was_not_given_is_named() -> None:
    store, policy = MemoryStore(), policy_with(ROUTES[3])
    put_case(store, policy)
    Outbox(store, lambda: policy).run_once(START)
    assert delivered(store)[0].error == "the companion was given no function 'staff'"


def test_the_log_gets_one_line_without_the_child_s_words(caplog: pytest.LogCaptureFixture) -> None:
    route = {"id": "log", "kind": "log", "reaches": ["platform"]}
    store, policy = MemoryStore(), policy_with(route)
    case = put_case(store, policy, session="a\nERROR forged", child="小明")
    Outbox(store, lambda: policy).run_once(START)
    (record,) = caplog.records
    assert record.name == "qiaoban.escalation"
    assert record.levelno == logging.WARNING
    assert "\n" not in record.getMessage()
    assert case.id in record.getMessage()
    assert "小明" not in record.getMessage()


def test_another_outbox_delivers_what_a_dead_one_left() -> None:
    store, policy, adults = MemoryStore(), policy_with(ROUTES[3]), Adults()
    case = put_case(store, policy)
    store.due(START, lease=30)  # what a process took that was killed before it could deliver
    outbox = Outbox(store, lambda: policy, adults.functions(*NAMES))
    then = outbox.run_once(START + 1)
    assert adults.told == []
    assert then is not None
    outbox.run_once(then)
    assert only(store, case).status == "delivered"


def test_two_outboxes_on_one_store_deliver_once() -> None:
    store, policy, adults = MemoryStore(), policy_with(ROUTES[3]), Adults()
    for number in range(40):
        put_case(store, policy, session=f"s{number}")
    start = threading.Barrier(2)

    def work() -> None:
        outbox = Outbox(store, lambda: policy, adults.functions(*NAMES))
        start.wait()
        outbox.run_once(START)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(adults.told) == 40
    assert len({case.id for _, case in adults.told}) == 40
