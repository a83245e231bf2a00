"""What an adult, or an adult's program, gets to read of a case; it holds no word of the child."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from qiaoban_agent.escalation.case import Case
from qiaoban_guards.documents import load
from qiaoban_guards.errors import QiaobanError
from qiaoban_guards.policy import Policy
from qiaoban_guards.risk import Category

_FROM_ENVIRONMENT = "env:"


class UnsentError(QiaobanError):
    """Why a route cannot even be tried; the text names no value that may be secret."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What one delivery carries: the case, and the policy whose words tell of it.

    `delivery` is the id of the delivery; `at` the second (Unix) of this attempt.
    """

    delivery: str
    case: Case
    policy: Policy
    at: float

    @property
    def key(self) -> str:
        """The idempotency key, fit for a header: the delivery's id in ASCII."""
        return quote(self.delivery, safe="")


class _Words(BaseModel):
    categories: Mapping[Category, str]
    levels: Mapping[str, str]
    several: str


class _Languages(BaseModel):
    zh: _Words
    en: _Words


@lru_cache(maxsize=1)
def _languages() -> _Languages:
    return load(files("qiaoban_guards") / "risk" / "explanations.yaml", _Languages)


def from_environment(name: str) -> str:
    """A variable of the environment; UnsentError names the one that is missing."""
    value = os.environ.get(name, "")
    if not value:
        raise UnsentError(f"the environment has no variable {name}")
    return value


def resolved(value: str) -> str:
    """A policy's value, looked up where it is written `env:NAME`."""
    if value.startswith(_FROM_ENVIRONMENT):
        return from_environment(value.removeprefix(_FROM_ENVIRONMENT))
    return value


def payload(letter: Letter) -> bytes:
    """The case as JSON in UTF-8, for programs."""
    case = letter.case
    fields = case.model_dump(
        mode="json",
        include={
            "revision",
            "level",
            "categories",
            "summary",
            "session",
            "child",
            "turn",
            "opened_at",
            "policy",
            "about",
        },
    )
    told = {
        "case": case.id,
        **fields,
        "implicated": sorted(case.implicated),
        "acknowledge": f'Companion.acknowledge("{case.id}", by="WHO")',
        "acknowledge_before": case.raise_at,
    }
    return json.dumps(told, ensure_ascii=False).encode()


def subject_and_body(letter: Letter) -> tuple[str, str]:
    """The policy's message in its audience's language, filled in; the subject is one line."""
    case, policy = letter.case, letter.policy
    language = policy.audience.language
    words = _languages().en if language == "en" else _languages().zh
    time = datetime.fromtimestamp(case.opened_at, ZoneInfo(policy.presence.zone))
    slots = {
        "case": case.id,
        "level": words.levels[case.level.label],
        "categories": words.several.join(words.categories[one] for one in case.categories),
        "summary": _one_line(case.summary),
        "session": _one_line(case.session),
        "time": time.isoformat(" ", "minutes"),
        "turn": str(case.turn),
    }
    message = policy.escalation.message[language]
    return _one_line(message.subject.format_map(slots)), message.body.format_map(slots)


def log_line(case: Case) -> str:
    """The case in one line of a log."""
    return _one_line(
        f"case {case.id} of session {case.session}: {case.level.label}"
        f" ({', '.join(case.categories)}), about the {case.about},"
        f" message {case.turn}, revision {case.revision}"
    )


def _one_line(text: str) -> str:
    """The text without line ends and other characters that control what shows it."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
