"""Sessions in memory, the default: nothing of a child outlives the process."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import Protocol

from qiaoban_agent.events import Event
from qiaoban_agent.session import Session


class Store(Protocol):
    """What a store of sessions has to do; every method may be called from any thread.

    `record` must not return before the event is as durable as the store can make it: an
    escalation is recorded before the child is answered.
    """

    def load(self, session: str, /) -> Session | None:
        """The session, or None if it is not known."""
        ...

    def save(self, session: str, state: Session, /) -> None:
        """Keep the session."""
        ...

    def record(self, session: str, event: Event, /) -> None:
        """Add one event to the session's trail."""
        ...

    def trail(self, session: str, /) -> tuple[Event, ...]:
        """The session's recorded events, oldest first."""
        ...

    def forget(self, session: str, /) -> None:
        """Remove everything about the session."""
        ...


class MemoryStore:
    """Keeps the last `sessions` conversations and the last `events` events of each.

    Conversations with an open escalation are the last to be dropped.
    """

    def __init__(self, sessions: int = 10_000, events: int = 500) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._trails: dict[str, deque[Event]] = {}
        self._most_sessions, self._most_events = sessions, events
        self._lock = threading.Lock()

    def load(self, session: str, /) -> Session | None:
        """The session, or None if it is not known."""
        with self._lock:
            return self._sessions.get(session)

    def save(self, session: str, state: Session, /) -> None:
        """Keep the session, and drop the one that was silent longest if there are too many."""
        with self._lock:
            self._sessions[session] = state
            self._sessions.move_to_end(session)
            if len(self._sessions) > self._most_sessions:
                closed = (name for name, kept in self._sessions.items() if not kept.risk.open)
                self._drop(next(closed, next(iter(self._sessions))))

    def record(self, session: str, event: Event, /) -> None:
        """Add one event to the session's trail."""
        with self._lock:
            trail = self._trails.setdefault(session, deque(maxlen=self._most_events))
            trail.append(event)

    def trail(self, session: str, /) -> tuple[Event, ...]:
        """The session's recorded events, oldest first."""
        with self._lock:
            return tuple(self._trails.get(session, ()))

    def forget(self, session: str, /) -> None:
        """Remove everything about the session."""
        with self._lock:
            self._drop(session)

    def _drop(self, session: str) -> None:
        self._sessions.pop(session, None)
        self._trails.pop(session, None)
