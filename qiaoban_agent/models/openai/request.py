"""What a server is asked, and how its refusal of a parameter is met."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from qiaoban_agent.errors import ModelError
from qiaoban_agent.models.base import Message

_OURS = frozenset({"messages", "model", "n", "stream", "tools", "functions"})
_NOT_TAKEN = re.compile(
    "support|unrecogni[sz]ed|unknown|not permitted|forbidden|max_completion_tokens"
)
_PARAMETERS = {
    "max_tokens": re.compile(r"\bmax_tokens\b"),
    "temperature": re.compile(r"\btemperature\b"),
    "system": re.compile(r"\bsystem\b.*\b(?:role|message)|\brole\b.*\bsystem\b"),
}
"""How a refusal names what can be left out."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `connect`: to the connection; `read`: between two arrivals of bytes.

    `first`: a retry must begin within it; `whole`: from the call to the answer's end. They should
    not be shorter than the policy's deadlines, which end a turn, and not much longer: a connection
    that hangs is let go of by these.
    """

    connect: float = 5.0
    read: float = 20.0
    first: float = 20.0
    whole: float = 60.0


@dataclass(slots=True)
class RequestForm:
    """The parameters of every request; `changed` are those that the server has refused once.

    Raises ModelError for keys of `extra_body` that are not the app's to set, and for a reply of no
    tokens.
    """

    model: str
    max_tokens: int
    temperature: float | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    changed: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ModelError(f"max_tokens={self.max_tokens} leaves no reply; give at least 1")
        if wrong := sorted(_OURS & self.extra_body.keys()):
            raise ModelError(f"extra_body may not set {', '.join(wrong)}: the companion does")

    def filled(self, messages: Sequence[Message], changed: frozenset[str]) -> dict[str, Any]:
        """The arguments of one request, without what `changed` names."""
        tokens = "max_completion_tokens" if "max_tokens" in changed else "max_tokens"
        arguments: dict[str, Any] = {
            "model": self.model,
            "messages": _told_by_the_child(messages) if "system" in changed else list(messages),
            tokens: self.max_tokens,
            "stream": True,
        }
        if self.temperature is not None and "temperature" not in changed:
            arguments["temperature"] = self.temperature
        if self.extra_body:
            arguments["extra_body"] = dict(self.extra_body)
        return arguments

    def change(self, error: Exception, sent: frozenset[str]) -> frozenset[str] | None:
        """What to leave out of the next request after `error`, remembered; None: nothing helps.

        `sent` is what was left out of the request that was refused.
        """
        import openai

        if not isinstance(error, openai.APIStatusError) or error.status_code not in (400, 422):
            return None
        said = f"{error.param or ''} {_reason(error.body)}".lower().replace("\n", " ")
        refused = {name for name, pattern in _PARAMETERS.items() if pattern.search(said)} - sent
        if not refused or not _NOT_TAKEN.search(said):
            return None
        self.changed |= refused
        return sent | refused


def _reason(body: object) -> str:
    """The server's words about what is wrong, without what it repeats of the request."""
    if not isinstance(body, dict):
        return str(body)
    fields = cast("dict[str, Any]", body)
    detail = fields.get("message") or fields.get("detail") or ""
    if isinstance(detail, list):  # FastAPI's
        parts = [
            cast("dict[str, Any]", part)
            for part in cast("list[Any]", detail)
            if isinstance(part, dict)
        ]
        return " ".join(f"{part.get('loc')} {part.get('msg')}" for part in parts)
    return str(detail)


def _told_by_the_child(messages: Sequence[Message]) -> list[Message]:
    """System words at the head of the first user message, for models without a system role."""
    told = "\n".join(message["content"] for message in messages if message["role"] == "system")
    rest = [message for message in messages if message["role"] != "system"]
    if not told:
        return rest
    if not rest or rest[0]["role"] != "user":
        return [Message(role="user", content=told), *rest]
    first = Message(role="user", content=f"{told}\n\n{rest[0]['content']}")
    return [first, *rest[1:]]
