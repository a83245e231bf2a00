"""What a recipe and the engine say to each other.

A recipe talks in a plain generator that decides and never waits: it yields requests, is sent their
answers, and returns a dialogue or what is wrong with the answers. The engine does the waiting, or
sends answers that were recorded before.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, TypeVar

from qiaoban_agent.models.base import Message as ChatMessage

End = Literal["whole", "cut_short", "refused"]
"""How an answer ended: `cut_short` at the most tokens, `refused` by a filter."""
Found = TypeVar("Found", covariant=True)  # noqa: PLC0105 - what was found


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked in one call; it ends before any text of `stop`."""

    messages: tuple[ChatMessage, ...]
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    """Of the answer, where it may be shorter than the run's."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, without its thoughts."""

    text: str
    end: End = "whole"


@dataclass(frozen=True, slots=True)
class Malformed:
    """Why nothing could be made of a task's answers.

    `reason` is one of few, to be counted; `detail` is what is particular to this one.
    """

    reason: str
    detail: str = ""


Talk: TypeAlias = Generator[Request, Answer, Found | Malformed]


class Recipe(Protocol[Found]):
    """So many tasks, each told by its number alone: the same whenever and wherever it is done."""

    @property
    def name(self) -> str:
        """The first part of its dialogues' ids."""
        ...

    @property
    def count(self) -> int:
        """How many tasks there are, numbered from 0."""
        ...

    def talk(self, number: int) -> Talk[Found]:
        """The talk of one task."""
        ...


def tried(request: Request, tries: int, read: Callable[[Answer], Found | Malformed]) -> Talk[Found]:
    """Ask until something can be made of an answer, `tries` times at most."""
    found: Found | Malformed = Malformed("never asked")
    for _ in range(tries):
        answer = yield request
        found = read(answer)
        if not isinstance(found, Malformed):
            break
    return found


__all__ = [
    "Answer",
    "ChatMessage",
    "End",
    "Found",
    "Malformed",
    "Recipe",
    "Request",
    "Talk",
    "tried",
]
