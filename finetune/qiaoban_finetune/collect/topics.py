"""A dialogue for each topic drawn from a list, in one call, as QiaoBan's data was made.

The topics go round in an order drawn anew each time, so that all of them are used before one is
used again; the emotion (one of 28), the age and the length asked for are drawn for each dialogue.
"""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from qiaoban_agent.coaching.content import Content
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.memory import AGE_BANDS, AgeBand
from qiaoban_finetune.collect.asking import Answer, ChatMessage, Malformed, Request, Talk, tried
from qiaoban_finetune.collect.drawing import drawn, rounds
from qiaoban_finetune.collect.naming import name_of
from qiaoban_finetune.collect.settings import CollectConfig
from qiaoban_finetune.collect.templates import speakers, template
from qiaoban_finetune.collect.transcript import messages_of, turns_of
from qiaoban_finetune.dialogue import Dialogue
from qiaoban_finetune.errors import ConfigError
from qiaoban_guards.documents import read
from qiaoban_guards.errors import DocumentError

BLANKS = ("topic", "emotion", "age", "least", "most", "child", "assistant")
"""What a template of topics may ask for."""
_STEP = 50
"""To which the lengths asked for are rounded."""
_APART = re.compile(r"[、\t]")


def _feelings(emotions: tuple[Emotion, ...]) -> tuple[Emotion, ...]:
    if not emotions or Emotion.NONE in emotions:
        raise ValueError("names feelings, at least one; none is not one of them")
    return emotions


class TopicsConfig(CollectConfig):
    """A run of dialogues on topics."""

    topics: Path
    """Topics, one or several in a line, with 、 or tabs between them; # begins a comment."""
    count: PositiveInt = 1000
    """How many dialogues are asked for."""
    template: Path | None = None
    """A Jinja template of one's own; else the shipped one of the language."""
    characters: tuple[PositiveInt, PositiveInt] = (800, 1000)
    """The least and the most that is asked for: characters of Chinese, words of English."""
    emotions: Annotated[tuple[Emotion, ...], AfterValidator(_feelings)] = tuple(
        emotion for emotion in Emotion if emotion is not Emotion.NONE
    )
    """What is drawn from."""
    ages: Annotated[tuple[AgeBand, ...], Field(min_length=1)] = AGE_BANDS
    """What is drawn from."""
    least_messages: Annotated[int, Field(ge=2)] = 4
    """A dialogue of fewer is kept apart as malformed."""

    @model_validator(mode="after")
    def _grows(self) -> TopicsConfig:
        least, most = self.characters
        if least > most:
            raise ValueError(
                f"characters: {least} is more than {most}; write the smaller one first"
            )
        return self


class Topics:
    """The recipe; raises ConfigError for topics or a template that cannot be used."""

    name = "topics"

    def __init__(self, config: TopicsConfig) -> None:
        self.count = config.count
        self._config = config
        self._topics = read_topics(config.topics)
        self._template = template(config.template, "topics", config.language, BLANKS)
        self._emotions = Content.shipped(config.language).prompts.emotions
        self._names = speakers(config.language)

    def talk(self, number: int) -> Talk[Dialogue]:
        """Ask for one dialogue, and anew where nothing can be read from the answer."""
        config = self._config
        draw = drawn(config.seed, self.name, number)
        topic = rounds(self._topics, config.seed, number)
        emotion, age = draw.choice(config.emotions), draw.choice(config.ages)
        least, most = _lengths(draw, *config.characters)
        prompt = self._template.filled(
            {
                "topic": topic,
                "emotion": self._emotions[emotion],
                "age": age,
                "least": least,
                "most": most,
                "child": self._names.child,
                "assistant": self._names.assistant,
            }
        )
        request = Request((ChatMessage(role="user", content=prompt),))
        return (
            yield from tried(
                request,
                config.tries,
                lambda answer: self._read(answer, number, topic, emotion, age),
            )
        )

    def _read(
        self, answer: Answer, number: int, topic: str, emotion: Emotion, age: AgeBand
    ) -> Dialogue | Malformed:
        turns = turns_of(answer, self._names)
        if isinstance(turns, Malformed):
            return turns
        if len(turns) < self._config.least_messages:
            return Malformed("too few turns", f"{len(turns)} messages")
        return Dialogue(
            id=name_of(self.name, number),
            messages=messages_of(turns),
            emotion=emotion.basic,
            topic=topic,
            source=self._config.server.model,
            licence=self._config.licence,
            extra=(("feeling", str(emotion)), ("age", age)),
        )


def read_topics(file: Path) -> list[str]:
    """The topics of a file, each once, in their order; ConfigError where there is none."""
    try:
        lines = read(file).splitlines()
    except DocumentError as error:
        raise ConfigError(str(error)) from error
    told = (line.partition("#")[0] for line in lines)
    found = [topic.strip() for line in told for topic in _APART.split(line)]
    topics = list(dict.fromkeys(filter(None, found)))
    if not topics:
        raise ConfigError(f"{file}: holds no topics; write one a line, or several with 、 between")
    return topics


def _lengths(draw: Random, least: int, most: int) -> tuple[int, int]:
    """A range within the one that is allowed."""
    if most - least <= 2 * _STEP:
        return least, most
    begin = draw.randrange(least, most - 2 * _STEP + 1, _STEP)
    return begin, min(begin + 4 * _STEP, most)
