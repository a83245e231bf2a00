"""One turn at a time for each session, first come first served, for threads and tasks alike."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError

from qiaoban_agent.errors import SessionBusyError


class SessionLocks:
    """Tickets per session; a session nobody waits for takes no memory."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Future[None]]] = {}
        self._lock = threading.Lock()

    def acquire(self, session: str, seconds: float) -> None:
        """Wait for the session's turn; SessionBusyError after `seconds`."""
        ticket = self._ticket(session)
        try:
            ticket.result(timeout=seconds)
        except FutureTimeoutError:
            raise self._give_up(session, ticket) from None
        except BaseException:
            self._give_up(session, ticket)
            raise

    async def acquire_async(self, session: str, seconds: float) -> None:
        """The same without blocking the event loop."""
        ticket = self._ticket(session)
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(ticket)), seconds)
        except TimeoutError:
            raise self._give_up(session, ticket) from None
        except BaseException:
            self._give_up(session, ticket)
            raise

    def release(self, session: str) -> None:
        """Let the next one in."""
        with self._lock:
            queue = self._queues[session]
            queue.popleft()
            self._serve_next(session, queue)

    def _ticket(self, session: str) -> Future[None]:
        ticket: Future[None] = Future()
        with self._lock:
            queue = self._queues.setdefault(session, deque())
            queue.append(ticket)
            if len(queue) == 1:
                ticket.set_result(None)
        return ticket

    def _serve_next(self, session: str, queue: deque[Future[None]]) -> None:
        if queue:
            queue[0].set_result(None)
        else:
            del self._queues[session]

    def _give_up(self, session: str, ticket: Future[None]) -> SessionBusyError:
        with self._lock:
            queue = self._queues[session]
            was_served = queue[0] is ticket
            queue.remove(ticket)
            if was_served:
                self._serve_next(session, queue)
        return SessionBusyError(
            f"the previous turn of session {session!r} is not finished; "
            "read its stream to the end or close it"
        )
