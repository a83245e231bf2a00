"""The curated lines a reply is put together from, read from `qiaoban_agent/content`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated
from zlib import crc32

from pydantic import BeforeValidator, Field

from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.tracker import Stage
from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.errors import DocumentError
from qiaoban_guards.policy.schema import Language


class Act(StrEnum):
    """What a line does; the acts named `ask_` or `explore` are questions."""

    NOTICE = "notice"
    UNDERSTAND = "understand"
    ACCEPT = "accept"
    SUGGEST = "suggest"
    CLOSE = "close"
    SAVOUR = "savour"
    CHAT = "chat"
    SOOTHE = "soothe"
    CHOICE = "choice"
    EXPLORE = "explore"
    ASK_FEELING = "ask_feeling"
    ASK_CAUSE = "ask_cause"
    ASK_MORE = "ask_more"
    ASK_FIT = "ask_fit"
    ASK_SAVOUR = "ask_savour"
    ASK_CHAT = "ask_chat"
    GREETING = "greeting"
    THANKS = "thanks"
    FAREWELL = "farewell"
    JOKE = "joke"
    INSULT = "insult"
    WHO_ARE_YOU = "who_are_you"
    ARE_YOU_HUMAN = "are_you_human"
    LOVE_ME = "love_me"
    STAY = "stay"
    SILENCE = "silence"
    KNOWLEDGE = "knowledge"
    GIBBERISH = "gibberish"
    TASK = "task"
    CALLED_PARENT = "called_parent"
    TEST = "test"


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


_Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]


class _When(Frozen):
    emotion: _Names = ()
    topic: _Names = ()


class _Group(Frozen):
    when: _When
    say: tuple[str, ...] = Field(min_length=1)


class _File(Frozen):
    act: Act
    lines: tuple[_Group, ...]


class Prompts(Frozen):
    """What a language model is told: the frame, the stages, and how to treat a concern."""

    system: str
    stages: Mapping[Stage, str]
    careful: str
    known: Mapping[str, str]
    emotions: Mapping[Emotion, str]


class Line(Frozen):
    """One curated line and what it fits; empty `emotions` or `topics` fit anything."""

    id: int
    text: str
    emotions: frozenset[str]
    topics: frozenset[str]

    def fit(self, emotion: Emotion, topic: str | None) -> int | None:
        """How specifically the line fits, None where it does not."""
        if self.topics and topic not in self.topics:
            return None
        if not self.emotions:
            return 4 * bool(self.topics)
        if emotion in self.emotions:
            return 4 * bool(self.topics) + 2
        return 4 * bool(self.topics) + 1 if emotion.valence in self.emotions else None


def line_id(text: str) -> int:
    """What a sentence is remembered by, so as not to be said again."""
    return crc32(text.encode())


class Content:
    """The lines of one language by act."""

    def __init__(self, folder: Traversable) -> None:
        self._lines: dict[Act, tuple[Line, ...]] = {}
        for source in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if source.name.endswith(".yaml") and source.name != "prompts.yaml":
                file = load(source, _File)
                self._lines[file.act] = tuple(_lines(file, str(source)))
        if missing := set(Act) - set(self._lines):
            names = ", ".join(sorted(missing))
            raise DocumentError(f"no lines for {names}; add a file each", source=str(folder))
        self.prompts = load(folder / "prompts.yaml", Prompts)

    @classmethod
    @lru_cache(maxsize=2)
    def shipped(cls, language: Language) -> Content:
        """The content that comes with the package, read once."""
        return cls(files("qiaoban_agent") / "content" / language)

    def lines(self, act: Act) -> tuple[Line, ...]:
        """Every line of an act."""
        return self._lines[act]


def _lines(file: _File, source: str) -> list[Line]:
    emotions = {*Emotion, "positive", "negative"} - {Emotion.NONE}
    for group in file.lines:
        if unknown := set(group.when.emotion) - emotions:
            raise DocumentError(f"no emotion is called {sorted(unknown)}", source=source)
    return [
        Line(
            id=line_id(text),
            text=text,
            emotions=frozenset(group.when.emotion),
            topics=frozenset(group.when.topic),
        )
        for group in file.lines
        for text in group.say
    ]
