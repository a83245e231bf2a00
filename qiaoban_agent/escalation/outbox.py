"""The outbox: every delivery that is due is made, tried again, and recorded, until an adult knows.

What is to be told is durable before the child is answered; this is the part that tells it. It may
be killed at any moment: whatever was not written as delivered is delivered again, under the same
idempotency key, by whoever looks into the store next.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from qiaoban_agent.escalation import settling
from qiaoban_agent.escalation.attempts import attempted, obstacle
from qiaoban_agent.escalation.case import Case, Delivery
from qiaoban_agent.escalation.message import Letter
from qiaoban_agent.escalation.routes import GRACE, Functions, told
from qiaoban_agent.store.base import Store, Write
from qiaoban_agent.store.memory import MemoryStore
from qiaoban_guards.policy import Policy

_LOG = logging.getLogger("qiaoban.escalation")
_MOST = 32
"""How many deliveries run at once."""
_AGAIN = 30.0
"""Seconds after which a store that failed, or a delivery that somebody left, is looked at again;
also what a lease lasts beyond the longest attempt."""
_NAP = 60.0
"""The longest sleep while a case is open, in seconds: clocks jump, and other processes die."""


class Outbox:
    """Delivers what the store holds, in daemon threads of its own, by the policy in force.

    `functions` are those that `callable` routes name. Outboxes of several processes may share a
    store: what one has leased, no other delivers. Nothing is raised; what goes wrong is logged.
    """

    def __init__(
        self,
        store: Store,
        policy: Callable[[], Policy],
        functions: Functions | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._policy, self._clock = store, policy, clock
        self._functions = dict(functions or {})
        self._spare: Outbox | None = None
        self._seen: Policy | None = None
        self._running: dict[str, threading.Thread] = {}
        self._reported: set[tuple[str, int]] = set()
        self._settling = threading.Lock()
        self._gate = threading.Lock()
        self._wanted = threading.Event()
        self._worker: threading.Thread | None = None
        self._closing = False

    def run_once(self, at: float | None = None) -> float | None:
        """Deliver what is due at second `at`, or now, and wait for it.

        Returns the second (Unix) at which something is due next, None while no case waits.
        """
        if self._spare is not None:
            self._spare.run_once(at)
        moment = self._clock if at is None else lambda: at
        while True:
            now = moment()
            begun = self._begin(now, moment)
            for thread in begun:
                thread.join()
            if not begun:
                return self._next(now)

    def start(self) -> None:
        """Look for what another process left behind; the same as `wake`."""
        self.wake()

    def wake(self) -> None:
        """Let the worker look now; it is started where there is none, and ends with the last case.

        At the end of the process it has five seconds left for what runs.
        """
        with self._gate:
            self._wanted.set()
            if self._worker is not None and self._worker.is_alive():
                return
            with _logged("starting the worker"):  # there are no new threads at the end of a process
                self._worker = threading.Thread(
                    target=self._work, name="qiaoban-outbox", daemon=True
                )
                self._worker.start()
                atexit.register(self.close)

    def close(self, seconds: float = 5.0) -> None:
        """Deliver what is due now, wait at most `seconds` for what runs, and stop the worker.

        What is not over then stays in the store.
        """
        ends = time.monotonic() + seconds
        if self._spare is not None:
            self._spare.close(seconds)
        with self._gate:
            worker, self._closing = self._worker, True
            self._wanted.set()
        try:
            if worker is not None:
                worker.join(max(ends - time.monotonic(), 0.0))
            with self._gate:
                running = tuple(self._running.values())
            for thread in running:
                thread.join(max(ends - time.monotonic(), 0.0))
        finally:
            with self._gate:
                self._closing = worker is not None and worker.is_alive()

    def rescue(self, case: Case, deliveries: tuple[Delivery, ...]) -> None:
        """Deliver from memory what the store did not take, and write it there when it can.

        Until then the case ends with the process.
        """
        _LOG.warning("the store took no case %s; it is delivered from memory", case.id)
        with self._gate:
            if self._spare is None:
                self._spare = Outbox(MemoryStore(), self._policy, self._functions, self._clock)
            spare = self._spare
        with spare._settling, _logged(f"keeping case {case.id}"):
            spare._store.commit(
                Write(session=case.session, at=self._clock(), case=case, deliveries=deliveries)
            )
        spare.wake()
        self.wake()

    def _work(self) -> None:
        while True:
            self._wanted.clear()
            now = self._clock()
            self._begin(now, self._clock)
            then = self._next(now)
            with self._gate:
                if self._wanted.is_set():
                    continue
                if self._closing or (then is None and not self._running):
                    self._worker = None
                    atexit.unregister(self.close)
                    return
            wait = _NAP if then is None else then - self._clock()
            self._wanted.wait(min(max(wait, 0.0), _NAP))

    def _begin(self, now: float, moment: Callable[[], float]) -> list[threading.Thread]:
        """Call on the rungs whose time has come, and begin every delivery that is due."""
        begun: list[threading.Thread] = []
        self._hand_over(now)
        with _logged("raising cases"):
            policy = self._policy().escalation
            if self._policy() is not self._seen:
                with self._settling:
                    settling.revive(self._store, policy, now)
                self._seen = self._policy()
            for case in self._store.to_raise(now):
                with self._settling, _logged(f"raising case {case.id}"):
                    settling.call_on_next(self._store, case.id, policy, now)
        with _logged("looking for deliveries"):
            lease = max(route.seconds for route in self._policy().escalation.routes)
            room = _MOST - len(self._running)
            taken = self._store.due(now, lease=lease + GRACE + _AGAIN, limit=room) if room else ()
            for delivery in taken:
                begun += self._started(delivery, moment)
        return begun

    def _started(self, delivery: Delivery, moment: Callable[[], float]) -> list[threading.Thread]:
        """The delivery on its way, unless it is already."""
        with self._gate:
            known = self._running.get(delivery.id)
            if known is not None and known.is_alive():
                return []
            thread = threading.Thread(
                target=self._deliver,
                args=(delivery, moment),
                name="qiaoban-delivery",
                daemon=True,
            )
            self._running[delivery.id] = thread
            try:
                thread.start()
            except RuntimeError:  # no more threads: the lease ends, and it is tried again
                del self._running[delivery.id]
                raise
        return [thread]

    def _deliver(self, delivery: Delivery, moment: Callable[[], float]) -> None:
        try:
            with _logged(f"delivery {delivery.id}"):
                self._attempt(delivery, moment)
        finally:
            with self._gate:
                del self._running[delivery.id]
            self._wanted.set()

    def _attempt(self, delivery: Delivery, moment: Callable[[], float]) -> None:
        policy = self._policy()
        rules = policy.escalation
        case = self._store.case(delivery.case)
        ended: Delivery | None = delivery
        if case is not None:
            ended = obstacle(delivery, case, self._store.deliveries(case.id), rules)
            route = rules.route(delivery.route)
            if ended is None and route is not None:
                letter = Letter(delivery.id, case, policy, moment())
                error = told(route, letter, self._functions)
                ended = attempted(delivery, error, rules.retry, moment())
        if ended is not None:
            with self._settling:
                settling.settle(self._store, ended, self._policy().escalation, moment())

    def _hand_over(self, now: float) -> None:
        """Write what was rescued, unless it is just being delivered."""
        spare = self._spare
        if spare is None:
            return
        for case in spare._store.cases():
            with spare._settling, _logged(f"writing case {case.id}"):
                ours = {delivery.id for delivery in spare._store.deliveries(case.id)}
                if not ours & spare._running.keys():
                    settling.hand_over(spare._store, self._store, case, now)

    def _next(self, now: float) -> float | None:
        """When something is due next; a case that nobody is called for any more is reported."""
        then: float | None = now + _AGAIN
        with _logged("looking at open cases"):
            cases = self._store.cases()
            for case in settling.hopeless(cases):
                self._report(case)
            then = settling.due_next(self._store, cases, now, _AGAIN, tuple(self._running))
        if self._spare is None or not self._spare._store.cases():
            return then
        return now + _AGAIN if then is None else min(then, now + _AGAIN)

    def _report(self, case: Case) -> None:
        if (case.id, case.revision) in self._reported:
            return
        self._reported.add((case.id, case.revision))
        why = "no route may be used" if case.stranded else "every rung was called on"
        _LOG.error("nobody has acknowledged case %s (%s), and %s", case.id, case.level.label, why)


@contextmanager
def _logged(doing: str) -> Generator[None, None, None]:
    """Log what goes wrong by its kind only, and go on: its text may quote what a child wrote."""
    try:
        yield
    except Exception as error:
        _LOG.warning("outbox: %s: %s", doing, type(error).__name__)
