"""What the tests of the outbox share: a policy with routes, a case in a store, a clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from qiaoban_agent.escalation.case import Case, Delivery
from qiaoban_agent.escalation.ladder import climb
from qiaoban_agent.events import Delivered, Raised
from qiaoban_agent.store.base import Store, Write
from qiaoban_guards.policy import Policy, load_policy
from qiaoban_guards.policy.escalation import EscalationPolicy
from qiaoban_guards.risk import Category, RiskLevel
from qiaoban_guards.risk.implicated import Person

START = 1_800_000_000.0


def policy_with(
    *routes: dict[str, Any], ladder: Sequence[Sequence[str]] | None = None, **changes: Any
) -> Policy:
    """The default policy with other routes; one rung a route unless `ladder` says otherwise."""
    policy = load_policy("default")
    escalation = EscalationPolicy.model_validate(
        {
            **policy.escalation.model_dump(),
            "routes": routes,
            "ladder": ladder or [[route["id"]] for route in routes],
            **changes,
        }
    )
    return policy.model_copy(update={"escalation": escalation})


def function_route(name: str, *reaches: str, **changes: Any) -> dict[str, Any]:
    """A callable route whose function is called like itself."""
    return {
        "id": name,
        "kind": "callable",
        "name": name,
        "reaches": list(reaches) or ["platform"],
        **changes,
    }


def put_case(store: Store, policy: Policy, at: float = START, **changes: Any) -> Case:
    """A case of an abused child, on the first rung of its ladder, written to the store."""
    fields: dict[str, Any] = {
        "session": "a",
        "opened_at": at,
        "level": RiskLevel.HIGH,
        "categories": (Category.ABUSE,),
        "turn": 3,
        "policy": policy.id,
        "summary": "受虐待或疏于照顾（第 3 条消息，最重“严重”）。",
        "implicated": frozenset({Person.FATHER}),
        **changes,
    }
    climbed = climb(Case(**fields), policy.escalation, at)
    store.commit(
        Write(
            session=climbed.case.session,
            at=at,
            case=climbed.case,
            deliveries=climbed.deliveries,
        )
    )
    return climbed.case


def only(store: Store, case: Case) -> Delivery:
    """The one delivery of a case."""
    (delivery,) = store.deliveries(case.id)
    return delivery


def statuses(store: Store, case: Case) -> list[tuple[str, str]]:
    """Route and status of every delivery of a case, in order."""
    return [(one.route, one.status) for one in store.deliveries(case.id)]


def delivered(store: Store, session: str = "a") -> list[Delivered]:
    return [event for event in store.trail(session) if isinstance(event, Delivered)]


def raised(store: Store, session: str = "a") -> list[Raised]:
    return [event for event in store.trail(session) if isinstance(event, Raised)]


@dataclass
class Adults:
    """Functions for callable routes that note who was told of what; `failing` ones raise."""

    failing: set[str] = field(default_factory=set[str])
    told: list[tuple[str, Case]] = field(default_factory=list[tuple[str, Case]])

    def functions(self, *names: str) -> dict[str, Callable[[Case], None]]:
        return {name: self._function(name) for name in names}

    def names(self) -> list[str]:
        return [name for name, _ in self.told]

    def _function(self, name: str) -> Callable[[Case], None]:
        def tell(case: Case) -> None:
            self.told.append((name, case))
            if name in self.failing:
                raise ConnectionError("爸爸打我")

        return tell
