"""How long a child has been here, and what it has to be told about that: breaks, limits, nights.

Everything is reckoned from the seconds at which messages were heard; a silence longer than the
policy's pause ends a sitting, and only the time within sittings counts as use.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from qiaoban_guards.documents import Frozen
from qiaoban_guards.policy.presence import NoticeKind, PresencePolicy, QuietHours

_MINUTE = 60.0


class Presence(Frozen):
    """A child's use so far; times are seconds (Unix), `used` seconds on the day `day`.

    `began` and `last` bound the present sitting; `disclosed` is when the child was last told that
    it talks with an AI, `paused` when it was last reminded of a break, both None before.
    """

    began: float | None = None
    last: float | None = None
    day: str = ""
    used: float = 0.0
    disclosed: float | None = None
    paused: float | None = None

    def joined(self, other: Presence) -> Presence:
        """The same child's use in another session taken in: of one day the longer.

        The later of the two sittings goes on, so that no minute counts twice.
        """
        changes: dict[str, Any] = {}
        if (other.day, other.used) > (self.day, self.used):
            changes = {"day": other.day, "used": other.used}
        if other.last is not None and (self.last is None or other.last > self.last):
            changes |= {"began": other.began, "last": other.last}
        if other.paused is not None and (self.paused is None or other.paused > self.paused):
            changes["paused"] = other.paused
        return self.model_copy(update=changes)


@dataclass(frozen=True, slots=True)
class Due:
    """What is due with an answer: a `goodbye` in its place, or a notice before or behind it."""

    goodbye: NoticeKind | None = None
    disclosure: bool = False
    take_a_break: bool = False


def heard(
    presence: Presence, policy: PresencePolicy, at: float, oldest: int
) -> tuple[Presence, Due]:
    """Take in a message heard at second `at`, of a child at most `oldest` years old."""
    now = _counted(presence, policy, at)
    goodbye = _goodbye(now, policy, at, oldest)
    since = now.disclosed
    begins = since is None or (now.began is not None and since < now.began)
    disclosure = (policy.disclose_at_start and begins) or (
        since is not None and _is_over(at - since, policy.disclose_every)
    )
    rested_since = max(now.began or at, now.paused or 0.0)
    take_a_break = _is_over(at - rested_since, policy.break_every)
    return now, Due(goodbye, disclosure, take_a_break and goodbye is None)


def told(presence: Presence, kind: NoticeKind, at: float) -> Presence:
    """Take in that a notice was said."""
    if kind in ("disclosure", "handed_back"):  # both say that an AI speaks
        return presence.model_copy(update={"disclosed": at})
    if kind == "break":
        return presence.model_copy(update={"paused": at})
    return presence


def _counted(presence: Presence, policy: PresencePolicy, at: float) -> Presence:
    """The use up to now; a clock that went back adds nothing."""
    day = datetime.fromtimestamp(at, ZoneInfo(policy.zone)).date().isoformat()
    silent = at - presence.last if presence.last is not None else None
    sits_on = silent is not None and 0 <= silent <= policy.pause * _MINUTE
    used = presence.used if presence.day == day else 0.0
    if sits_on and silent is not None:
        used += silent
    return presence.model_copy(
        update={
            "began": presence.began if sits_on else at,
            "last": at,
            "day": day,
            "used": used,
        }
    )


def _goodbye(
    presence: Presence, policy: PresencePolicy, at: float, oldest: int
) -> NoticeKind | None:
    clock = datetime.fromtimestamp(at, ZoneInfo(policy.zone)).time()
    if any(_is_quiet(clock, hours) for hours in policy.quiet_hours):
        return "quiet_hours"
    daily = next((limit for limit in policy.daily if oldest <= limit.until_age), None)
    if daily is not None and presence.used >= daily.minutes * _MINUTE:
        return "daily_limit"
    if _is_over(at - (presence.began or at), policy.session_minutes):
        return "session_limit"
    return None


def _is_over(seconds: float, minutes: float | None) -> bool:
    return minutes is not None and seconds >= minutes * _MINUTE


def _is_quiet(clock: time, hours: QuietHours) -> bool:
    if hours.since <= hours.until:
        return hours.since <= clock < hours.until
    return clock >= hours.since or clock < hours.until
