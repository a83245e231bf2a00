"""Whether an adult is told whoever does the harm, and whether limits and notices make sense."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import cast

from qiaoban_guards.policy.escalation import EmailRoute, LogRoute, Route, WebhookRoute
from qiaoban_guards.policy.presence import QuietHours
from qiaoban_guards.policy.problem import Problem, error, warning
from qiaoban_guards.policy.schema import Policy
from qiaoban_guards.risk.implicated import Person, may_reach

_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_LONGEST_NIGHT = timedelta(hours=14)
_DAY_MINUTES = 24 * 60


def escalation_problems(policy: Policy) -> Iterator[Problem]:
    """Dangers that no adult would hear of, and routes that cannot work."""
    yield from _ladder_problems(policy)
    called = {name for rung in policy.escalation.ladder for name in rung}
    for route in policy.escalation.routes:
        key = ("escalation", "routes", route.id)
        if route.id not in called:
            yield warning(key, "stands on no rung of the ladder", "put it on one, or remove it")
        yield from _environment_problems(route)
        if isinstance(route, WebhookRoute) and route.url.startswith("http://"):
            what = "sends what is known of a child in danger unencrypted"
            yield warning((*key, "url"), what, "use https")
        if isinstance(route, EmailRoute) and route.security == "none":
            what = "sends what is known of a child in danger unencrypted"
            yield warning((*key, "security"), what, "use starttls or tls")
    minutes = policy.escalation.acknowledge_within
    if minutes["imminent"] > minutes["high"]:
        what = "an adult has longer for what happens now than for what is grave"
        key = ("escalation", "acknowledge_within", "imminent")
        yield warning(key, what, "give at most the minutes of high")


def _ladder_problems(policy: Policy) -> Iterator[Problem]:
    """Who is left to tell, for a child hurt by whomever."""
    key = ("escalation", "ladder")
    on_ladder = {name for rung in policy.escalation.ladder for name in rung}
    routes = [route for route in policy.escalation.routes if route.id in on_ladder]
    if all(isinstance(route, LogRoute) for route in routes):
        what = "every route is a log, and a log is no adult"
        yield warning(key, what, "add a route of your own; see docs/policies.md")
        return
    for implicated, said in (
        ({Person.FAMILY}, "somebody of its family"),
        ({Person.TEACHER, Person.SCHOOL}, "somebody of its school"),
    ):
        left = [route for route in routes if may_reach(route.reaches, implicated)]
        remedy = "add a route that reaches neither, such as an authority or your own safety staff"
        if not left:
            what = f"nobody is told of a child who is hurt by {said}"
            yield error(key, what, remedy)
        elif all(isinstance(route, LogRoute) for route in left):
            what = f"only a log is told of a child who is hurt by {said}"
            yield warning(key, what, remedy)


def _environment_problems(route: Route) -> Iterator[Problem]:
    for name, value in route:
        values = cast("tuple[object, ...]", value if isinstance(value, tuple) else (value,))
        for one in values:
            if not isinstance(one, str):
                continue
            variable = one.removeprefix("env:")
            is_variable = name.endswith("_env") or one.startswith("env:")
            if is_variable and not _NAME.fullmatch(variable):
                what = f"{variable!r} is no name of an environment variable"
                written = re.sub(r"\W", "_", variable.strip(" ${}")).upper() or "NAME"
                key = ("escalation", "routes", route.id, name)
                yield error(key, what, f"write it like {written}")


def presence_problems(policy: Policy) -> Iterator[Problem]:
    """Limits that never count or never end, and an AI that does not say that it is one."""
    presence, (youngest, oldest) = policy.presence, policy.audience.ages
    if youngest > oldest:
        yield error(("audience", "ages"), "the youngest is older than the oldest", "swap them")
    if not presence.disclose_at_start and presence.disclose_every is None:
        what = "a child is never told that it talks with an AI"
        yield error(("presence", "disclose_at_start"), what, "write true")
    ages = [limit.until_age for limit in presence.daily]
    for index, (age, before) in enumerate(zip(ages[1:], ages, strict=False), start=1):
        if age <= before:
            what = f"never counts: the limit until {before} before it fits first"
            yield error(("presence", "daily", index), what, "order limits by `until_age`")
    if ages and max(ages) < oldest:
        what = f"children of {max(ages) + 1} to {oldest} have no limit"
        yield warning(("presence", "daily"), what, f"add one until {oldest}, or say so in `note`")
    for index, limit in enumerate(presence.daily):
        if limit.minutes >= _DAY_MINUTES:
            what = "is as long as a day, and so no limit"
            yield warning(("presence", "daily", index, "minutes"), what, "shorten or remove it")
    for index, hours in enumerate(presence.quiet_hours):
        yield from _quiet_problems(index, hours)
    limit_, pause = presence.session_minutes, presence.break_every
    if limit_ is not None and pause is not None and pause >= limit_:
        what = "no break comes before the sitting ends"
        yield warning(("presence", "break_every"), what, "make it shorter than session_minutes")


def _quiet_problems(index: int, hours: QuietHours) -> Iterator[Problem]:
    key = ("presence", "quiet_hours", index)
    if hours.since == hours.until:
        what = "begin and end at the same time, and so are never"
        yield error(key, what, "write when they end")
        return
    day = datetime(2000, 1, 1)
    since, until = (datetime.combine(day, clock) for clock in (hours.since, hours.until))
    length = until - since if since < until else until + timedelta(days=1) - since
    if length > _LONGEST_NIGHT:
        what = f"last {length.total_seconds() / 3600:g} hours: children are sent away all that time"
        yield warning(key, what, "look whether since and until are swapped")
