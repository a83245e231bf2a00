"""A child that answers what it hears: by its script, or by a model that plays it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from qiaoban_agent.models.base import Message, Model
from qiaoban_finetune.evaluate.children.persona import Persona, Script, prompts
from qiaoban_finetune.evaluate.subjects import words_of

_QUESTION = re.compile(r"[?？]")


class Child(Protocol):
    """One child in one session."""

    async def says(self, heard: Sequence[tuple[str, str]]) -> str | None:
        """The next message after (own words, reply) so far; None where it leaves."""
        ...


class ScriptedChild:
    """Says its script; a choice hangs on whether it was asked something."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def says(self, heard: Sequence[tuple[str, str]]) -> str | None:
        """The next line, None after the last."""
        if len(heard) >= len(self._script.says):
            return None
        line = self._script.says[len(heard)]
        if isinstance(line, str):
            return line
        asked = bool(heard) and _QUESTION.search(heard[-1][1]) is not None
        return line.asked if asked else line.otherwise


class PlayedChild:
    """A child that a model plays."""

    def __init__(self, persona: Persona, model: Model) -> None:
        self._persona, self._model = persona, model

    async def says(self, heard: Sequence[tuple[str, str]]) -> str | None:
        """What the model has it say; None where it says the end, or nothing."""
        prompt = prompts()[self._persona.language]
        system = prompt.system.format(
            age=self._persona.age, about=self._persona.about, end=prompt.end
        )
        messages = [
            Message(role="system", content=system),
            Message(role="user", content=prompt.begin),
        ]
        for own, reply in heard:
            messages.append(Message(role="assistant", content=own))
            messages.append(Message(role="user", content=reply or "…"))
        said = await words_of(self._model, messages)
        return None if prompt.end in said else said.strip() or None
