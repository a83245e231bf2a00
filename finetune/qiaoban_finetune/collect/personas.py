"""New children for self-chat, each unlike the others.

Each is asked for with four shipped or given personas and one that a model made before, and is
rejected where it is nearly one that was taken (Jaccard similarity of runs of three characters).
They are made in waves: what a wave is shown was settled before it began, so that the result does
not depend on which answer came first.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveInt, ValidationError

from qiaoban_agent.coaching.content import Content
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.memory import AGE_BANDS
from qiaoban_finetune.clean.shingles import jaccard, shingles
from qiaoban_finetune.collect.asking import Answer, ChatMessage, Malformed, Request, Talk, tried
from qiaoban_finetune.collect.characters import Persona, characters
from qiaoban_finetune.collect.drawing import drawn, rounds
from qiaoban_finetune.collect.settings import CollectConfig
from qiaoban_finetune.collect.templates import template

BLANKS = ("examples", "emotion", "age", "topic")
"""What a template may ask for."""
DUPLICATE = "nearly one that there is"
_SEEDS = 4
_OBJECT = re.compile(r"\{[^{}]*\}")


class PersonasConfig(CollectConfig):
    """A run that makes personas."""

    count: PositiveInt = 100
    """How many are asked for; those that are nearly another are not kept."""
    personas: Path | None = None
    """Characters of one's own to begin from; else those shipped."""
    template: Path | None = None
    """A Jinja template of one's own; else the shipped one of the language."""
    wave: PositiveInt = 20
    """How many are asked for at a time, seeing the same ones before them."""
    most_alike: Annotated[float, Field(gt=0, le=1)] = 0.35
    """From which similarity on two are nearly the same."""


class Personas:
    """The recipe of one wave after the other: `taken` grows by `take`."""

    name = "personas"

    def __init__(self, config: PersonasConfig) -> None:
        self._config = config
        self._cast = characters(config.personas, config.language)
        self._template = template(config.template, "persona", config.language, BLANKS)
        self._emotions = Content.shipped(config.language).prompts.emotions
        self.taken: list[Persona] = []
        self._known = [_shingles(one) for one in self._cast.children]

    @property
    def waves(self) -> list[range]:
        """The tasks of each wave."""
        count, wave = self._config.count, self._config.wave
        return [range(at, min(at + wave, count)) for at in range(0, count, wave)]

    @property
    def count(self) -> int:
        """All tasks."""
        return self._config.count

    def talk(self, number: int) -> Talk[Persona]:
        """Ask for one persona."""
        draw = drawn(self._config.seed, self.name, number)
        seeds = draw.sample(self._cast.children, min(_SEEDS, len(self._cast.children)))
        made = [draw.choice(self.taken)] if self.taken else []
        feelings = [emotion for emotion in Emotion if emotion is not Emotion.NONE]
        prompt = self._template.filled(
            {
                "examples": [one.as_json() for one in (*seeds, *made)],
                "emotion": self._emotions[draw.choice(feelings)],
                "age": draw.choice(AGE_BANDS),
                "topic": rounds(self._cast.topics, self._config.seed, number),
            }
        )
        request = Request((ChatMessage(role="user", content=prompt),))
        return (yield from tried(request, self._config.tries, read_persona))

    def take(self, persona: Persona) -> Malformed | None:
        """Keep a persona for the waves to come, unless it is nearly one that there is."""
        seen = _shingles(persona)
        nearest = max((jaccard(seen, known) for known in self._known), default=0.0)
        if nearest >= self._config.most_alike:
            return Malformed(DUPLICATE, f"similarity {nearest:.2f}")
        self._known.append(seen)
        self.taken.append(persona)
        return None


def read_persona(answer: Answer) -> Persona | Malformed:
    """The persona in an answer; what a model wrote is parsed as JSON, never evaluated."""
    if answer.end == "refused":
        return Malformed("refused by the server's filter")
    found = _OBJECT.search(answer.text)
    if found is None:
        return Malformed("no JSON object", answer.text[:80])
    try:
        fields: Any = json.loads(found[0])
        return Persona.model_validate(fields)
    except ValidationError as error:
        detail = error.errors()[0]
        return Malformed("not the keys that were asked for", f"{detail['loc']}: {detail['msg']}")
    except ValueError as error:
        return Malformed("no valid JSON", str(error))


def _shingles(persona: Persona) -> set[str]:
    return shingles((persona.persona, persona.situation))
