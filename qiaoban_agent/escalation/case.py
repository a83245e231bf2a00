"""A case: one child in danger, until an adult has dealt with it; and its deliveries, one a route.

Both are durable before the child is answered. A case is raised from route to route until an adult
acknowledges it, and closed by a recorded hand-off.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal
from uuid import uuid4

from pydantic import Field

from qiaoban_guards.documents import Frozen
from qiaoban_guards.risk import Category, Level
from qiaoban_guards.risk.implicated import Person


class Status(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


def new_id() -> str:
    """An identifier that tells nothing about the child."""
    return uuid4().hex


class Case(Frozen):
    """One escalation of one session; times are seconds (Unix).

    `revision` counts how often the case got graver or of another kind; each revision is delivered
    anew. `step` is how many rungs of the policy's ladder have been called on, `raise_at` when the
    next one is, unless an adult acknowledges before. `implicated` are persons who may be the ones
    who do harm: no route that reaches them is used. `summary` is the line a guardian reads; it
    holds none of the child's words. `stranded`: no route is left that may be used.
    """

    id: str = Field(default_factory=new_id)
    session: str
    child: str | None = None
    opened_at: float
    level: Level
    categories: tuple[Category, ...]
    turn: int
    policy: str
    summary: str = ""
    about: Literal["child", "model"] = "child"
    implicated: frozenset[Person] = frozenset()
    status: Status = Status.OPEN
    revision: int = 1
    step: int = 0
    raise_at: float | None = None
    stranded: bool = False
    acknowledged_by: str = ""
    acknowledged_at: float | None = None
    closed_by: str = ""
    closed_at: float | None = None
    note: str = ""


def joined(stored: Case, written: Case) -> Case:
    """What is kept where two write one case at once, each from what it had read before.

    Nothing of what protects the child is lost: a newer revision and everybody implicated stay, and
    an adult's acknowledgement of the present revision, or its closing, is not undone.
    """
    newer = written if written.revision >= stored.revision else stored
    implicated = stored.implicated | written.implicated
    categories = tuple(dict.fromkeys((*newer.categories, *stored.categories, *written.categories)))
    changes: dict[str, object] = {"implicated": implicated, "categories": categories}
    if stored.revision == written.revision and _ORDER[stored.status] > _ORDER[written.status]:
        changes |= {
            name: getattr(stored, name)
            for name in (
                "status",
                "acknowledged_by",
                "acknowledged_at",
                "closed_by",
                "closed_at",
                "note",
                "raise_at",
            )
        }
    return newer.model_copy(update=changes)


_ORDER = {Status.OPEN: 0, Status.ACKNOWLEDGED: 1, Status.CLOSED: 2}


class Delivery(Frozen):
    """One route's attempt to tell of one revision of a case; `id` is its idempotency key.

    `next_at` is when it is tried again; `skipped`: the route reaches somebody implicated, or the
    case was dealt with before it came to it.
    """

    id: str
    case: str
    route: str
    revision: int = 1
    status: Literal["pending", "delivered", "failed", "skipped"] = "pending"
    attempts: int = 0
    next_at: float
    delivered_at: float | None = None
    error: str = ""

    @classmethod
    def of(cls, case: Case, route: str, at: float) -> Delivery:
        """The delivery of a case's present revision by a route, due at second `at`."""
        return cls(
            id=f"{case.id}-{case.revision}-{case.step}-{route}",
            case=case.id,
            route=route,
            revision=case.revision,
            next_at=at,
        )
