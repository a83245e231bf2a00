"""What becomes of a delivery: whether it is tried, what an attempt makes of it, when it is again.

Everything here decides and writes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from qiaoban_agent.escalation.case import Case, Delivery, Status
from qiaoban_guards.policy.escalation import EscalationPolicy, Retry
from qiaoban_guards.risk.implicated import may_reach


def obstacle(
    delivery: Delivery, case: Case, all_of_case: Sequence[Delivery], policy: EscalationPolicy
) -> Delivery | None:
    """The delivery as it ends untried, with the reason; None if it is to be tried.

    `all_of_case` are in the order in which they were begun: a later one by the same route carries
    what this one would.
    """
    if case.status is not Status.OPEN:
        return _ended(delivery, "skipped", f"the case is {case.status}")
    route = policy.route(delivery.route)
    if route is None:
        return _ended(delivery, "failed", "the policy has no such route any more")
    if not may_reach(route.reaches, case.implicated):
        return _ended(delivery, "skipped", "it reaches somebody who may do the harm")
    same = [other.id for other in all_of_case if other.route == delivery.route]
    if delivery.id in same[:-1]:
        return _ended(delivery, "skipped", "the route is called on anew")
    return None


def _ended(delivery: Delivery, status: str, reason: str) -> Delivery:
    return delivery.model_copy(update={"status": status, "error": reason})


def attempted(
    delivery: Delivery, error: str, retry: Retry, at: float, chance: float | None = None
) -> Delivery:
    """The delivery after an attempt that ended at second `at`; no `error` is a receipt."""
    attempts = delivery.attempts + 1
    changes: dict[str, object] = {"attempts": attempts, "error": error}
    if not error:
        changes |= {"status": "delivered", "delivered_at": at}
    elif attempts >= retry.attempts:
        changes |= {"status": "failed"}
    else:
        changes |= {"next_at": at + pause(retry, attempts, chance)}
    return delivery.model_copy(update=changes)


def pause(retry: Retry, attempts: int, chance: float | None = None) -> float:
    """Seconds until the next attempt, after `attempts` that failed.

    `chance` in [0, 1) shortens it by up to half, so that what failed together does not come back
    together.
    """
    try:
        seconds = min(retry.first * retry.factor ** (attempts - 1), retry.longest)
    except OverflowError:
        seconds = retry.longest
    drawn = random.random() if chance is None else chance  # noqa: S311 - spreads load, no secret
    return seconds * (1 - drawn / 2)


def is_used_up(case: Case, deliveries: Sequence[Delivery]) -> bool:
    """Whether the rung that was called on last has been tried, and told nobody."""
    rung = [one for one in deliveries if one.id == Delivery.of(case, one.route, 0.0).id]
    return bool(rung) and all(one.status in ("failed", "skipped") for one in rung)
