"""Calling on the next rung of the ladder: which routes it has, and which of them may be used."""

from __future__ import annotations

from dataclasses import dataclass

from qiaoban_agent.escalation.case import Case, Delivery
from qiaoban_guards.policy.escalation import EscalationPolicy
from qiaoban_guards.risk.implicated import may_reach

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Climbed:
    """A case on its next rung: what is due now, and the routes that were passed over.

    `skipped` routes reach somebody who may be the one who does harm.
    """

    case: Case
    deliveries: tuple[Delivery, ...]
    skipped: tuple[str, ...]


def climb(case: Case, policy: EscalationPolicy, at: float) -> Climbed:
    """Call on the next rung that has a route which may be used.

    After the last rung the ladder begins again, until the policy's rounds are over; where no rung
    has a route that may be used, the case is stranded and stays open for whoever looks.
    """
    rungs = policy.ladder
    skipped: list[str] = []
    step = case.step
    while step < len(rungs) * policy.rounds:
        rung = rungs[step % len(rungs)]
        step += 1
        usable = [name for name in rung if _may_be_used(name, policy, case)]
        skipped += [name for name in rung if name not in usable]
        if usable:
            minutes = policy.acknowledge_within[case.level.label]
            raised = case.model_copy(
                update={"step": step, "raise_at": at + minutes * _MINUTE, "stranded": False}
            )
            deliveries = tuple(Delivery.of(raised, name, at) for name in usable)
            return Climbed(raised, deliveries, tuple(dict.fromkeys(skipped)))
    stranded = case.step == 0
    ended = case.model_copy(update={"step": step, "raise_at": None, "stranded": stranded})
    return Climbed(ended, (), tuple(dict.fromkeys(skipped)))


def _may_be_used(name: str, policy: EscalationPolicy, case: Case) -> bool:
    route = policy.route(name)
    return route is not None and may_reach(route.reaches, case.implicated)
