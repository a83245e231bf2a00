"""The embedded coaching model: linear classifiers over n-grams and what the lexicon found.

Three of them for each language: of a child's message (emotion, intensity, cues), of one of its
clauses (does it tell the cause?), and of an assistant's sentence (coaching acts). Built by
`make coaching-model` from `finetune/coaching/corpus`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, model_validator

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.clauses import Span
from qiaoban_agent.coaching.cues import Cue
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.lexicon import Clues, Feeling, Lexicon
from qiaoban_guards.classification.features import features, fewer, named_features
from qiaoban_guards.classification.linear import LinearModel, read_arrays
from qiaoban_guards.documents import Frozen
from qiaoban_guards.policy.schema import Language

BUCKETS = 1 << 17
EMOTIONS = tuple(Emotion)
ACTS = tuple(CoachingAct)
CUES = (
    Cue.CAUSE,
    Cue.CONFIRMATION,
    Cue.CORRECTION,
    Cue.ASKS_ADVICE,
    Cue.RESISTANCE,
    Cue.NEW_EVENT,
    Cue.MINIMAL,
    Cue.REPETITION,
    Cue.CLOSURE,
)
"""The cues that are learnt; the social ones are the lexicon's alone."""
TURNS_THE_TALK = (Cue.CLOSURE, Cue.CORRECTION, Cue.NEW_EVENT)
"""Cues that end the talk or turn it back: a mistake costs more than a miss."""
_SURE_ALONE: Mapping[Cue, float] = {**dict.fromkeys(TURNS_THE_TALK, 0.8), Cue.RESISTANCE: 0.5}
"""What the model needs for a cue that the lexicon does not see, where a mistake is felt."""
CHILD_HEADS = (
    *(f"emotion:{emotion}" for emotion in EMOTIONS),
    "intensity:2",
    "intensity:3",
    *(f"cue:{cue}" for cue in CUES),
)
CLAUSE_HEADS = ("cause",)
ACT_HEADS = tuple(f"act:{act}" for act in ACTS)
HEADS: Mapping[str, tuple[str, ...]] = {
    "child": CHILD_HEADS,
    "clause": CLAUSE_HEADS,
    "act": ACT_HEADS,
}
_INTENSITY = len(EMOTIONS)
_FIRST_CUE = _INTENSITY + 2
_ALSO = 0.2
"""From which probability on a second emotion is worth a word."""
_CALM = 0.5
"""Below this probability of no emotion, the likeliest one is taken, to be asked for."""


class Thresholds(Frozen):
    """From which probability on a cue or an act is there; chosen on rows the model did not see.

    `emotion` is the one from which a feeling may be named to the child; `sure` that of an act
    from which a model's sentence is withheld for it.
    """

    emotion: float
    cues: Mapping[Cue, float]
    acts: Mapping[CoachingAct, float]
    sure: Mapping[CoachingAct, float]

    @model_validator(mode="after")
    def _are_whole(self) -> Thresholds:
        for name, labels in (("cues", CUES), ("acts", ACTS), ("sure", ACTS)):
            if missing := set(labels) - set(getattr(self, name)):
                raise ValueError(f"{name} lack {', '.join(sorted(missing))}")
        return self


class Judged(NamedTuple):
    """What the classifier makes of a child's message."""

    emotion: Emotion
    also: tuple[Emotion, ...]
    sure: bool
    confidence: float
    intensity: int
    cues: frozenset[Cue]
    tells_cause: bool


class CoachingClassifier:
    """All three models, Chinese and English. Safe to share between threads."""

    def __init__(
        self,
        models: Mapping[tuple[Language, str], LinearModel],
        thresholds: Mapping[Language, Thresholds],
    ) -> None:
        self._models, self._thresholds = models, thresholds

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> CoachingClassifier:
        """The classifier that comes with the package, read once."""
        return cls.load(files("qiaoban_agent") / "coaching" / "model")

    @classmethod
    def load(cls, folder: Traversable) -> CoachingClassifier:
        """The classifier whose files (`make coaching-model`) stand in `folder`."""
        arrays = read_arrays(BytesIO((folder / "weights.npz").read_bytes()))
        thresholds = TypeAdapter(dict[Language, Thresholds]).validate_json(
            (folder / "thresholds.json").read_bytes()
        )
        models: dict[tuple[Language, str], LinearModel] = {
            (language, name): LinearModel.of(arrays, f"{language}.{name}", heads, BUCKETS)
            for language in thresholds
            for name, heads in HEADS.items()
        }
        return cls(models, thresholds)

    def child(
        self,
        plain: str,
        clues: Clues,
        before: Set[CoachingAct],
        language: Language,
    ) -> Judged:
        """Judge a child's message; `before` are the acts of what it answers."""
        index = child_input(plain, clues, before, language)
        scores = self._models[language, "child"].scores(index)
        emotion, also, share = _emotions(scores[:_INTENSITY])
        thresholds = self._thresholds[language]
        least = thresholds.cues
        found = {
            cue
            for cue, score in zip(CUES, scores[_FIRST_CUE:], strict=True)
            if _probability(score) >= (least[cue] if _is_hinted(cue, clues) else _alone(cue, least))
        }
        intensity = 0 if emotion is Emotion.NONE else 1 + int((scores[_INTENSITY:][:2] > 0).sum())
        return Judged(
            emotion=emotion,
            also=also,
            sure=share >= thresholds.emotion,
            confidence=share,
            intensity=intensity,
            cues=frozenset(found | clues.cues.difference(CUES)),
            tells_cause=Cue.CAUSE in found or (emotion is not Emotion.NONE and not clues.feelings),
        )

    def causes(
        self, plain: str, parts: Sequence[Span], feelings: Sequence[Feeling], language: Language
    ) -> list[float]:
        """How likely each clause of a message tells the cause of the feeling."""
        model = self._models[language, "clause"]
        return [
            float(model.scores(clause_input(plain, parts, place, feelings, language))[0])
            for place in range(len(parts))
        ]

    def acts(self, sentence: str, language: Language, *, sure: bool = False) -> list[CoachingAct]:
        """The coaching acts of an assistant's sentence, the likeliest first.

        With `sure`, only those beyond doubt.
        """
        thresholds = self._thresholds[language]
        least = thresholds.sure if sure else thresholds.acts
        shares = self._models[language, "act"].probabilities(act_input(sentence, language))
        found = [
            (share, act) for act, share in zip(ACTS, shares, strict=True) if share >= least[act]
        ]
        return [act for _, act in sorted(found, key=lambda pair: -pair[0])]


def _is_hinted(cue: Cue, clues: Clues) -> bool:
    """Whether the lexicon sees a cue too."""
    return cue in clues.cues or f"cue:{cue}" in clues.hints


def _alone(cue: Cue, least: Mapping[Cue, float]) -> float:
    """The probability that the model needs for a cue that the lexicon does not see."""
    return max(least[cue], _SURE_ALONE.get(cue, 0.0))


def _emotions(scores: NDArray[np.float64]) -> tuple[Emotion, tuple[Emotion, ...], float]:
    """The likeliest emotion, others that are likely, and the probability of the first."""
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    ranked = [int(place) for place in np.argsort(-shares, kind="stable")]
    if EMOTIONS[ranked[0]] is Emotion.NONE and shares[ranked[0]] < _CALM:
        ranked = ranked[1:]
    also = [
        EMOTIONS[place]
        for place in ranked[1:3]
        if shares[place] >= _ALSO and EMOTIONS[place] is not Emotion.NONE
    ]
    return EMOTIONS[ranked[0]], tuple(also), float(shares[ranked[0]])


def _probability(score: float) -> float:
    return float(1.0 / (1.0 + np.exp(-score)))


def _input(plain: str, facts: Iterable[str], language: Language) -> NDArray[np.int64]:
    grams = features(plain, han=language == "zh")
    return fewer(np.concatenate([grams, named_features(facts)]), BUCKETS)


def child_input(
    plain: str,
    clues: Clues,
    before: Set[CoachingAct],
    language: Language,
) -> NDArray[np.int64]:
    """The features of a child's message in its plain form."""
    feelings, topic = clues.feelings, clues.topic
    facts = [f"{'said' if f.said else 'implied'}:{f.emotion}:{f.intensity}" for f in feelings]
    facts += [f"{'said' if f.said else 'implied'}:{f.emotion}" for f in feelings]
    if feelings:
        facts.append(f"main:{feelings[0].emotion}")
    facts += [f"hint {hint}" for hint in clues.hints]
    if topic is not None:
        facts += [f"topic:{topic.topic}", f"topic implies:{topic.implies}"]
    facts += [f"cue:{cue}" for cue in clues.cues] or ["no cue"]
    facts += [f"before:{act}" for act in before]
    facts.append(f"length:{min(len(plain) // 4, 8)}")
    return _input(plain, facts, language)


def clause_input(
    plain: str,
    parts: Sequence[Span],
    place: int,
    feelings: Sequence[Feeling],
    language: Language,
) -> NDArray[np.int64]:
    """The features of one clause of a message."""
    felt = [
        any(f.said and part.start <= f.start and f.end <= part.end for f in feelings)
        for part in parts
    ]
    facts = [
        f"clause {min(place, 3)} of {min(len(parts), 4)}",
        f"felt:{felt[place]}",
        f"felt before:{any(felt[:place])}",
        f"felt next:{place + 1 < len(parts) and felt[place + 1]}",
        f"last:{place == len(parts) - 1}",
        f"longest:{_length(parts[place]) == max(map(_length, parts))}",
        f"length:{min(_length(parts[place]) // 3, 6)}",
    ]
    part = parts[place]
    return _input(plain[part.start : part.end], facts, language)


def _length(part: Span) -> int:
    return part.end - part.start


def act_input(sentence: str, language: Language) -> NDArray[np.int64]:
    """The features of an assistant's sentence in its plain form."""
    facts = [f"question:{'?' in sentence or '？' in sentence}"]
    facts += [f"hint {hint}" for hint in Lexicon.shipped(language).act_hints(sentence)]
    return _input(sentence, facts, language)
