"""What is left of a case when its child is to be forgotten before an adult has dealt with it."""

from __future__ import annotations

from qiaoban_agent.escalation.case import Case, Delivery, Status
from qiaoban_agent.events import Forgotten
from qiaoban_agent.store.base import Receipt
from qiaoban_agent.store.errors import StoreError


def stripped(case: Case, digest: str) -> Case:
    """The case without who it is about: enough to be delivered, and dealt with."""
    return case.model_copy(update={"session": digest, "child": None, "summary": "", "note": ""})


def raise_from(case: Case) -> float | None:
    """When the next rung is called on; None for a case that nobody has to be called for."""
    return case.raise_at if case.status is Status.OPEN else None


def due_from(delivery: Delivery) -> float | None:
    """When the delivery is tried; None for one that is over."""
    return delivery.next_at if delivery.status == "pending" else None


def closed_from(case: Case) -> float | None:
    """When the case was closed; None for one that is not."""
    if case.status is not Status.CLOSED:
        return None
    return case.opened_at if case.closed_at is None else case.closed_at


def homeless(delivery: Delivery) -> StoreError:
    """The error for a delivery that is to be made of a case nobody knows."""
    return StoreError(
        f"delivery {delivery.id}: its case is not in the store; write the case with it or before"
    )


def forgotten(receipt: Receipt, *, asked: bool) -> Forgotten:
    """The event that stands in the trail for what was removed."""
    return Forgotten(
        why="asked" if asked else "retention",
        sessions=receipt.sessions,
        events=receipt.events,
        cases=receipt.cases,
        cases_kept=receipt.cases_kept,
    )
