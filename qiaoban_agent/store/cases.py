"""Cases and deliveries in memory, with the rules of the tables of the SQL store."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qiaoban_agent.escalation.case import Case, Delivery, joined
from qiaoban_agent.store.forgetting import closed_from, due_from, homeless, raise_from, stripped


class Cases:
    """Keeps `most` cases; closed ones are dropped first. The caller holds a lock."""

    def __init__(self, most: int, digest: Callable[[str], str]) -> None:
        self._most, self._digest = most, digest
        self._cases: dict[str, Case] = {}
        self._stripped: set[str] = set()
        self._open: dict[str, Case] = {}
        self._of_session: dict[str, set[str]] = {}
        self._deliveries: dict[str, dict[str, Delivery]] = {}
        self._due: dict[str, tuple[float, Delivery]] = {}

    def check(self, case: Case | None, deliveries: Iterable[Delivery]) -> None:
        """StoreError for a pending delivery whose case is neither here nor comes with it."""
        coming = case.id if case is not None else ""
        for delivery in deliveries:
            known = delivery.case in self._cases or delivery.case == coming
            if not known and delivery.status == "pending":
                raise homeless(delivery)

    def put(self, case: Case) -> None:
        """Write a case, joined with what is here of it.

        One whose child was forgotten meanwhile stays without its name.
        """
        if (known := self._cases.get(case.id)) is not None:
            case = joined(known, case)
        if case.id in self._stripped:
            case = stripped(case, self._cases[case.id].session)
        else:
            self._of_session.setdefault(self._digest(case.session), set()).add(case.id)
        self._cases[case.id] = case
        if closed_from(case) is None:
            self._open[case.id] = case
        else:
            self._open.pop(case.id, None)
        if len(self._cases) > self._most:
            closed = (name for name in self._cases if name not in self._open)
            self._drop(next(closed, next(iter(self._cases))))

    def deliver(self, delivery: Delivery) -> None:
        """Write a delivery, which ends its lease; one whose case is gone is left out."""
        if delivery.case not in self._cases:
            return
        self._deliveries.setdefault(delivery.case, {})[delivery.id] = delivery
        at = due_from(delivery)
        if at is None:
            self._due.pop(delivery.id, None)
        else:
            self._due[delivery.id] = (at, delivery)

    def get(self, case: str) -> Case | None:
        """The case of that id."""
        return self._cases.get(case)

    def all(self, *, closed: bool) -> tuple[Case, ...]:
        """Cases that are not closed, or all, the gravest first, then the oldest."""
        return _gravest((self._cases if closed else self._open).values())

    def open_case(self, digest: str) -> Case | None:
        """The gravest case of a session that is not closed."""
        ids = self._of_session.get(digest, set()) & self._open.keys()
        return next(iter(_gravest(self._open[name] for name in ids)), None)

    def of_case(self, case: str) -> tuple[Delivery, ...]:
        """The deliveries of a case, in the order in which they were begun."""
        return tuple(self._deliveries.get(case, {}).values())

    def due(self, at: float, lease: float, limit: int) -> tuple[Delivery, ...]:
        """Take and lease what is due, the longest due first."""
        ready = [(when, name) for name, (when, _) in self._due.items() if when <= at]
        taken = [self._due[name][1] for _, name in sorted(ready, key=lambda one: one[0])[:limit]]
        for delivery in taken:
            self._due[delivery.id] = (at + lease, delivery)
        return tuple(taken)

    def to_raise(self, at: float) -> tuple[Case, ...]:
        """Open cases whose `raise_at` has come."""
        whens = ((raise_from(case), case) for case in self._open.values())
        return _gravest(case for when, case in whens if when is not None and when <= at)

    def forget(self, digest: str) -> tuple[int, int]:
        """How many cases of a session were removed, and how many kept without its name."""
        ids = self._of_session.pop(digest, set())
        kept = ids & self._open.keys()
        for name in kept:
            self._stripped.add(name)
            self._cases[name] = self._open[name] = stripped(self._cases[name], digest)
        for name in ids - kept:
            self._drop(name)
        return len(ids - kept), len(kept)

    def purge(self, before: float) -> int:
        """Remove the cases that were closed before a second (Unix); how many there were."""
        closings = ((name, closed_from(case)) for name, case in self._cases.items())
        old = [name for name, closing in closings if closing is not None and closing < before]
        for name in old:
            self._drop(name)
        return len(old)

    def _drop(self, name: str) -> None:
        case = self._cases.pop(name)
        self._open.pop(name, None)
        self._stripped.discard(name)
        of_session = self._of_session.get(self._digest(case.session), set())
        of_session.discard(name)
        if not of_session:
            self._of_session.pop(self._digest(case.session), None)
        for delivery in self._deliveries.pop(name, {}):
            self._due.pop(delivery, None)


def _gravest(cases: Iterable[Case]) -> tuple[Case, ...]:
    return tuple(sorted(cases, key=lambda case: (-case.level, case.opened_at, case.id)))
