"""The outbox's own threads, the store that fails, and the process that ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qiaoban_agent.escalation.case import Case, Delivery
from qiaoban_agent.escalation.ladder import climb
from qiaoban_agent.escalation.outbox import Outbox
from qiaoban_agent.store import store_from
from qiaoban_agent.store.base import Write
from qiaoban_agent.store.memory import MemoryStore
from qiaoban_guards.risk import RiskLevel
from qiaoban_guards.risk.implicated import Person
from tests.agent.escalation.cases import (
    START,
    Adults,
    delivered,
    function_route,
    policy_with,
    put_case,
    raised,
    statuses,
)

POLICY = policy_with(function_route("staff"), function_route("school", "school"))
_SOON = 20


class Broken(MemoryStore):
    """A store that takes nothing while it is `down`."""

    down = False

    def commit(self, write: Write, /) -> None:
        if self.down:
            raise OSError("disk full: 爸爸打我")
        super().commit(write)

    def due(self, at: float, *, lease: float, limit: int = 100) -> tuple[Delivery, ...]:
        if self.down:
            raise OSError("disk full")
        return super().due(at, lease=lease, limit=limit)


class Bell:
    """A function for a route that can be waited for."""

    def __init__(self) -> None:
        self.cases: list[Case] = []
        self._rang = threading.Semaphore(0)

    def __call__(self, case: Case) -> None:
        self.cases.append(case)
        self._rang.release()

    def wait(self) -> None:
        assert self._rang.acquire(timeout=_SOON)


def workers() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "qiaoban-outbox"]


def rescued(outbox: Outbox, **changes: Any) -> Case:
    """A case that the store did not take, as a turn hands it over."""
    store = MemoryStore()
    case = put_case(store, POLICY, **changes)
    outbox.rescue(case, store.deliveries(case.id))
    return case


def test_a_worker_delivers_when_it_is_woken_and_stops_when_it_is_closed() -> None:
    store, bell = MemoryStore(), Bell()
    outbox = Outbox(store, lambda: POLICY, {"staff": bell}, clock=lambda: START)
    before = len(workers())
    first = put_case(store, POLICY)
    outbox.wake()
    bell.wait()
    second = put_case(store, POLICY, session="b")
    outbox.wake()
    bell.wait()
    outbox.close(_SOON)
    assert len(workers()) == before
    assert [case.id for case in bell.cases] == [first.id, second.id]
    assert statuses(store, second) == [("staff", "delivered")]


def test_a_worker_ends_with_the_last_case_and_comes_back_with_the_next() -> None:
    store, bell = MemoryStore(), Bell()
    outbox = Outbox(store, lambda: POLICY, {"staff": bell}, clock=lambda: START)
    before = set(workers())
    outbox.start()
    for worker in set(workers()) - before:
        worker.join(_SOON)
        assert not worker.is_alive()
    put_case(store, POLICY)
    outbox.wake()
    bell.wait()
    outbox.close(_SOON)


def test_an_outbox_that_was_closed_still_delivers_what_comes_after() -> None:
    store, bell = MemoryStore(), Bell()
    outbox = Outbox(store, lambda: POLICY, {"staff": bell}, clock=lambda: START)
    outbox.close(_SOON)
    put_case(store, POLICY)
    outbox.wake()
    bell.wait()
    outbox.close(_SOON)


def test_one_that_hangs_keeps_nobody_else_waiting() -> None:
    store, bell, stuck = MemoryStore(), Bell(), threading.Event()
    policy = policy_with(
        function_route("stuck", seconds=_SOON), function_route("staff"), ladder=[["stuck", "staff"]]
    )

    def hang(case: Case) -> None:
        stuck.wait(_SOON)

    functions: dict[str, Callable[[Case], None]] = {"staff": bell, "stuck": hang}
    outbox = Outbox(store, lambda: policy, functions, clock=lambda: START)
    put_case(store, policy)
    outbox.wake()
    bell.wait()
    put_case(store, policy, session="b")
    outbox.wake()
    bell.wait()
    stuck.set()
    outbox.close(_SOON)
    assert sorted(case.session for case in bell.cases) == ["a", "b"]


def test_a_store_that_fails_after_the_delivery_gets_it_again_under_the_same_key() -> None:
    store, adults = Broken(), Adults()
    case = put_case(store, POLICY)

    def tell(told: Case) -> None:
        adults.told.append(("staff", told))
        store.down = len(adults.told) == 1

    outbox = Outbox(store, lambda: POLICY, {"staff": tell})
    then = outbox.run_once(START)
    assert then is not None
    store.down = False
    before = store.deliveries(case.id)
    outbox.run_once(START + 600)
    assert len(adults.told) == 2
    assert statuses(store, case) == [("staff", "delivered")]
    assert [one.id for one in store.deliveries(case.id)] == [one.id for one in before]


def test_a_case_that_the_store_did_not_take_is_told_from_memory_and_written_later() -> None:
    store, bell = Broken(), Bell()
    store.down = True
    outbox = Outbox(store, lambda: POLICY, {"staff": bell}, clock=lambda: START)
    case = rescued(outbox)
    bell.wait()
    outbox.close(_SOON)
    assert store.cases() == ()
    store.down = False
    then = outbox.run_once(START)
    assert store.case(case.id) == case
    assert statuses(store, case) == [("staff", "delivered")]
    assert [event.error for event in delivered(store)] == [""]
    assert then == case.raise_at
    outbox.run_once(then)
    assert len(bell.cases) == 1
    assert raised(store)[0].routes == ("school",)


def test_a_case_in_memory_climbs_its_ladder_too() -> None:
    store, adults = Broken(), Adults(failing={"staff"})
    store.down = True
    outbox = Outbox(store, lambda: POLICY, adults.functions("staff", "school"))
    case = rescued(outbox)
    outbox.close(_SOON)
    assert case.raise_at is not None
    outbox.run_once(case.raise_at)
    assert "school" in adults.names()


@pytest.mark.parametrize("revision", [1, 2])
def test_a_rescued_case_never_replaces_one_that_got_graver_in_the_store(revision: int) -> None:
    store, bell = Broken(), Bell()
    outbox = Outbox(store, lambda: POLICY, {"staff": bell}, clock=lambda: START)
    store.down = True
    case = rescued(outbox)
    bell.wait()
    outbox.close(_SOON)
    store.down = False
    later: dict[str, Any] = {"id": case.id, "revision": revision, "level": RiskLevel.IMMINENT}
    put_case(store, POLICY, implicated=frozenset({Person.FATHER, Person.TEACHER}), **later)
    outbox.run_once(START)
    known = store.case(case.id)
    assert known is not None
    assert known.level is RiskLevel.IMMINENT
    assert Person.TEACHER in known.implicated
    assert ("staff", "delivered") in statuses(store, case)


def test_nothing_is_raised_and_no_words_are_logged_when_all_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, adults = Broken(), Adults(failing={"staff"})
    put_case(store, POLICY)
    outbox = Outbox(store, lambda: POLICY, adults.functions("staff"))
    store.down = True
    assert outbox.run_once(START) is not None
    assert caplog.records
    assert "爸爸" not in caplog.text


def test_a_lease_outlasts_an_attempt() -> None:
    leases: list[float] = []

    class Watched(MemoryStore):
        def due(self, at: float, *, lease: float, limit: int = 100) -> tuple[Delivery, ...]:
            leases.append(lease)
            return super().due(at, lease=lease, limit=limit)

    policy = policy_with(function_route("staff", seconds=50))
    Outbox(Watched(), lambda: policy).run_once(START)
    assert min(leases) > 50


def test_what_was_pending_is_delivered_by_the_next_process(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    address, adults = f"sqlite:///{tmp_path / 'cases.db'}", Adults(failing={"staff"})
    case = put_case(store_from(address), POLICY)
    Outbox(store_from(address), lambda: POLICY, adults.functions("staff")).run_once(START)
    adults.failing.clear()
    store = store_from(address)
    Outbox(store, lambda: POLICY, adults.functions("staff")).run_once(START + 60)
    assert statuses(store, case) == [("staff", "delivered")]
    assert [event.attempt for event in delivered(store)] == [1, 2]


def test_a_process_that_ends_at_once_has_still_told_somebody() -> None:
    script = """
from tests.agent.escalation.cases import START, function_route, policy_with, put_case
from qiaoban_agent.escalation.outbox import Outbox
from qiaoban_agent.store.memory import MemoryStore
policy, store = policy_with(function_route("staff")), MemoryStore()
put_case(store, policy)
told = lambda case: print("told", case.session, flush=True)
Outbox(store, lambda: policy, {"staff": told}, clock=lambda: START).wake()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "told a\n"
    assert done.stderr == ""


def test_climbing_twice_asks_nobody_twice() -> None:
    case = put_case(MemoryStore(), POLICY)
    one, other = (climb(case, POLICY.escalation, START) for _ in range(2))
    assert [d.id for d in one.deliveries] == [d.id for d in other.deliveries]
