"""One question and one answer told again as a dialogue of many turns, as PICA and SMILE did.

What the answer's author did (PsyQA's strategies of help) is asked for again, in its order, and the
dialogue is kept only where every strategy is in it; each reply then carries its own. Personal data
are hidden before anything is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveInt

from qiaoban_finetune.collect.asking import Answer, ChatMessage, Malformed, Request, Talk, tried
from qiaoban_finetune.collect.drawing import drawn
from qiaoban_finetune.collect.naming import name_of
from qiaoban_finetune.collect.settings import CollectConfig, PersonalData
from qiaoban_finetune.collect.templates import speakers, template
from qiaoban_finetune.collect.transcript import Turn, turns_of
from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import read
from qiaoban_finetune.formats.psyqa import STRATEGIES, strategies
from qiaoban_guards.pii.finder import finder_of
from qiaoban_guards.pii.redact import Redactor, Style

BLANKS = ("question", "answer", "strategies", "rounds", "child", "assistant")
"""What a template may ask for."""
_BLANK = re.compile(r"[\s_-]+")


class ExpandConfig(CollectConfig):
    """A run that makes dialogues of single exchanges."""

    source: Path
    """A file or folder of single exchanges, in any format that training reads."""
    format: str = "auto"
    """The format of `source`: psyqa, alpaca, openai, …"""
    count: PositiveInt | None = None
    """Only so many of them, from the front."""
    rounds: tuple[PositiveInt, PositiveInt] = (5, 8)
    """The least and the most rounds that are asked for."""
    template: Path | None = None
    """A Jinja template of one's own; else the shipped one of the language."""
    personal_data: PersonalData = "mask"
    """What is done with personal data before a record is sent: hide, or keep what is public."""
    least_messages: Annotated[int, Field(ge=2)] = 6
    """A dialogue of fewer is kept apart as malformed."""


@dataclass(frozen=True, slots=True)
class _Exchange:
    id: str
    question: str
    answer: str
    strategies: tuple[str, ...]
    topic: str


class Expand:
    """The recipe; raises DataError and ConfigError for a source or template it cannot use."""

    name = "expand"

    def __init__(self, config: ExpandConfig) -> None:
        self._config = config
        self._names = speakers(config.language)
        self._template = template(config.template, "expand", config.language, BLANKS)
        self._redactor = _redactor(config.personal_data)
        self._exchanges = list(self._read_source())
        self.count = len(self._exchanges)

    def _read_source(self) -> list[_Exchange]:
        found: list[_Exchange] = []
        for dialogue in read(self._config.source, self._config.format):
            if len(found) == self._config.count:
                break
            said = [one for one in dialogue.messages if one.role != "system"]
            if [one.role for one in said] != ["user", "assistant"]:
                raise DataError(
                    f"{self._config.source}: dialogue {dialogue.id!r} is no single question and "
                    "answer; give single exchanges, dialogues need no expanding"
                )
            told = dict.fromkeys(span.strategy for span in strategies(said[1]))
            found.append(
                _Exchange(dialogue.id, said[0].text, said[1].text, tuple(told), dialogue.topic)
            )
        return found

    def talk(self, number: int) -> Talk[Dialogue]:
        """Have one exchange told again."""
        config, exchange = self._config, self._exchanges[number]
        draw = drawn(config.seed, self.name, number)
        question, answer = self._hidden(exchange)
        prompt = self._template.filled(
            {
                "question": question,
                "answer": answer,
                "strategies": exchange.strategies,
                "rounds": draw.randint(*config.rounds),
                "child": self._names.child,
                "assistant": self._names.assistant,
            }
        )
        request = Request((ChatMessage(role="user", content=prompt),))
        return (yield from tried(request, config.tries, partial(self._read, number, exchange)))

    def _hidden(self, exchange: _Exchange) -> tuple[str, str]:
        if self._redactor is None:
            return exchange.question, exchange.answer
        question, answer = self._redactor.redact([exchange.question, exchange.answer]).texts
        return question, answer

    def _read(self, number: int, exchange: _Exchange, answer: Answer) -> Dialogue | Malformed:
        turns = turns_of(answer, self._names)
        if isinstance(turns, Malformed):
            return turns
        if len(turns) < self._config.least_messages:
            return Malformed("too few turns", f"{len(turns)} messages")
        messages = tuple(_message(turn) for turn in turns)
        used = {one.strategy for one in messages}
        if lost := [name for name in exchange.strategies if name not in used]:
            return Malformed("strategies lost", ", ".join(lost))
        return Dialogue(
            id=name_of(self.name, number),
            messages=messages,
            topic=exchange.topic,
            source=self._config.server.model,
            licence=self._config.licence,
            extra=(("expanded_from", exchange.id),),
        )


def _redactor(handling: PersonalData) -> Redactor | None:
    if handling == "keep":
        return None
    return Redactor(finder_of().find, Style(handling))


def _message(turn: Turn) -> Message:
    strategy = _KNOWN.get(_plain(turn.note), "") if turn.role == "assistant" else ""
    return Message(turn.role, turn.text, strategy=strategy)


def _plain(name: str) -> str:
    return _BLANK.sub(" ", name).strip().lower()


_KNOWN = {_plain(name): name for name in STRATEGIES}
