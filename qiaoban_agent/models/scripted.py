"""A model that says what a test tells it to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from qiaoban_agent.models.base import Message


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait of `seconds` between two pieces."""

    seconds: float


Script = Sequence["str | Pause | Exception"]


@dataclass(slots=True)
class Scripted:
    """A fake model for an app's own tests.

    Every turn plays the next of `turns`, and the last one again when they are used up (a bare
    string is said every turn). In them, a string is said whole; a sequence is played piece by
    piece, a `Pause` waits and an exception is raised where it stands. `heard` collects the
    messages of every call.

        Scripted("我在听。")
        Scripted(["你好呀。", "我在听。"])
        Scripted([["我听", "到了", TimeoutError("gone")]])
    """

    turns: str | Sequence[str | Script]
    heard: list[list[Message]] = field(default_factory=list[list[Message]])

    def generate(self, messages: Sequence[Message], /) -> Iterator[str]:
        """Play the next turn."""
        for step in _next_turn(self.turns, self.heard, messages):
            if isinstance(step, Pause):
                time.sleep(step.seconds)
            elif isinstance(step, Exception):
                raise step
            else:
                yield step


@dataclass(slots=True)
class AsyncScripted:
    """The same as `Scripted`, as an async model."""

    turns: str | Sequence[str | Script]
    heard: list[list[Message]] = field(default_factory=list[list[Message]])

    async def generate(self, messages: Sequence[Message], /) -> AsyncIterator[str]:
        """Play the next turn."""
        for step in _next_turn(self.turns, self.heard, messages):
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            elif isinstance(step, Exception):
                raise step
            else:
                yield step


def _next_turn(
    turns: str | Sequence[str | Script],
    heard: list[list[Message]],
    messages: Sequence[Message],
) -> Script:
    heard.append(list(messages))
    if isinstance(turns, str):
        return [turns]
    turn = turns[min(len(heard), len(turns)) - 1] if turns else ""
    return [turn] if isinstance(turn, str) else turn
