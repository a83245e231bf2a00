"""What a store of sessions, trails and cases has to do.

One small interface: `MemoryStore` keeps everything in the process, `SqlStore` in SQLite or
PostgreSQL. Every method may be called from any thread; what is written together becomes durable
together, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from qiaoban_agent.escalation.case import Case, Delivery
from qiaoban_agent.events import Event
from qiaoban_agent.session import Session
from qiaoban_guards.documents import Frozen


@dataclass(frozen=True, slots=True)
class Write:
    """What becomes durable at once: part of a turn, or what an adult did.

    `events` go to the trail of `session` and are already as private as the policy wants them;
    `state` replaces the session; `memory` is what is remembered of a child between sessions, by
    the child's key; `case` and `deliveries` replace those of the same id. `at` is the second
    (Unix) of the events.
    """

    session: str
    at: float
    events: tuple[Event, ...] = ()
    state: Session | None = None
    memory: tuple[str, Session] | None = None
    case: Case | None = None
    deliveries: tuple[Delivery, ...] = ()


class Record(Frozen):
    """One line of the audit: an event, chained to the one before.

    `session` is a keyed hash of the session's name. `hash` covers every other field but `event`,
    which is covered through `digest`, so that an event can be forgotten and the chain still holds;
    `event` is then None. `seq` counts from 1 without gaps.
    """

    seq: int
    at: float
    session: str
    kind: str
    digest: str
    event: Event | None
    previous: str
    hash: str


class Receipt(Frozen):
    """What was removed; the trail keeps it in place of what it tells of.

    `cases` that are still open keep their level and categories until an adult has dealt with them:
    forgetting a child must not silence its call for help.
    """

    at: float
    sessions: int = 0
    events: int = 0
    cases: int = 0
    cases_kept: int = 0

    @classmethod
    def sum(cls, receipts: Sequence[Receipt]) -> Receipt:
        """Several receipts in one."""
        return cls(
            at=max((receipt.at for receipt in receipts), default=0.0),
            sessions=sum(receipt.sessions for receipt in receipts),
            events=sum(receipt.events for receipt in receipts),
            cases=sum(receipt.cases for receipt in receipts),
            cases_kept=sum(receipt.cases_kept for receipt in receipts),
        )


@dataclass(frozen=True, slots=True)
class Before:
    """What retention removes: everything of a kind that is older than its second (Unix).

    None keeps that kind. Sessions count from their last message, closed cases from their closing;
    an open case is never removed by age, nor is the session it is about.
    """

    sessions: float | None = None
    events: float | None = None
    cases: float | None = None


class Store(Protocol):
    """Sessions, the audit trail and the outbox of escalations."""

    def load(self, session: str, /) -> Session | None:
        """The session, or None if it is not known."""
        ...

    def commit(self, write: Write, /) -> None:
        """Make `write` durable, whole or not at all; returns only once it is."""
        ...

    def trail(self, session: str, /) -> tuple[Event, ...]:
        """The session's recorded events, oldest first; forgotten ones are not among them."""
        ...

    def forget(self, session: str, at: float, /) -> Receipt:
        """Remove the session, its events, and its cases so far as they are dealt with."""
        ...

    def sessions_of(self, child: str, /) -> tuple[str, ...]:
        """The names of a child's sessions, as `Session.child` tells them."""
        ...

    def case(self, case: str, /) -> Case | None:
        """The case of that id."""
        ...

    def cases(self, *, closed: bool = False) -> tuple[Case, ...]:
        """Cases that are not closed, the gravest first, then the oldest; all, with `closed`."""
        ...

    def open_case(self, session: str, /) -> Case | None:
        """The session's case that is not closed, if there is one."""
        ...

    def deliveries(self, case: str, /) -> tuple[Delivery, ...]:
        """The deliveries of a case, in the order in which they were begun."""
        ...

    def due(self, at: float, *, lease: float, limit: int = 100) -> tuple[Delivery, ...]:
        """Take pending deliveries whose time has come, and lease them.

        What is leased is given to nobody else for `lease` seconds, or until it is written again.
        """
        ...

    def to_raise(self, at: float, /) -> tuple[Case, ...]:
        """Open cases whose `raise_at` has come."""
        ...

    def audit(self, after: int = 0) -> Iterator[Record]:
        """The audit from the record behind `after` on, oldest first, in constant memory."""
        ...

    def purge(self, before: Before, at: float, /) -> Receipt:
        """Remove what retention no longer keeps."""
        ...

    def digest(self, text: str, /) -> str:
        """A keyed hash of a text: the same text has the same one in this store only."""
        ...
