"""Dialogues between two roles: in one call, or turn by turn with a model on either side.

Turn by turn, each side is told its own part alone and hears the other's words. It ends when the
child takes its leave, when either side says again what it said before, or at a number of rounds
that is drawn; what no reply follows is dropped, and so is what one side writes for the other.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import PositiveInt, model_validator

from qiaoban_finetune.collect.asking import Answer, ChatMessage, Malformed, Request, Talk, tried
from qiaoban_finetune.collect.characters import Persona, characters
from qiaoban_finetune.collect.drawing import drawn, rounds
from qiaoban_finetune.collect.naming import name_of
from qiaoban_finetune.collect.settings import CollectConfig
from qiaoban_finetune.collect.templates import Speakers, speakers, template
from qiaoban_finetune.collect.transcript import messages_of, turns_of
from qiaoban_finetune.dialogue import Dialogue, Message

ONE_CALL = ("persona", "situation", "age", "supporter", "rounds", "child", "assistant")
"""What the template of a whole dialogue may ask for."""
CHILD = ("persona", "situation", "age", "child", "assistant")
SUPPORTER = ("supporter", "age", "child", "assistant")
"""What the templates of the two sides may ask for."""
_TAG = re.compile(r"\[\|?(?:Human|AI|User|Assistant)\|?\]", re.IGNORECASE)
_ENDING = " \t\n。！!～~.…”\"'）)"


class SelfChatConfig(CollectConfig):
    """A run of self-chats."""

    mode: Literal["one_call", "alternating"] = "alternating"
    """A whole dialogue in one call, or a call for each turn."""
    count: PositiveInt = 1000
    """How many dialogues are asked for; the personas go round."""
    personas: Path | None = None
    """Characters of one's own: YAML, or the JSONL that `collect personas` writes; else shipped."""
    rounds: tuple[PositiveInt, PositiveInt] = (5, 10)
    """The least and the most rounds (a message of the child and its reply)."""
    turn_tokens: PositiveInt = 300
    """The most tokens of one turn, where each has its call."""
    template: Path | None = None
    """Of a whole dialogue, one's own; else the shipped one."""
    child_template: Path | None = None
    """What the child's side is told, one's own; else the shipped one."""
    supporter_template: Path | None = None
    """What the companion's side is told, one's own; else the shipped one."""

    @model_validator(mode="after")
    def _grows(self) -> SelfChatConfig:
        least, most = self.rounds
        if least > most:
            raise ValueError(f"rounds: {least} is more than {most}; write the smaller one first")
        return self


class SelfChat:
    """The recipe; raises ConfigError for personas or templates that cannot be used."""

    name = "self-chat"

    def __init__(self, config: SelfChatConfig) -> None:
        self.count = config.count
        self._config = config
        self._cast = characters(config.personas, config.language)
        self._names = speakers(config.language)
        language = config.language
        self._whole = template(config.template, "self_chat", language, ONE_CALL)
        self._child = template(config.child_template, "child", language, CHILD)
        self._supporter = template(config.supporter_template, "supporter", language, SUPPORTER)
        self._opening = template(None, "opening", language, ()).filled({})

    def talk(self, number: int) -> Talk[Dialogue]:
        """Have one dialogue."""
        draw = drawn(self._config.seed, self.name, number)
        persona = rounds(self._cast.children, self._config.seed, number)
        values = {
            "supporter": draw.choice(self._cast.supporters),
            "rounds": draw.randint(*self._config.rounds),
            "child": self._names.child,
            "assistant": self._names.assistant,
            **persona.model_dump(),
        }
        if self._config.mode == "alternating":
            return (yield from self._alternating(number, persona, values))
        prompt = self._whole.filled(values)
        request = Request((ChatMessage(role="user", content=prompt),))
        return (yield from tried(request, self._config.tries, partial(self._read, number, persona)))

    def _read(self, number: int, persona: Persona, answer: Answer) -> Dialogue | Malformed:
        turns = turns_of(answer, self._names)
        if isinstance(turns, Malformed):
            return turns
        return self._long_enough(number, persona, messages_of(turns))

    def _alternating(self, number: int, persona: Persona, values: dict[str, Any]) -> Talk[Dialogue]:
        child, supporter = self._child.filled(values), self._supporter.filled(values)
        said: list[Message] = []
        for _ in range(values["rounds"]):
            for role, system in (("user", child), ("assistant", supporter)):
                turn = yield from self._turn(role, system, said)
                if isinstance(turn, Malformed):
                    return turn
                if any(turn == one.text for one in said):
                    return self._long_enough(number, persona, _ended(said))
                said.append(Message("user" if role == "user" else "assistant", turn))
            if _takes_leave(said[-2].text, self._names):
                break
        return self._long_enough(number, persona, _ended(said))

    def _turn(
        self, role: str, system: str, said: Sequence[Message]
    ) -> Generator[Request, Answer, str | Malformed]:
        """What one side says next; it hears its own words as the assistant's."""
        heard = [
            ChatMessage(role="assistant" if one.role == role else "user", content=one.text)
            for one in said
        ]
        if role == "user":
            heard.insert(0, ChatMessage(role="user", content=self._opening))
        names = self._names
        others = names.assistant if role == "user" else names.child
        request = Request(
            (ChatMessage(role="system", content=system), *heard),
            stop=(f"\n{others}：", f"\n{others}:"),
            max_tokens=self._config.turn_tokens,
        )
        return (yield from tried(request, self._config.tries, partial(_own_words, names)))

    def _long_enough(
        self, number: int, persona: Persona, messages: Sequence[Message]
    ) -> Dialogue | Malformed:
        # Half the rounds are still a conversation: models count badly, and children leave early.
        if len(messages) < max(self._config.rounds[0], 2):
            return Malformed("too few turns", f"{len(messages)} messages")
        return Dialogue(
            id=name_of(self.name, number),
            messages=tuple(messages),
            topic=persona.situation,
            source=self._config.server.model,
            licence=self._config.licence,
            extra=(("age", persona.age), ("persona", persona.persona)),
        )


def _own_words(names: Speakers, answer: Answer) -> str | Malformed:
    """What a side said itself: without its own tag, and up to where it speaks for the other."""
    if answer.end == "refused":
        return Malformed("refused by the server's filter")
    tags = "|".join(map(re.escape, (names.child, names.assistant)))
    text = re.sub(rf"^\s*(?:{tags})\s*[：:]\s*", "", _TAG.split(answer.text.strip())[0])
    text = re.split(rf"\n\s*(?:{tags})\s*[：:]", text)[0].strip()
    if not text:
        return Malformed("an empty turn")
    if answer.end == "cut_short":
        return Malformed("a turn cut short", text[-80:])
    return text


def _takes_leave(text: str, names: Speakers) -> bool:
    return text.rstrip(_ENDING).lower().endswith(names.farewells)


def _ended(said: list[Message]) -> list[Message]:
    """What was said up to the last reply."""
    return said[:-1] if said and said[-1].role == "user" else said
