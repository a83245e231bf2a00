"""Whatever is done to them, the store in memory and the one in SQLite tell the same."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_agent.escalation.case import Case, Delivery, Status
from qiaoban_agent.events import Event, Finished, Heard
from qiaoban_agent.session import Session
from qiaoban_agent.store import Before, MemoryStore, SqlStore, StoreError, Write
from qiaoban_agent.store.chain import verify
from qiaoban_guards.risk import Category, RiskLevel

AnyStore = MemoryStore | SqlStore
Step = Callable[[AnyStore], object]

NAMES = ("a", "b", "memory of 小明")
NAME = st.sampled_from(NAMES)
TIME = st.integers(0, 12).map(float)
EVENT: st.SearchStrategy[Event] = st.sampled_from([Heard(text="我"), Finished(text="嗯")])
STATE = (
    st.builds(Session, turns=st.integers(0, 3), child=st.sampled_from([None, "小明"])) | st.none()
)


def case_of(identity: str, session: str, at: float, status: Status, level: RiskLevel) -> Case:
    # a case stays with its session: its id tells which
    return Case(
        id=f"{session} {identity}",
        session=session,
        child="小明",
        opened_at=at,
        level=level,
        categories=(Category.ABUSE,),
        turn=1,
        policy="default",
        status=status,
        raise_at=at,
        closed_at=at if status is Status.CLOSED else None,
    )


@st.composite
def writes(draw: st.DrawFn) -> Write:
    """A write of anything, with a case of its own session and that case's deliveries."""
    name, at = draw(NAME), draw(TIME)
    case: Case | None = None
    deliveries: tuple[Delivery, ...] = ()
    if draw(st.booleans()):
        status, level = draw(st.sampled_from(Status)), draw(st.sampled_from(RiskLevel))
        case = case_of(draw(st.sampled_from("xy")), name, at, status, level)
        routes = draw(st.lists(st.sampled_from("pq"), unique=True))
        deliveries = tuple(Delivery.of(case, route, at) for route in routes)
    return Write(
        name,
        at,
        tuple(draw(st.lists(EVENT, max_size=3))),
        draw(STATE),
        case=case,
        deliveries=deliveries,
    )


def _forget(name: str, at: float) -> Step:
    return lambda store: store.forget(name, at)


def _purge(sessions: float | None, events: float | None, cases: float | None) -> Step:
    return lambda store: store.purge(Before(sessions, events, cases), 50.0)


def _due(at: float, limit: int) -> Step:
    return lambda store: sorted(one.id for one in store.due(at, lease=2.0, limit=limit))


def _commit(write: Write) -> Step:
    def step(store: AnyStore) -> object:
        try:
            store.commit(write)
        except StoreError as error:
            return str(error)
        return None

    return step


MAYBE = TIME | st.none()
STEP: st.SearchStrategy[Step] = st.one_of(
    writes().map(_commit),
    st.builds(_forget, NAME, TIME),
    st.builds(_purge, MAYBE, MAYBE, MAYBE),
    st.builds(_due, TIME, st.just(100)),
)


def bare(store: AnyStore, case: Case | None) -> Case | None:
    """A case with its session's digest, which is another in every store, told by its name."""
    digests = {store.digest(name): f"digest of {name}" for name in NAMES}
    if case is None:
        return None
    return case.model_copy(update={"session": digests.get(case.session, case.session)})


def told(store: AnyStore) -> list[object]:
    """Everything that a store can be asked."""
    every = store.cases(closed=True)
    return [
        [store.load(name) for name in NAMES],
        [store.trail(name) for name in NAMES],
        [bare(store, store.open_case(name)) for name in NAMES],
        sorted(store.sessions_of("小明")),
        [bare(store, case) for case in every],
        [bare(store, case) for case in store.cases()],
        [bare(store, case) for case in store.to_raise(6.0)],
        [store.deliveries(case.id) for case in every],
        [(record.seq, record.at, record.kind, record.event) for record in store.audit()],
        verify(store).ok,
    ]


@settings(max_examples=40, deadline=None)
@given(st.lists(STEP, max_size=12))
def test_both_stores_tell_the_same(steps: list[Step]) -> None:
    memory = MemoryStore()
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(SqlStore(str(Path(folder) / "a.db"))) as sql,
    ):
        for step in steps:
            assert step(memory) == step(sql)
        assert told(memory) == told(sql)
        assert verify(memory).ok
