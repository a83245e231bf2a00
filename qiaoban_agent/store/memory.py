"""A store in memory, the default: nothing of a child outlives the process."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from qiaoban_agent.escalation.case import Case, Delivery
from qiaoban_agent.events import Event, Forgotten
from qiaoban_agent.session import Session
from qiaoban_agent.store.base import Before, Receipt, Record, Write
from qiaoban_agent.store.cases import Cases
from qiaoban_agent.store.chain import Head, Line, Seal, beginning, linked, moved, written
from qiaoban_agent.store.forgetting import forgotten

_PAGE = 500
"""Records that are copied at once."""


@dataclass(slots=True)
class _Kept:
    """What is kept under one name: the session, and its last events by their number in the audit.

    `at` is the second (Unix) of its last message.
    """

    name: str = ""
    state: Session | None = None
    at: float = 0.0
    child: str | None = None
    events: OrderedDict[int, tuple[float, Event]] = field(
        default_factory=OrderedDict[int, tuple[float, Event]]
    )


class MemoryStore:
    """Keeps the last `sessions` conversations and the last `events` events of each.

    Conversations with an open case, or an open danger, are the last to be dropped. Of the audit
    the last `records` lines are kept, with the events that the conversations still have.
    """

    def __init__(self, sessions: int = 10_000, events: int = 500, records: int = 50_000) -> None:
        self._most_sessions, self._most_events = sessions, events
        self._most_records = records
        self._seal = Seal(secrets.token_bytes(32))
        self._head = beginning(self._seal)
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lines: deque[Line] = deque()
        self._cases = Cases(sessions, self.digest)
        self._lock = threading.RLock()

    @property
    def seal(self) -> Seal:
        """The key of the chain and of every digest, another one in every process."""
        return self._seal

    def load(self, session: str, /) -> Session | None:
        """The session, or None if it is not known."""
        with self._lock:
            kept = self._kept.get(self.digest(session))
            return kept.state if kept is not None else None

    def commit(self, write: Write, /) -> None:
        """Keep `write`, whole or not at all, and drop what was silent longest if it is too much."""
        bodies = [written(event) for event in write.events]
        with self._lock:
            self._cases.check(write.case, write.deliveries)
            digest = self.digest(write.session)
            for event, body in zip(write.events, bodies, strict=True):
                self._append(digest, write.at, event, body)
            if write.state is not None:
                self._keep(write.session, write.state, write.at, write.state.child)
            if write.memory is not None:
                self._keep(*write.memory, write.at, None)
            if write.case is not None:
                self._cases.put(write.case)
            for delivery in write.deliveries:
                self._cases.deliver(delivery)
            self._make_room()

    def trail(self, session: str, /) -> tuple[Event, ...]:
        """The session's recorded events, oldest first; forgotten ones are not among them."""
        with self._lock:
            kept = self._kept.get(self.digest(session))
            return tuple(event for _, event in kept.events.values()) if kept is not None else ()

    def forget(self, session: str, at: float, /) -> Receipt:
        """Remove the session, its events, and its cases so far as they are dealt with."""
        digest = self.digest(session)
        with self._lock:
            kept = self._kept.get(digest, _Kept())
            gone, stay = self._cases.forget(digest)
            receipt = Receipt(
                at=at,
                sessions=_without_state(kept),
                events=_without_events(kept, list(kept.events)),
                cases=gone,
                cases_kept=stay,
            )
            self._note(digest, receipt, asked=True)
        return receipt

    def sessions_of(self, child: str, /) -> tuple[str, ...]:
        """The names of a child's sessions, the one that was silent longest first."""
        with self._lock:
            ours = [kept for kept in self._kept.values() if kept.child == child]
        return tuple(kept.name for kept in sorted(ours, key=lambda kept: kept.at))

    def case(self, case: str, /) -> Case | None:
        """The case of that id."""
        with self._lock:
            return self._cases.get(case)

    def cases(self, *, closed: bool = False) -> tuple[Case, ...]:
        """Cases that are not closed, the gravest first, then the oldest; all, with `closed`."""
        with self._lock:
            return self._cases.all(closed=closed)

    def open_case(self, session: str, /) -> Case | None:
        """The session's case that is not closed, if there is one."""
        with self._lock:
            return self._cases.open_case(self.digest(session))

    def deliveries(self, case: str, /) -> tuple[Delivery, ...]:
        """The deliveries of a case, in the order in which they were begun."""
        with self._lock:
            return self._cases.of_case(case)

    def due(self, at: float, *, lease: float, limit: int = 100) -> tuple[Delivery, ...]:
        """Take pending deliveries whose time has come, and lease them."""
        with self._lock:
            return self._cases.due(at, lease, limit)

    def to_raise(self, at: float, /) -> tuple[Case, ...]:
        """Open cases whose `raise_at` has come."""
        with self._lock:
            return self._cases.to_raise(at)

    def audit(self, after: int = 0) -> Iterator[Record]:
        """The audit from the record behind `after` on, oldest first."""
        while lines := self.lines(after, _PAGE):
            for line in lines:
                yield line.record()
            after = lines[-1].seq

    def purge(self, before: Before, at: float, /) -> Receipt:
        """Remove what retention no longer keeps."""
        with self._lock:
            receipt = Receipt(
                at=at,
                sessions=self._purge_states(before.sessions),
                events=self._purge_events(before.events),
                cases=0 if before.cases is None else self._cases.purge(before.cases),
            )
            empty = [name for name, kept in self._kept.items() if kept == _Kept(at=kept.at)]
            for name in empty:
                del self._kept[name]
            if receipt != Receipt(at=at):
                self._note(self.digest(""), receipt, asked=False)
        return receipt

    def digest(self, text: str, /) -> str:
        """A keyed hash of a text: the same text has the same one in this store only."""
        return self._seal.of("text", text)

    def head(self) -> Head:
        """The end of the audit's chain, and how much of its beginning was dropped."""
        with self._lock:
            return self._head

    def lines(self, after: int, limit: int) -> tuple[Line, ...]:
        """At most `limit` lines of the audit behind the number `after`, in order."""
        with self._lock:
            start = max(0, after - self._head.dropped)
            return tuple(self._whole(line) for line in islice(self._lines, start, start + limit))

    def _whole(self, line: Line) -> Line:
        """The line with its event, if that is still kept."""
        kept = self._kept.get(line.session)
        event = kept.events.get(line.seq) if kept is not None else None
        return line if event is None else replace(line, body=written(event[1]))

    def _append(self, digest: str, at: float, event: Event, body: str) -> None:
        line = linked(self._seal, self._head, session=digest, at=at, kind=event.kind, body=body)
        self._head = moved(self._seal, self._head, line)
        self._lines.append(replace(line, body=None))
        events = self._kept.setdefault(digest, _Kept()).events
        events[line.seq] = (at, event)
        self._kept.move_to_end(digest)
        if len(events) > self._most_events:
            events.popitem(last=False)

    def _keep(self, name: str, state: Session, at: float, child: str | None) -> None:
        digest = self.digest(name)
        kept = self._kept.setdefault(digest, _Kept())
        kept.name, kept.state, kept.at, kept.child = name, state, at, child
        self._kept.move_to_end(digest)

    def _note(self, digest: str, receipt: Receipt, *, asked: bool) -> None:
        event = forgotten(receipt, asked=asked)
        self._append(digest, receipt.at, event, written(event))
        self._make_room()

    def _make_room(self) -> None:
        while len(self._kept) > self._most_sessions:
            calm = (name for name, kept in self._kept.items() if not self._in_danger(name, kept))
            del self._kept[next(calm, next(iter(self._kept)))]
        while len(self._lines) > self._most_records:
            line = self._lines.popleft()
            self._head = replace(self._head, dropped=line.seq, before=line.hash)

    def _in_danger(self, digest: str, kept: _Kept) -> bool:
        latched = kept.state is not None and kept.state.risk.open
        return latched or self._cases.open_case(digest) is not None

    def _purge_states(self, before: float | None) -> int:
        old = [
            kept
            for digest, kept in self._kept.items()
            if before is not None and kept.at < before and self._cases.open_case(digest) is None
        ]
        return sum(_without_state(kept) for kept in old)

    def _purge_events(self, before: float | None) -> int:
        if before is None:
            return 0
        return sum(
            _without_events(kept, [seq for seq, (at, _) in kept.events.items() if at < before])
            for kept in self._kept.values()
        )


def _without_state(kept: _Kept) -> int:
    """Remove the session; how many there were."""
    known = kept.state is not None
    kept.name, kept.state, kept.child = "", None, None
    return int(known)


def _without_events(kept: _Kept, which: list[int]) -> int:
    """Remove events, receipts of removal excepted; how many there were."""
    gone = [seq for seq in which if not isinstance(kept.events[seq][1], Forgotten)]
    for seq in gone:
        del kept.events[seq]
    return len(gone)
