"""The store in memory is bounded, and drops what matters least."""

from __future__ import annotations

from qiaoban_agent.escalation.case import Case, Status
from qiaoban_agent.events import Said
from qiaoban_agent.session import Session
from qiaoban_agent.store import Before, MemoryStore, Write
from qiaoban_agent.store.chain import verify
from qiaoban_guards.risk import Category, RiskLevel
from qiaoban_guards.risk.session import SessionRisk


def said(number: int) -> Said:
    return Said(text=f"{number}", by="policy")


def case_of(session: str) -> Case:
    return Case(
        id=session,
        session=session,
        opened_at=1.0,
        level=RiskLevel.HIGH,
        categories=(Category.ABUSE,),
        turn=1,
        policy="default",
    )


def test_the_session_that_was_silent_longest_is_dropped() -> None:
    store = MemoryStore(sessions=2)
    for name in ("a", "b", "a", "c"):
        store.commit(Write(name, 1.0, (said(1),), Session()))
    assert store.load("b") is None
    assert store.trail("b") == ()
    assert store.load("a") == store.load("c") == Session()
    assert verify(store).ok


def test_sessions_in_danger_are_dropped_last() -> None:
    store = MemoryStore(sessions=2)
    latched = Session(risk=SessionRisk(open=True))
    store.commit(Write("case", 1.0, (), Session(), case=case_of("case")))
    store.commit(Write("latched", 1.0, (), latched))
    store.commit(Write("calm", 1.0, (), Session()))
    assert store.load("calm") is None
    assert store.load("case") == Session()
    assert store.load("latched") == latched
    store.commit(Write("new", 1.0, (), latched))
    assert store.load("case") is None, "when all are in danger, the oldest"


def test_of_cases_the_closed_are_dropped_first() -> None:
    store = MemoryStore(sessions=2)
    store.commit(Write("a", 1.0, case=case_of("a")))
    shut = case_of("b").model_copy(update={"status": Status.CLOSED, "closed_at": 2.0})
    store.commit(Write("b", 1.0, case=shut))
    store.commit(Write("c", 1.0, case=case_of("c")))
    assert [case.id for case in store.cases(closed=True)] == ["a", "c"]


def test_the_last_events_of_a_session_and_the_last_of_the_audit_are_kept() -> None:
    store = MemoryStore(events=3, records=5)
    for number in range(9):
        store.commit(Write("a", float(number), (said(number),)))
    assert store.trail("a") == (said(6), said(7), said(8))
    records = list(store.audit())
    assert [record.seq for record in records] == [5, 6, 7, 8, 9]
    assert [record.event for record in records[:2]] == [None, None]
    assert verify(store).ok
    assert verify(store).records == 5


def test_what_retention_empties_takes_no_room() -> None:
    store = MemoryStore(sessions=3)
    for name in ("a", "b"):
        store.commit(Write(name, 1.0, (said(1),), Session()))
    store.purge(Before(sessions=2.0, events=2.0), 3.0)
    for name in ("c", "d"):
        store.commit(Write(name, 4.0, (said(1),), Session()))
    assert store.trail("c") == store.trail("d") == (said(1),)
