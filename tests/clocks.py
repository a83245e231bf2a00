"""A clock that a test sets."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo


class Clock:
    """The second (Unix) of now, in the zone of the shipped policy; `minutes` pass when told."""

    def __init__(self, now: str = "2026-11-20 12:00") -> None:
        self.at = 0.0
        self.set(now)

    def __call__(self) -> float:
        return self.at

    def set(self, now: str) -> None:
        """Make it the time of day `now`."""
        zone = ZoneInfo("Asia/Shanghai")
        self.at = datetime.fromisoformat(now).replace(tzinfo=zone).timestamp()

    def wait(self, minutes: float) -> None:
        """Let time pass."""
        self.at += minutes * 60
