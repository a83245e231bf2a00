"""Something about a valid policy that should be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from qiaoban_guards.documents import KeyPath


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at a key, and what to do; entries of lists are named by their id or place.

    An `error` leaves a child without what the policy promises it; a `warning` is for somebody to
    judge.
    """

    severity: Literal["error", "warning"]
    key: KeyPath
    what: str
    remedy: str

    @property
    def path(self) -> str:
        """The key as it is written: `output.rules.romance.any.3`."""
        return ".".join(str(part) for part in self.key)


def error(key: KeyPath, what: str, remedy: str) -> Problem:
    """A problem that must not ship."""
    return Problem("error", key, what, remedy)


def warning(key: KeyPath, what: str, remedy: str) -> Problem:
    """A problem that somebody has to judge."""
    return Problem("warning", key, what, remedy)
