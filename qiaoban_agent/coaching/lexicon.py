"""What regular expressions read off a child's message: feelings, topics, conversational cues.

The expressions are data, one folder a language (`coaching/lexicon`). They are clues for the
classifier, which weighs them with every other word; the social cues they decide alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Literal, NamedTuple, TypeAlias

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.cues import Cue
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.wordlists import WordList
from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.expressions import Expressions, load_expressions
from qiaoban_guards.policy.schema import Language

EDGES = re.compile(r"^[\W_]+|[\W_]+$")


class Feeling(NamedTuple):
    """A feeling found in `plain[start:end]`; `said` where it is named, not merely implied."""

    emotion: Emotion
    intensity: int
    said: bool
    start: int
    end: int


class Clues(NamedTuple):
    """Everything the lexicon finds in one message."""

    feelings: list[Feeling]
    hints: frozenset[str]
    topic: Topic | None
    cues: frozenset[Cue]


class Topic(Expressions):
    """`implies` is the feeling to expect where the child names none.

    A `background` topic is often only where something happened: it gives way to the topic the
    talk already has, and to a feeling that is not about it.
    """

    topic: str
    implies: Emotion = Emotion.NONE
    background: bool = False


class _FeelingEntry(Expressions):
    emotion: Emotion
    intensity: Literal[1, 2, 3]
    kind: Literal["said", "implied"]


class _CueEntry(Expressions):
    cue: Cue
    whole: bool = False


class _Feelings(Frozen):
    macros: Mapping[str, str] = {}
    emotions: tuple[_FeelingEntry, ...]


class _Topics(Frozen):
    macros: Mapping[str, str] = {}
    topics: tuple[Topic, ...]


class _Cues(Frozen):
    macros: Mapping[str, str] = {}
    cues: tuple[_CueEntry, ...]


class _Phrases(Frozen):
    said: Mapping[Emotion, tuple[str, ...]]
    implied: Mapping[Emotion, tuple[str, ...]]


class _ActPhrases(Frozen):
    acts: Mapping[CoachingAct | Literal["none"], tuple[str, ...]]
    cues: Mapping[Cue | Literal["none"], tuple[str, ...]]


_Hints: TypeAlias = WordList[tuple[str, ...]]


def _hints(lists: Mapping[str, Mapping[Any, tuple[str, ...]]], *, edges: bool) -> _Hints:
    """Each phrase with the names of what it hints at."""
    named: dict[str, list[str]] = {}
    for kind, phrases in lists.items():
        for label, words in phrases.items():
            for word in words:
                named.setdefault(word, []).append(f"{kind}:{label}")
    return WordList({word: tuple(names) for word, names in named.items()}, edges=edges)


def _found(hints: _Hints, text: str) -> frozenset[str]:
    return frozenset(hint for found in hints.found(text) for hint in found)


class Lexicon:
    """The expressions of one language."""

    def __init__(self, folder: Traversable, language: Language) -> None:
        self._feelings = load_expressions(folder / "emotions.yaml", _Feelings).emotions
        self.topics = load_expressions(folder / "topics.yaml", _Topics).topics
        self._cues = load_expressions(folder / "cues.yaml", _Cues).cues
        phrases = load(folder / "phrases.yaml", _Phrases)
        of_acts = load(folder / "acts.yaml", _ActPhrases)
        edges = language == "en"
        self._hints = _hints({"said": phrases.said, "implied": phrases.implied}, edges=edges)
        self._cue_hints = _hints({"cue": of_acts.cues}, edges=edges)
        self._act_hints = _hints({"act": of_acts.acts}, edges=edges)

    @classmethod
    @lru_cache(maxsize=2)
    def shipped(cls, language: Language) -> Lexicon:
        """The lexicon that comes with the package, built once."""
        return cls(files("qiaoban_agent") / "coaching" / "lexicon" / language, language)

    def read(self, plain: str) -> Clues:
        """All that is found in a message in its plain form."""
        return Clues(self.feelings(plain), self.hints(plain), self.topic(plain), self.cues(plain))

    def feelings(self, plain: str) -> list[Feeling]:
        """Every feeling, the main one first: named before implied, then the stronger, the later."""
        found = [
            Feeling(entry.emotion, entry.intensity, entry.kind == "said", hit.start, hit.end)
            for entry in self._feelings
            for hit in entry.pattern.hits(plain)
        ]
        return sorted(found, key=lambda f: (f.said, f.intensity, f.end), reverse=True)

    def hints(self, plain: str) -> frozenset[str]:
        """What the listed phrases in a message hint at, such as `implied:pride`."""
        whole = f"^{EDGES.sub('', plain)}$"
        return _found(self._hints, plain) | _found(self._cue_hints, whole)

    def act_hints(self, plain: str) -> frozenset[str]:
        """What the listed phrases in an assistant's sentence hint at, such as `act:advice`."""
        return _found(self._act_hints, f"^{EDGES.sub('', plain)}$")

    def topic(self, plain: str) -> Topic | None:
        """The first topic whose expressions match."""
        return next((entry for entry in self.topics if entry.pattern.first(plain)), None)

    def cues(self, plain: str) -> frozenset[Cue]:
        """Every cue whose expressions match."""
        bare = EDGES.sub("", plain)
        return frozenset(
            entry.cue
            for entry in self._cues
            if (entry.pattern.matches_whole(bare) if entry.whole else entry.pattern.first(plain))
        )
