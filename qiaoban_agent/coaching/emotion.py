"""The emotions a child may have, as QiaoBan lists them, and the six they belong to."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

Basic = Literal["happy", "sad", "fear", "angry", "surprise", "disgust", "none"]
Valence = Literal["positive", "negative", "neutral"]


class Emotion(StrEnum):
    """QiaoBan's 28 emotions, and none."""

    NONE = "none"
    ADMIRATION = "admiration"
    AMUSEMENT = "amusement"
    ANGER = "anger"
    ANNOYANCE = "annoyance"
    APPROVAL = "approval"
    CARING = "caring"
    CONFUSION = "confusion"
    CURIOSITY = "curiosity"
    DESIRE = "desire"
    DISAPPOINTMENT = "disappointment"
    DISAPPROVAL = "disapproval"
    DISGUST = "disgust"
    EMBARRASSMENT = "embarrassment"
    EXCITEMENT = "excitement"
    FEAR = "fear"
    GRATITUDE = "gratitude"
    GRIEF = "grief"
    JOY = "joy"
    LOVE = "love"
    NERVOUSNESS = "nervousness"
    OPTIMISM = "optimism"
    PRIDE = "pride"
    LONELINESS = "loneliness"
    RELIEF = "relief"
    REMORSE = "remorse"
    SADNESS = "sadness"
    SURPRISE = "surprise"
    JEALOUSY = "jealousy"

    @property
    def basic(self) -> Basic:
        """The one of QiaoBan's six dialogue labels that this emotion belongs to."""
        for basic, emotions in _BASIC.items():
            if self in emotions:
                return basic
        return "none"

    @property
    def valence(self) -> Valence:
        """Whether it is savoured, coached, or neither."""
        if self in _NEITHER:
            return "neutral"
        return "positive" if self.basic == "happy" else "negative"


_NEITHER = (Emotion.NONE, Emotion.SURPRISE, Emotion.DESIRE, Emotion.CARING)
"""A wish may be for what was lost, and who cares may be worried: heard, not savoured."""
_BASIC: dict[Basic, frozenset[Emotion]] = {
    "happy": frozenset(
        {
            Emotion.ADMIRATION,
            Emotion.AMUSEMENT,
            Emotion.APPROVAL,
            Emotion.CARING,
            Emotion.CURIOSITY,
            Emotion.DESIRE,
            Emotion.EXCITEMENT,
            Emotion.GRATITUDE,
            Emotion.JOY,
            Emotion.LOVE,
            Emotion.OPTIMISM,
            Emotion.PRIDE,
            Emotion.RELIEF,
        }
    ),
    "sad": frozenset(
        {
            Emotion.DISAPPOINTMENT,
            Emotion.EMBARRASSMENT,
            Emotion.GRIEF,
            Emotion.LONELINESS,
            Emotion.REMORSE,
            Emotion.SADNESS,
        }
    ),
    "fear": frozenset({Emotion.CONFUSION, Emotion.FEAR, Emotion.NERVOUSNESS}),
    "angry": frozenset({Emotion.ANGER, Emotion.ANNOYANCE, Emotion.DISAPPROVAL, Emotion.JEALOUSY}),
    "surprise": frozenset({Emotion.SURPRISE}),
    "disgust": frozenset({Emotion.DISGUST}),
}
