"""From an escalation to its case and the deliveries of its first rung."""

from __future__ import annotations

from qiaoban_agent.escalation.case import Case, Delivery, Status
from qiaoban_agent.escalation.ladder import climb
from qiaoban_agent.events import Escalated
from qiaoban_guards.policy import Policy
from qiaoban_guards.risk.implicated import Person


def opened(
    escalated: Escalated, known: Case | None, policy: Policy, at: float, child: str | None
) -> tuple[Case, tuple[Delivery, ...]]:
    """The case as it is from second `at` on, and the deliveries that are due with it.

    A case that is `known` got graver or of another kind: it is told anew from the first rung on,
    even where an adult has acknowledged it before.
    """
    implicated = frozenset[Person](escalated.implicated)
    if known is None:
        case = Case(
            id=escalated.case,
            session=escalated.session,
            child=child,
            opened_at=at,
            level=escalated.level,
            categories=escalated.categories,
            turn=escalated.turn,
            policy=policy.id,
            summary=escalated.summary,
            about=escalated.about,
            implicated=implicated,
        )
    else:
        case = known.model_copy(
            update={
                "level": max(known.level, escalated.level),
                "categories": tuple(dict.fromkeys((*escalated.categories, *known.categories))),
                "turn": escalated.turn,
                "summary": escalated.summary,
                "implicated": known.implicated | implicated,
                "status": Status.OPEN,
                "revision": known.revision + 1,
                "step": 0,
                "acknowledged_by": "",
                "acknowledged_at": None,
            }
        )
    climbed = climb(case, policy.escalation, at)
    return climbed.case, climbed.deliveries
