"""What can be read off a child's message: emotion, cause, topic, and conversational cues."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from difflib import SequenceMatcher
from functools import lru_cache

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.classifier import CoachingClassifier
from qiaoban_agent.coaching.clauses import Span, clauses, event_of
from qiaoban_agent.coaching.cues import Cue
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.lexicon import EDGES, Feeling, Lexicon
from qiaoban_guards.documents import Frozen
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


EARLIER = 4
"""How many of a child's last messages are kept, to tell when it says something again."""
LONGEST_REMEMBERED = 200
_SHORTEST_REPETITION = 4
_SAME = 0.85


class Reading(Frozen):
    """What was read off one message; `intensity` is 1 (mild) to 3 (strong), 0 for no emotion.

    `also` are further emotions, likeliest first; `cause` is the stretch of the plain form that
    tells what the feeling is about.
    """

    emotion: Emotion = Emotion.NONE
    also: tuple[Emotion, ...] = ()
    intensity: int = 0
    said: bool = False
    """Whether the feeling was named, not merely implied by what happened."""
    sure: bool = True
    """Whether the feeling may be named back; else the child is asked for it."""
    confidence: float = 1.0
    """The probability of the emotion."""
    cause: Span | None = None
    topic: str | None = None
    background: bool = False
    """Whether the topic is one that things merely happen in."""
    cues: frozenset[Cue] = frozenset()


class Reader:
    """Reads messages of one language. Safe to share between threads."""

    def __init__(
        self, lexicon: Lexicon, classifier: CoachingClassifier, language: Language
    ) -> None:
        self._lexicon, self._classifier = lexicon, classifier
        self._language: Language = language

    @classmethod
    @lru_cache(maxsize=2)
    def shipped(cls, language: Language) -> Reader:
        """The reader that comes with the package, built once."""
        return cls(Lexicon.shipped(language), CoachingClassifier.shipped(), language)

    def read(self, plain: str, before: Set[CoachingAct] = frozenset()) -> Reading:
        """Read a message in its plain form; `before` are the acts of what it answers."""
        if not EDGES.sub("", plain):
            return Reading(cues=frozenset({Cue.SILENCE}))
        clues = self._lexicon.read(plain)
        feelings, topic = clues.feelings, clues.topic
        judged = self._classifier.child(plain, clues, before, self._language)
        emotion = judged.emotion
        said = any(f.said and f.emotion.basic == emotion.basic for f in feelings)
        if topic is not None and topic.background and emotion in _NOT_ABOUT_THINGS:
            topic = None
        return Reading(
            emotion=emotion,
            also=judged.also,
            intensity=judged.intensity,
            said=said,
            sure=said or judged.sure,
            confidence=judged.confidence,
            cause=self._cause(plain, feelings) if judged.tells_cause else None,
            topic=topic.topic if topic else None,
            background=topic is not None and topic.background,
            cues=judged.cues,
        )

    def _cause(self, plain: str, feelings: list[Feeling]) -> Span | None:
        """The event of the clause that tells most of one."""
        parts = [
            (clause, event)
            for clause in clauses(plain, self._language)
            if (event := event_of(plain, clause, feelings, self._language)) is not None
        ]
        if len(parts) < 2:
            return parts[0][1] if parts else None
        scores = self._classifier.causes(
            plain, [clause for clause, _ in parts], feelings, self._language
        )
        best = max(range(len(parts)), key=lambda place: scores[place])
        return parts[best][1]


def is_repeated(plain: str, earlier: Sequence[str]) -> bool:
    """Whether a message says again, almost word for word, what one of the last ones said."""
    if len(plain) < _SHORTEST_REPETITION:
        return plain != "" and plain in earlier[-1:]
    matcher = SequenceMatcher(b=plain[:LONGEST_REMEMBERED], autojunk=False)
    for message in earlier:
        matcher.set_seq1(message)
        if matcher.real_quick_ratio() >= _SAME and matcher.ratio() >= _SAME:
            return True
    return False


def language_of(plain: str, otherwise: Language) -> Language:
    """The language a message is written in; `otherwise` where it has too few letters to tell."""
    if has_han(plain):
        return "zh"
    return "en" if len(re.findall(r"[a-z']+", plain)) >= 2 else otherwise
