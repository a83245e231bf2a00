"""Trying one route once, each kind in its way, within the route's seconds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from qiaoban_agent.escalation.case import Case
from qiaoban_agent.escalation.command import run
from qiaoban_agent.escalation.email import sending
from qiaoban_agent.escalation.message import Letter, UnsentError, log_line
from qiaoban_agent.escalation.webhook import posting
from qiaoban_agent.waiting import Call, Failure
from qiaoban_guards.errors import QiaobanError
from qiaoban_guards.policy.escalation import (
    CallableRoute,
    CommandRoute,
    EmailRoute,
    LogRoute,
    Route,
    WebhookRoute,
)

_LOG = logging.getLogger("qiaoban.escalation")
GRACE = 1.0
"""Seconds in which a route that ends itself when it is late may do so."""
_LONGEST = 200

Functions = Mapping[str, Callable[[Case], Any]]


def told(route: Route, letter: Letter, functions: Functions) -> str:
    """Carry the letter by a route, once; returns why it did not arrive, empty if it did.

    The reason is short and names kinds and codes only, no address, no secret, nobody's words.
    """
    if isinstance(route, LogRoute):
        _LOG.warning("%s", log_line(letter.case))
        return ""
    try:
        work, seconds = _prepared(route, letter, functions)
    except QiaobanError as error:
        return str(error)[:_LONGEST]
    answer = Call(work, seconds=seconds).wait()
    if isinstance(answer, Failure):
        late = answer.why == "late"
        return f"no answer within {route.seconds:g} s" if late else answer.detail[:_LONGEST]
    if isinstance(route, CallableRoute):
        return ""
    return str(answer)[:_LONGEST]


def _prepared(
    route: CommandRoute | WebhookRoute | EmailRoute | CallableRoute,
    letter: Letter,
    functions: Functions,
) -> tuple[Callable[[], Any], float]:
    """What is to be called, and how long it may take."""
    match route:
        case CommandRoute():
            return partial(run, route, letter), route.seconds + GRACE
        case WebhookRoute():
            return posting(route, letter), route.seconds
        case EmailRoute():
            return sending(route, letter), route.seconds + GRACE
        case CallableRoute():
            if route.name not in functions:
                raise UnsentError(f"the companion was given no function {route.name!r}")
            return partial(functions[route.name], letter.case), route.seconds
