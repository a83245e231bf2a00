"""What a child's message does in the conversation."""

from __future__ import annotations

from enum import StrEnum


class Cue(StrEnum):
    """A message may show several, or none."""

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
    MISDEED = "misdeed"
    MY_FAULT = "my_fault"
    IS_PRIVATE = "is_private"
    APOLOGY = "apology"
    BEFRIEND = "befriend"
    SILENCE = "silence"
