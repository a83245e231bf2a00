"""What can be read off a child's message: emotion, topic, and conversational cues.

A first lexicon of patterns, Chinese and English, in data files beside this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_guards.documents import Frozen
from qiaoban_guards.expressions import Expressions, load_expressions
from qiaoban_guards.policy.schema import Language
from qiaoban_guards.text import has_han

_NOT_ABOUT_THINGS = (
    Emotion.GRIEF,
    Emotion.JEALOUSY,
    Emotion.LONELINESS,
    Emotion.REMORSE,
    Emotion.SADNESS,
)
"""Feelings about people: who eats alone is not sad about the food."""
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


class Cue(StrEnum):
    """What a child's message does in the conversation."""

    CAUSE = "cause"
    CONFIRMATION = "confirmation"
    CORRECTION = "correction"
    ASKS_ADVICE = "asks_advice"
    RESISTANCE = "resistance"
    NEW_EVENT = "new_event"
    MINIMAL = "minimal"
    REPETITION = "repetition"
    CLOSURE = "closure"
    GREETING = "greeting"
    THANKS = "thanks"
    FAREWELL = "farewell"
    WHO_ARE_YOU = "who_are_you"
    ARE_YOU_HUMAN = "are_you_human"
    LOVE_ME = "love_me"
    STAY = "stay"
    JOKE_PLEASE = "joke_please"
    INSULT = "insult"
    KNOWLEDGE = "knowledge"
    TASK = "task"
    CALLED_PARENT = "called_parent"
    TEST = "test"
    GIBBERISH = "gibberish"
    BORED = "bored"
    BETTER = "better"
    WORSE = "worse"
    DECLINES = "declines"
    TRIED = "tried"
    SILENCE = "silence"


class Reading(Frozen):
    """What was read off one message; `intensity` is 1 (mild) to 3 (strong), 0 for no emotion."""

    emotion: Emotion = Emotion.NONE
    intensity: int = 0
    said: bool = False
    """Whether the feeling was named, not merely implied by what happened."""
    topic: str | None = None
    background: bool = False
    """Whether the topic is one that things merely happen in."""
    cues: frozenset[Cue] = frozenset()


class _EmotionEntry(Expressions):
    emotion: Emotion
    intensity: Literal[1, 2, 3]
    kind: Literal["said", "implied"]


class _TopicEntry(Expressions):
    """`implies` is the feeling to expect where the child names none.

    A `background` topic is often only where something happened: it gives way to the topic the
    talk already has, and to a feeling that is not about it.
    """

    topic: str
    implies: Emotion = Emotion.NONE
    background: bool = False


class _CueEntry(Expressions):
    cue: Cue
    whole: bool = False


class _Emotions(Frozen):
    macros: Mapping[str, str] = {}
    emotions: tuple[_EmotionEntry, ...]


class _Topics(Frozen):
    macros: Mapping[str, str] = {}
    topics: tuple[_TopicEntry, ...]


class _Cues(Frozen):
    macros: Mapping[str, str] = {}
    cues: tuple[_CueEntry, ...]


class Reader:
    """Reads messages of one language."""

    def __init__(self, folder: Traversable) -> None:
        self._emotions = load_expressions(folder / "emotions.yaml", _Emotions).emotions
        self._topics = load_expressions(folder / "topics.yaml", _Topics).topics
        self._cues = load_expressions(folder / "cues.yaml", _Cues).cues

    @classmethod
    @lru_cache(maxsize=2)
    def shipped(cls, language: Language) -> Reader:
        """The reader that comes with the package, built once."""
        return cls(files("qiaoban_agent") / "coaching" / "lexicon" / language)

    def read(self, plain: str) -> Reading:
        """Read a message in its plain form."""
        emotion, intensity, said = self._emotion(plain)
        if emotion is Emotion.NONE and not _EDGES.sub("", plain):
            return Reading(cues=frozenset({Cue.SILENCE}))
        topic = next((entry for entry in self._topics if entry.pattern.first(plain)), None)
        if emotion is Emotion.NONE and topic is not None and topic.implies is not Emotion.NONE:
            emotion, intensity = topic.implies, 1
        if topic is not None and topic.background and emotion in _NOT_ABOUT_THINGS:
            topic = None
        return Reading(
            emotion=emotion,
            intensity=intensity,
            said=said,
            topic=topic.topic if topic else None,
            background=topic is not None and topic.background,
            cues=self._read_cues(plain),
        )

    def _emotion(self, plain: str) -> tuple[Emotion, int, bool]:
        """A named feeling before an implied one, then the stronger, then the later one."""
        best: tuple[tuple[bool, int, int], Emotion] | None = None
        for entry in self._emotions:
            last = max((hit.end for hit in entry.pattern.hits(plain)), default=None)
            if last is None:
                continue
            rank = (entry.kind == "said", entry.intensity, last)
            if best is None or rank > best[0]:
                best = (rank, entry.emotion)
        if best is None:
            return Emotion.NONE, 0, False
        return best[1], best[0][1], best[0][0]

    def _read_cues(self, plain: str) -> frozenset[Cue]:
        bare = _EDGES.sub("", plain)
        return frozenset(
            entry.cue
            for entry in self._cues
            if (entry.pattern.matches_whole(bare) if entry.whole else entry.pattern.first(plain))
        )


def language_of(plain: str, otherwise: Language) -> Language:
    """The language a message is written in; `otherwise` where it has too few letters to tell."""
    if has_han(plain):
        return "zh"
    return "en" if len(re.findall(r"[a-z']+", plain)) >= 2 else otherwise
