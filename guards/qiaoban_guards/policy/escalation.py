"""Who is told when a child is in danger: routes, the ladder they stand on, and its deadlines."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from qiaoban_guards.documents import Frozen
from qiaoban_guards.policy.types import ByLevel, FrozenMapping, Language, check_template
from qiaoban_guards.risk.implicated import Reach

ADULT_SLOTS = ("case", "level", "categories", "summary", "session", "time", "turn")


class _Route(Frozen):
    """One way to an adult; `reaches` says who reads what it carries.

    A route that reaches somebody who may be the one who does harm is not used for that case.
    """

    id: str
    reaches: tuple[Reach, ...]
    seconds: PositiveFloat = 10


class LogRoute(_Route):
    """A warning in Python's log `qiaoban.escalation`."""

    kind: Literal["log"] = "log"


class CommandRoute(_Route):
    """A program that gets the case as JSON on standard input; 0 is its receipt."""

    kind: Literal["command"] = "command"
    command: Annotated[tuple[str, ...], Field(min_length=1)]


class WebhookRoute(_Route):
    """A POST of the case as JSON; any 2xx answer is its receipt.

    `url` may be `env:NAME`. The body is signed with the secret in the environment's `secret_env`:
    HMAC-SHA-256 over `timestamp.body`.
    """

    kind: Literal["webhook"] = "webhook"
    url: str
    secret_env: str


class EmailRoute(_Route):
    """A message through an SMTP server; values may be `env:NAME`."""

    kind: Literal["email"] = "email"
    to: Annotated[tuple[str, ...], Field(min_length=1)]
    sender: str
    host: str
    port: PositiveInt = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username_env: str | None = None
    password_env: str | None = None


class CallableRoute(_Route):
    """A function of the app's own: `Companion(routes={"name": function})`."""

    kind: Literal["callable"] = "callable"
    name: str


Route = Annotated[
    LogRoute | CommandRoute | WebhookRoute | EmailRoute | CallableRoute,
    Field(discriminator="kind"),
]


class Retry(Frozen):
    """When a route that failed is tried again: after `first` seconds, then `factor` times longer.

    Never longer than `longest`; after `attempts` it has failed, and the next rung is called on.
    """

    first: PositiveFloat = 5
    factor: Annotated[float, Field(ge=1)] = 2
    longest: PositiveFloat = 600
    attempts: PositiveInt = 12


class AdultMessage(Frozen):
    """What an adult reads; its slots are ADULT_SLOTS."""

    subject: str
    body: str

    @model_validator(mode="after")
    def _has_known_slots(self) -> AdultMessage:
        for text in (self.subject, self.body):
            check_template(text, ADULT_SLOTS)
        return self


class EscalationPolicy(Frozen):
    """The ladder: rungs of route ids, called on one after the other until an adult acknowledges.

    `acknowledge_within` are minutes by level, after which the next rung is called on; after the
    last one the ladder begins again, `rounds` times in all.
    """

    routes: tuple[Route, ...]
    ladder: Annotated[tuple[tuple[str, ...], ...], Field(min_length=1)]
    acknowledge_within: ByLevel
    rounds: PositiveInt = 3
    retry: Retry = Retry()
    message: FrozenMapping[Language, AdultMessage]

    @model_validator(mode="after")
    def _stands(self) -> EscalationPolicy:
        known = {route.id for route in self.routes}
        for rung in self.ladder:
            if not rung:
                raise ValueError("a rung of the ladder names at least one route")
            if missing := [name for name in rung if name not in known]:
                names = ", ".join(sorted(known))
                raise ValueError(f"no route is called {missing[0]!r}; routes are {names}")
        return self

    def route(self, name: str) -> Route | None:
        """The route of that id."""
        return next((route for route in self.routes if route.id == name), None)


class Retention(Frozen):
    """Days after which what is kept is removed; None keeps it until it is asked to be forgotten.

    Sessions count from their last message, closed cases from their closing; open cases stay.
    """

    sessions_days: PositiveFloat | None = None
    audit_days: PositiveFloat | None = None
    cases_days: PositiveFloat | None = None
