"""What every store does, wherever it keeps things."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from qiaoban_agent.escalation.case import Case, Delivery, Status
from qiaoban_agent.events import Event, Finished, Forgotten, Heard, Said
from qiaoban_agent.session import Session
from qiaoban_agent.store import Before, MemoryStore, SqlStore, StoreError, Write
from qiaoban_agent.store.chain import verify
from qiaoban_guards.risk import Category, RiskLevel

AnyStore = MemoryStore | SqlStore

TURN: tuple[Event, ...] = (Heard(text="我"), Said(text="嗯。", by="curated"), Finished(text="嗯。"))


def case_of(
    session: str, at: float = 10.0, level: RiskLevel = RiskLevel.HIGH, name: str = "c"
) -> Case:
    return Case(
        id=name,
        session=session,
        child="小明",
        opened_at=at,
        level=level,
        categories=(Category.ABUSE,),
        turn=1,
        policy="default",
        summary="a line",
        note="a note",
        raise_at=at + 60,
    )


def closed(case: Case, at: float) -> Case:
    return case.model_copy(update={"status": Status.CLOSED, "closed_at": at, "raise_at": None})


def test_what_is_committed_is_read_back(store: AnyStore) -> None:
    state = Session(turns=3, last_heard="我今天\x00考砸了😀", child="小明")
    store.commit(Write("会话\x001", 5.5, TURN, state))
    assert store.load("会话\x001") == state
    assert store.trail("会话\x001") == TURN
    assert store.load("another") is None
    assert store.trail("another") == ()


def test_a_later_state_replaces_the_earlier_and_events_add_up(store: AnyStore) -> None:
    store.commit(Write("a", 1.0, TURN, Session(turns=1)))
    store.commit(Write("a", 2.0, TURN[:1], Session(turns=2)))
    store.commit(Write("a", 3.0))
    assert store.load("a") == Session(turns=2)
    assert store.trail("a") == (*TURN, TURN[0])


def test_memory_is_kept_under_its_key_and_is_no_session_of_the_child(store: AnyStore) -> None:
    lasting = Session(turns=9, child="小明")
    store.commit(Write("b", 1.0, (), Session(child="小明"), memory=("memory of 小明", lasting)))
    store.commit(Write("a", 2.0, (), Session(child="小明")))
    store.commit(Write("x", 3.0, (), Session(child="小红")))
    assert store.load("memory of 小明") == lasting
    assert store.sessions_of("小明") == ("b", "a")
    store.forget("memory of 小明", 4.0)
    assert store.load("memory of 小明") is None
    assert store.sessions_of("小明") == ("b", "a")


def test_a_write_that_cannot_be_made_leaves_nothing_behind(store: AnyStore) -> None:
    store.commit(Write("a", 1.0, TURN, Session(turns=1)))
    orphan = Delivery(id="d", case="nobody", route="r", next_at=0.0)
    with pytest.raises(StoreError, match="its case is not in the store"):
        store.commit(Write("a", 2.0, TURN, Session(turns=2), deliveries=(orphan,)))
    assert store.load("a") == Session(turns=1)
    assert store.trail("a") == TURN
    assert verify(store).records == 3


def test_cases_come_gravest_first_then_oldest(store: AnyStore) -> None:
    grave = case_of("a", 30.0, RiskLevel.IMMINENT, "grave")
    old, young = case_of("b", 10.0, name="old"), case_of("c", 20.0, name="young")
    shut = closed(case_of("d", 1.0, name="shut"), 40.0)
    for case in (young, grave, shut, old):
        store.commit(Write(case.session, 1.0, case=case))
    assert store.cases() == (grave, old, young)
    assert store.cases(closed=True) == (grave, shut, old, young)
    assert store.case("shut") == shut
    assert store.case("none") is None
    assert store.open_case("b") == old
    assert store.open_case("d") is None


def test_a_case_that_was_acknowledged_is_not_raised_any_more(store: AnyStore) -> None:
    case = case_of("a")
    store.commit(Write("a", 1.0, case=case))
    assert store.to_raise(69.9) == ()
    assert store.to_raise(70.0) == (case,)
    seen = case.model_copy(update={"status": Status.ACKNOWLEDGED})
    store.commit(Write("a", 2.0, case=seen))
    assert store.to_raise(1e9) == ()
    assert store.open_case("a") == seen


def test_a_delivery_is_leased_until_its_lease_ends_or_it_is_written(store: AnyStore) -> None:
    case = case_of("a")
    first, second = (Delivery.of(case, route, at) for route, at in (("one", 5.0), ("two", 3.0)))
    store.commit(Write("a", 1.0, case=case, deliveries=(first, second)))
    assert store.deliveries("c") == (first, second)
    assert store.due(2.9, lease=10.0) == ()
    assert store.due(9.0, lease=10.0, limit=1) == (second,)
    assert store.due(9.0, lease=10.0) == (first,)
    assert store.due(18.9, lease=10.0) == ()
    assert len(store.due(19.0, lease=10.0)) == 2
    again = first.model_copy(update={"attempts": 1, "next_at": 20.0})
    done = second.model_copy(update={"status": "delivered", "delivered_at": 19.5})
    store.commit(Write("a", 20.0, deliveries=(again, done)))
    assert store.due(20.0, lease=10.0) == (again,)
    assert store.deliveries("c") == (again, done)


def test_no_delivery_is_given_to_two_workers(store: AnyStore) -> None:
    case = case_of("a")
    all_of_them = tuple(Delivery.of(case, f"r{number}", 1.0) for number in range(60))
    store.commit(Write("a", 1.0, case=case, deliveries=all_of_them))

    def work(_: int) -> list[str]:
        taken: list[str] = []
        while some := store.due(2.0, lease=100.0, limit=3):
            taken += [delivery.id for delivery in some]
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [name for names in pool.map(work, range(4)) for name in names]
    assert sorted(taken) == sorted(delivery.id for delivery in all_of_them)


def test_threads_that_write_at_once_lose_nothing_and_the_chain_holds(store: AnyStore) -> None:
    def talk(number: int) -> None:
        for turn in range(10):
            store.commit(Write(f"s{number}", turn, TURN, Session(turns=turn + 1)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(talk, range(4)))
    assert [store.load(f"s{number}") for number in range(4)] == [Session(turns=10)] * 4
    assert verify(store).records == 4 * 10 * 3
    assert verify(store).ok


def test_forgetting_leaves_a_receipt_and_a_chain_that_holds(store: AnyStore) -> None:
    store.commit(Write("a", 1.0, TURN, Session(turns=1, child="小明")))
    store.commit(Write("b", 1.0, TURN, Session(turns=7)))
    receipt = store.forget("a", 2.0)
    assert (receipt.sessions, receipt.events, receipt.at) == (1, 3, 2.0)
    assert store.load("a") is None
    assert store.sessions_of("小明") == ()
    assert store.trail("a") == (Forgotten(why="asked", sessions=1, events=3),)
    assert store.load("b") == Session(turns=7)
    assert store.trail("b") == TURN
    records = list(store.audit())
    assert [record.event for record in records[:3]] == [None] * 3
    assert [record.seq for record in records] == list(range(1, 8))
    assert verify(store).ok
    assert store.forget("a", 3.0).events == 0


def test_forgetting_removes_what_was_dealt_with_and_strips_what_was_not(store: AnyStore) -> None:
    dealt = closed(case_of("a", name="dealt"), 20.0)
    waiting = case_of("a", name="waiting")
    for case in (dealt, waiting):
        store.commit(Write("a", 1.0, case=case, deliveries=(Delivery.of(case, "r", 1.0),)))
    receipt = store.forget("a", 30.0)
    assert (receipt.cases, receipt.cases_kept) == (1, 1)
    assert store.case("dealt") is None
    assert store.deliveries("dealt") == ()
    bare = {"session": store.digest("a"), "child": None, "summary": "", "note": ""}
    assert store.case("waiting") == waiting.model_copy(update=bare)
    assert store.open_case("a") is None
    assert store.to_raise(1e9) == store.cases() == (waiting.model_copy(update=bare),)
    assert [delivery.case for delivery in store.due(40.0, lease=1.0)] == ["waiting"]


def test_a_late_write_does_not_bring_a_forgotten_name_back(store: AnyStore) -> None:
    dealt, waiting = closed(case_of("a", name="dealt"), 2.0), case_of("a", name="waiting")
    late = Delivery.of(dealt, "r", 1.0).model_copy(update={"status": "delivered"})
    for case in (dealt, waiting):
        store.commit(Write("a", 1.0, case=case))
    store.forget("a", 3.0)
    store.commit(Write("a", 4.0, case=waiting, deliveries=(late,)))
    kept = store.case("waiting")
    assert kept is not None
    assert (kept.session, kept.child, kept.summary) == (store.digest("a"), None, "")
    assert store.open_case("a") is None
    assert store.deliveries("dealt") == ()
    store.commit(Write(kept.session, 5.0, case=closed(kept, 5.0)))
    assert store.cases() == ()


def test_retention_removes_what_is_older_and_never_an_open_case(store: AnyStore) -> None:
    for name, at in (("old", 1.0), ("young", 10.0)):
        store.commit(Write(name, at, TURN, Session(turns=1)))
    waiting, dealt = case_of("x", 0.0, name="waiting"), closed(case_of("y", name="dealt"), 4.0)
    for case in (waiting, dealt):
        store.commit(Write("z", 10.0, case=case, deliveries=(Delivery.of(case, "r", 1.0),)))
    receipt = store.purge(Before(sessions=5.0, events=5.0, cases=5.0), 20.0)
    assert (receipt.sessions, receipt.events, receipt.cases) == (1, 3, 1)
    assert store.load("old") is None
    assert store.trail("old") == ()
    assert store.load("young") == Session(turns=1)
    assert store.trail("young") == TURN
    assert store.cases(closed=True) == (waiting,)
    assert store.deliveries("dealt") == ()
    assert list(store.audit())[-1].event == Forgotten(
        why="retention", sessions=1, events=3, cases=1
    )
    assert verify(store).ok


def test_retention_keeps_a_session_whose_danger_is_not_dealt_with(store: AnyStore) -> None:
    case = case_of("a", 0.0, name="waiting")
    store.commit(Write("a", 1.0, TURN, Session(turns=1), case=case))
    store.purge(Before(sessions=5.0), 20.0)
    assert store.load("a") == Session(turns=1)
    store.commit(Write("a", 21.0, case=closed(case, 21.0)))
    store.purge(Before(sessions=30.0), 40.0)
    assert store.load("a") is None


def test_retention_that_removes_nothing_leaves_no_record(store: AnyStore) -> None:
    store.commit(Write("a", 1.0, TURN, Session()))
    assert store.purge(Before(), 20.0).sessions == 0
    assert store.purge(Before(sessions=1.0, events=1.0, cases=1.0), 20.0).events == 0
    assert len(list(store.audit())) == 3
    store.purge(Before(events=2.0), 30.0)
    assert store.purge(Before(events=1e9), 40.0).events == 0, "receipts are kept"


def test_the_audit_goes_on_behind_a_number_and_across_pages(store: AnyStore) -> None:
    for number in range(5):
        events = tuple(Said(text=f"{number}", by="policy") for _ in range(251))
        store.commit(Write("a", float(number), events))
    assert [record.seq for record in store.audit()] == list(range(1, 1256))
    assert [record.seq for record in store.audit(1253)] == [1254, 1255]
    assert list(store.audit(1255)) == []
    assert {record.session for record in store.audit(1200)} == {store.digest("a")}


def test_digests_are_keyed(store: AnyStore) -> None:
    assert store.digest("a") == store.digest("a") != store.digest("b")
    assert store.digest("a") != MemoryStore().digest("a")
