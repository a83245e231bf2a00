"""What the outbox writes: the end of an attempt, the next rung of a case, a case that was rescued.

Each is one durable write. The caller holds the outbox's lock; a store that fails raises.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from qiaoban_agent.escalation.attempts import is_used_up
from qiaoban_agent.escalation.case import Case, Delivery, Status
from qiaoban_agent.escalation.ladder import climb
from qiaoban_agent.events import Delivered, Event, Raised
from qiaoban_agent.store.base import Store, Write
from qiaoban_guards.policy.escalation import EscalationPolicy


def settle(store: Store, delivery: Delivery, policy: EscalationPolicy, at: float) -> None:
    """Write a delivery as it is after an attempt.

    When it was the last hope of the rung that was called on last, the next rung is called on.
    """
    case = store.case(delivery.case)
    if case is None:  # removed meanwhile: whom it was about, and its trail, are gone
        ended = delivery.model_copy(update={"status": "skipped"})
        store.commit(Write(session="", at=at, deliveries=(ended,)))
        return
    before = {one.id: one for one in store.deliveries(case.id)}
    was_pending = delivery.id in before and before[delivery.id].status == "pending"
    events = (
        Delivered(
            case=case.id, route=delivery.route, attempt=delivery.attempts, error=delivery.error
        ),
    )
    if not was_pending and delivery.status != "delivered":  # somebody else's end of it counts
        store.commit(Write(session=case.session, at=at, events=events))
        return
    waits = case.status is Status.OPEN and case.raise_at is not None
    now = tuple((before | {delivery.id: delivery}).values())
    if was_pending and waits and is_used_up(case, now):
        _climb(store, case, policy, at, events=events, deliveries=(delivery,))
    else:
        store.commit(Write(session=case.session, at=at, events=events, deliveries=(delivery,)))


def call_on_next(store: Store, name: str, policy: EscalationPolicy, at: float) -> None:
    """Write a case on its next rung, with the deliveries that are due now, if it still waits."""
    case = store.case(name)
    if case is None or case.status is not Status.OPEN or case.raise_at is None:
        return
    if case.raise_at <= at:
        _climb(store, case, policy, at)


def revive(store: Store, policy: EscalationPolicy, at: float) -> None:
    """Call on the first rung for cases of which nobody was told while another policy was in force.

    Those are the stranded, and those whose every rung failed: its routes may have been renamed.
    """
    for case in store.cases():
        if case.status is Status.OPEN and (case.stranded or _is_unheard(store, case)):
            anew = case.model_copy(update={"step": 0})
            if climb(anew, policy, at).deliveries:
                _climb(store, anew, policy, at)


def hand_over(spare: Store, store: Store, case: Case, at: float) -> None:
    """Write a rescued case, with what became of it, into the store that had failed.

    A case that got into the store meanwhile, or has become graver there, stays as it is.
    """
    deliveries = spare.deliveries(case.id)
    known = store.case(case.id)
    is_known = known is not None and known.revision >= case.revision
    if is_known:
        deliveries = tuple(one for one in deliveries if one.status != "pending")
    store.commit(
        Write(
            session=case.session,
            at=at,
            events=spare.trail(case.session),
            case=None if is_known else case,
            deliveries=deliveries,
        )
    )
    closed = case.model_copy(update={"status": Status.CLOSED, "closed_at": at})
    spare.commit(Write(session=case.session, at=at, case=closed))
    if spare.open_case(case.session) is None:
        spare.forget(case.session, at)


def _is_unheard(store: Store, case: Case) -> bool:
    """Whether nobody is called on any more, and no route took the case's present revision."""
    return case.raise_at is None and not any(
        one.revision == case.revision and one.status == "delivered"
        for one in store.deliveries(case.id)
    )


def due_next(
    store: Store, cases: Iterable[Case], at: float, again: float, running: Collection[str]
) -> float | None:
    """The second (Unix) at which a delivery or a rung of these cases is due next, if any is.

    What was due by `at` and is not `running` here was leased by somebody else, or could not be
    written: it is looked at `again` seconds later.
    """
    times = [
        time
        for case in cases
        for time in (
            case.raise_at if case.status is Status.OPEN else None,
            *(
                one.next_at
                for one in store.deliveries(case.id)
                if one.status == "pending" and one.id not in running
            ),
        )
        if time is not None
    ]
    return min((time if time > at else at + again for time in times), default=None)


def hopeless(cases: Iterable[Case]) -> tuple[Case, ...]:
    """Those of the cases that are open, and nobody is going to be called for any more."""
    return tuple(case for case in cases if case.status is Status.OPEN and case.raise_at is None)


def _climb(
    store: Store,
    case: Case,
    policy: EscalationPolicy,
    at: float,
    *,
    events: tuple[Event, ...] = (),
    deliveries: tuple[Delivery, ...] = (),
) -> None:
    climbed = climb(case, policy, at)
    raised = Raised(
        case=case.id,
        routes=tuple(one.route for one in climbed.deliveries),
        skipped=climbed.skipped,
        stranded=climbed.case.stranded,
    )
    store.commit(
        Write(
            session=case.session,
            at=at,
            events=(*events, raised),
            case=climbed.case,
            deliveries=(*deliveries, *climbed.deliveries),
        )
    )
