"""Examples inside a policy: what a child writes, what a model would answer, what has to come of it.

An example is a test of the policy: `qiaoban policy test` runs them all, and takes rules away one by
one to see that some example notices.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from qiaoban_guards.documents import Frozen
from qiaoban_guards.harms import Harm
from qiaoban_guards.policy.output import Action
from qiaoban_guards.policy.risk import Response
from qiaoban_guards.policy.types import Language
from qiaoban_guards.risk.taxonomy import Category, Level


class Expectation(Frozen):
    """What has to come of an example; what is not named is not looked at.

    `level`, `categories` (all of these are found), `response` and `escalated` are of the child's
    message; `allowed`, `action`, `rule` and `harm` of the reply; `says` stands in what the child
    reads in the end, `never_says` does not.
    """

    level: Level | None = None
    categories: tuple[Category, ...] = ()
    response: Response | None = None
    escalated: bool | None = None
    allowed: bool | None = None
    action: Action | None = None
    rule: str | None = None
    harm: Harm | None = None
    says: tuple[str, ...] = ()
    never_says: tuple[str, ...] = ()


class Example(Frozen):
    """`before` are earlier messages of the child in the same session, answered on the way."""

    id: str
    child: str
    language: Language | None = None
    before: tuple[str, ...] = ()
    reply: Annotated[str | None, Field(min_length=1)] = None
    expect: Expectation

    @model_validator(mode="after")
    def _expects_something(self) -> Example:
        if self.expect == Expectation():
            raise ValueError("expects nothing; name at least one thing that has to come of it")
        needs_reply = (self.expect.allowed, self.expect.action, self.expect.rule, self.expect.harm)
        if self.reply is None and any(value is not None for value in needs_reply):
            raise ValueError("expects something of a reply, but has none; add `reply`")
        return self
