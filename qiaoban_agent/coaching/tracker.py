"""The coaching tracker: which stage the conversation is in, and why.

notice → understand → accept → explore → close, with steps back where the child resists, corrects
or tells something new; savour for a positive emotion; crisis while a danger is open. `TRANSITIONS`
is the whole machine: the first one that applies is taken. A stage is decided by rules that can be
read, because the next one cannot be learnt well (accuracy .455 on ESConv) and because a child
psychologist has to be able to check it.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.cues import Cue
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.reading import Reading
from qiaoban_guards.documents import Frozen

STRONG = 3
TURNS_ROUND = 0.75
"""How sure a good feeling has to be before it takes the place of a trouble."""
_FOND = frozenset({Emotion.ADMIRATION, Emotion.GRATITUDE, Emotion.LOVE})
_LOSSES = frozenset({"pet_died", "someone_died", "friend_leaves"})
MINIMAL_BEFORE_A_CHOICE = 2
MINIMAL_BEFORE_THE_END = 4


class Stage(StrEnum):
    """Where emotion coaching stands with a child."""

    NOTICE = "notice"
    UNDERSTAND = "understand"
    ACCEPT = "accept"
    EXPLORE = "explore"
    CLOSE = "close"
    SAVOUR = "savour"
    CRISIS = "crisis"


class Coaching(Frozen):
    """What the tracker knows of a conversation; bounded in size."""

    stage: Stage = Stage.NOTICE
    resume: Stage = Stage.NOTICE
    """The stage that a crisis pre-empted."""
    emotion: Emotion = Emotion.NONE
    intensity: int = 0
    topic: str | None = None
    sure: bool = False
    """Whether the feeling is known well enough to be named; else it is asked for."""
    named: bool = False
    """Whether the child named the feeling, or the companion did and was not corrected."""
    cause_known: bool = False
    validated: bool = False
    """Whether the feeling was accepted since it last grew."""
    limited: bool = False
    """Whether a limit was set to what the child did in this feeling."""
    turns_in_stage: int = 0
    turns_understanding: int = 0
    """Turns since the event was told in which its cause was asked for."""
    minimal: int = 0
    suggested: bool = False
    """Whether the last reply had a suggestion."""
    turned_down: int = 0

    @property
    def gate_open(self) -> bool:
        """Whether solutions may be looked for."""
        return (
            self.emotion is not Emotion.NONE and self.named and self.cause_known and self.validated
        )

    @property
    def wants_a_choice(self) -> bool:
        """Whether the child has said so little that one more question would be pressing."""
        return self.minimal >= MINIMAL_BEFORE_A_CHOICE and self.stage is not Stage.CLOSE


class Move(Frozen):
    """One step of the tracker, with the reason for it."""

    coaching: Coaching
    reason: str


class Situation(NamedTuple):
    """What a transition is decided on: before the message, after it, and the message."""

    before: Coaching
    known: Coaching
    reading: Reading

    def shows(self, *cues: Cue) -> bool:
        """Whether the message has one of the cues."""
        return not self.reading.cues.isdisjoint(cues)


@dataclass(frozen=True, slots=True)
class Transition:
    """One arrow of the machine: from any of `since` to `to`, when `when` holds."""

    to: Stage
    reason: str
    since: Set[Stage]
    when: Callable[[Situation], bool]


def _always(_: Situation) -> bool:
    return True


def _ends(situation: Situation) -> bool:
    return situation.shows(Cue.CLOSURE, Cue.BETTER, Cue.FAREWELL, Cue.THANKS)


def _is_good(situation: Situation) -> bool:
    known = situation.known
    return (
        known.sure and known.emotion.valence == "positive" and not situation.shows(Cue.ASKS_ADVICE)
    )


_ANY = frozenset(Stage) - {Stage.CRISIS}
_ONE = {stage: frozenset({stage}) for stage in Stage}

TRANSITIONS: tuple[Transition, ...] = (
    # ---- a good feeling ------------------------------------------------------------------
    Transition(
        Stage.CLOSE,
        "the child rounds off a good thing",
        _ANY,
        lambda s: _is_good(s) and _ends(s) and s.reading.emotion is Emotion.NONE,
    ),
    Transition(Stage.SAVOUR, "a good feeling is enjoyed, not solved", _ANY, _is_good),
    # ---- what the child does with the talk -----------------------------------------------
    Transition(
        Stage.NOTICE, "something new is told", _ANY, lambda s: is_new_event(s.before, s.reading)
    ),
    Transition(
        Stage.CLOSE,
        "the child rounds it off",
        _ANY,
        lambda s: (
            s.shows(Cue.FAREWELL)
            or (_ends(s) and not s.shows(Cue.RESISTANCE, Cue.WORSE, Cue.ASKS_ADVICE))
        ),
    ),
    Transition(
        Stage.UNDERSTAND, "the feeling was named wrongly", _ANY, lambda s: s.shows(Cue.CORRECTION)
    ),
    Transition(
        Stage.UNDERSTAND,
        "two suggestions were turned down",
        _ONE[Stage.EXPLORE],
        lambda s: s.known.turned_down >= 2,
    ),
    Transition(
        Stage.EXPLORE, "the child asks for advice", _ANY, lambda s: s.shows(Cue.ASKS_ADVICE)
    ),
    Transition(
        Stage.ACCEPT,
        "the child resists or feels worse",
        _ANY,
        lambda s: s.known.emotion is not Emotion.NONE and s.shows(Cue.RESISTANCE, Cue.WORSE),
    ),
    Transition(
        Stage.ACCEPT,
        "the feeling grew",
        _ANY,
        lambda s: (
            s.before.validated and not s.known.validated and s.known.emotion is not Emotion.NONE
        ),
    ),
    Transition(
        Stage.CLOSE,
        "the child has no more to say now",
        _ANY - _ONE[Stage.CLOSE],
        lambda s: s.known.minimal >= MINIMAL_BEFORE_THE_END,
    ),
    # ---- forward -------------------------------------------------------------------------
    Transition(
        Stage.NOTICE,
        "no feeling is known yet",
        _ANY,
        lambda s: s.known.emotion is Emotion.NONE,
    ),
    Transition(
        Stage.NOTICE,
        "a feeling shows",
        _ONE[Stage.NOTICE],
        lambda s: s.before.emotion is Emotion.NONE,
    ),
    Transition(
        Stage.ACCEPT,
        "the feeling and its cause are known",
        _ONE[Stage.NOTICE] | _ONE[Stage.UNDERSTAND],
        lambda s: s.known.cause_known and s.known.sure,
    ),
    Transition(
        Stage.UNDERSTAND,
        "the feeling is not known for sure",
        _ONE[Stage.NOTICE],
        lambda s: not s.known.sure,
    ),
    Transition(
        Stage.UNDERSTAND,
        "the feeling is known, its cause is not",
        _ONE[Stage.NOTICE],
        _always,
    ),
    Transition(
        Stage.ACCEPT,
        "the cause has been asked for enough",
        _ONE[Stage.UNDERSTAND],
        lambda s: s.before.turns_in_stage >= 2 or s.known.turns_understanding >= 4,
    ),
    Transition(Stage.UNDERSTAND, "the cause is not known yet", _ONE[Stage.UNDERSTAND], _always),
    Transition(
        Stage.ACCEPT,
        "so strong a feeling needs more than one turn",
        _ONE[Stage.ACCEPT],
        lambda s: s.known.intensity >= STRONG and s.before.turns_in_stage < 2,
    ),
    Transition(
        Stage.EXPLORE,
        "the cause is known and the child was validated",
        _ONE[Stage.ACCEPT],
        lambda s: s.known.gate_open,
    ),
    Transition(
        Stage.UNDERSTAND,
        "the child was validated, the cause is not known",
        _ONE[Stage.ACCEPT],
        lambda s: not s.known.cause_known and s.known.turns_understanding < 3,
    ),
    Transition(
        Stage.CLOSE,
        "the child was heard and does not want to tell more",
        _ONE[Stage.ACCEPT],
        lambda s: not s.known.cause_known,
    ),
    Transition(
        Stage.CLOSE,
        "the child was heard, and no more is known",
        _ONE[Stage.ACCEPT],
        lambda s: s.before.turns_in_stage >= 3,
    ),
    Transition(Stage.ACCEPT, "the child has not been validated yet", _ONE[Stage.ACCEPT], _always),
    Transition(
        Stage.UNDERSTAND,
        "the child is still telling",
        _ONE[Stage.EXPLORE],
        lambda s: (
            s.shows(Cue.CAUSE)
            and not s.shows(Cue.CONFIRMATION, Cue.MINIMAL, Cue.TRIED)
            and s.known.turns_understanding < 4
        ),
    ),
    Transition(
        Stage.CLOSE,
        "enough was looked at for one talk",
        _ONE[Stage.EXPLORE],
        lambda s: s.before.turns_in_stage >= 3,
    ),
    Transition(
        Stage.EXPLORE,
        "the looking for a way goes on",
        _ONE[Stage.EXPLORE],
        lambda s: s.known.gate_open,
    ),
    Transition(Stage.CLOSE, "the talk winds down", _ONE[Stage.CLOSE], _always),
    Transition(Stage.ACCEPT, "the feeling comes first", _ANY, _always),
)

DANGER = "a danger is open"
CONCERN = "a concern is heard out before anything is solved"
_NOT_WITH_A_CONCERN = frozenset({Stage.EXPLORE, Stage.CLOSE, Stage.SAVOUR})


def advance(coaching: Coaching, reading: Reading, *, crisis: bool, careful: bool) -> Move:
    """Take in a child's message. `crisis` pre-empts; `careful` keeps solutions out."""
    if reading.emotion is Emotion.GRATITUDE and Cue.THANKS in reading.cues:
        reading = reading.model_copy(update={"emotion": Emotion.NONE})  # manners, not a feeling
    known = _remember(coaching, reading)
    if crisis:
        resume = coaching.resume if coaching.stage is Stage.CRISIS else coaching.stage
        return _move(known, coaching, Stage.CRISIS, DANGER, resume=resume)
    if coaching.stage is Stage.CRISIS:
        known = known.model_copy(update={"stage": coaching.resume})
        # Turns in crisis are no turns of the stage that it broke off.
        coaching = coaching.model_copy(update={"stage": coaching.resume, "turns_in_stage": 0})
    taken = _taken(Situation(coaching, known, reading))
    if careful and taken.to in _NOT_WITH_A_CONCERN:
        return _move(known, coaching, Stage.ACCEPT, CONCERN)
    return _move(known, coaching, taken.to, taken.reason)


def answered(coaching: Coaching, acts: Set[CoachingAct]) -> Coaching:
    """Take in what the companion said: only what was really said counts as said."""
    return coaching.model_copy(
        update={
            "named": coaching.named or CoachingAct.LABEL in acts,
            "validated": coaching.validated or CoachingAct.ACCEPT in acts,
            "limited": coaching.limited or CoachingAct.LIMIT in acts,
            "suggested": CoachingAct.ADVICE in acts,
        }
    )


def _taken(situation: Situation) -> Transition:
    here = situation.before.stage
    return next(t for t in TRANSITIONS if here in t.since and t.when(situation))


def _remember(coaching: Coaching, reading: Reading) -> Coaching:
    """What is known after this message, before a stage is chosen."""
    if is_new_event(coaching, reading):
        coaching = Coaching(
            stage=coaching.stage, resume=coaching.resume, turns_in_stage=coaching.turns_in_stage
        )
    elif _joy_is_over(coaching, reading):
        coaching = Coaching(stage=coaching.stage, resume=coaching.resume, minimal=coaching.minimal)
    cues = reading.cues
    felt = _is_felt(coaching, reading)
    grew = felt and reading.intensity > coaching.intensity > 0
    known = coaching.named and (not felt or reading.emotion is coaching.emotion)
    confirmed = Cue.CONFIRMATION in cues and coaching.emotion is not Emotion.NONE
    return coaching.model_copy(
        update={
            "emotion": reading.emotion if felt else coaching.emotion,
            "intensity": reading.intensity if felt else coaching.intensity,
            "sure": reading.sure
            if felt
            else (coaching.sure and Cue.CORRECTION not in cues) or confirmed,
            "topic": _topic(coaching, reading, felt=felt),
            "named": (felt and reading.said) or (known and Cue.CORRECTION not in cues) or confirmed,
            "cause_known": coaching.cause_known
            or Cue.CAUSE in cues
            or (felt and not reading.said)
            or (felt and reading.topic is not None),
            "validated": coaching.validated and not grew and Cue.WORSE not in cues,
            "minimal": coaching.minimal + 1 if Cue.MINIMAL in cues else 0,
            "turned_down": coaching.turned_down
            + (coaching.suggested and bool(cues & {Cue.RESISTANCE, Cue.TRIED})),
        }
    )


def _joy_is_over(coaching: Coaching, reading: Reading) -> bool:
    """Whether the talk has moved on from a good thing without saying so."""
    if coaching.stage is not Stage.SAVOUR or reading.emotion.valence == "positive":
        return False
    return reading.emotion.valence == "negative" or coaching.turns_in_stage >= 2


def _is_felt(coaching: Coaching, reading: Reading) -> bool:
    """Whether the message changes the known feeling: a named one does, or a stronger hint."""
    if reading.emotion is Emotion.NONE:
        return False
    if coaching.emotion is Emotion.NONE:
        return True
    turned = coaching.emotion.valence == "negative" and reading.emotion.valence != "negative"
    if turned and reading.emotion in _FOND:
        return False
    if Cue.CORRECTION in reading.cues and reading.emotion is not coaching.emotion:
        return True
    if turned:
        return _turns_round(coaching, reading)
    return reading.said or (
        reading.sure
        and (
            not coaching.sure
            or reading.intensity > coaching.intensity
            or reading.emotion.valence != coaching.emotion.valence
        )
    )


def _turns_round(coaching: Coaching, reading: Reading) -> bool:
    """Whether a trouble gives way to something good: a fond word about what was lost does not."""
    if Cue.BETTER in reading.cues or reading.emotion.valence == "neutral":
        return False
    if reading.emotion in _FOND:
        return False
    if Cue.NEW_EVENT in reading.cues:
        return True
    return not _is_lost(coaching) and reading.confidence >= TURNS_ROUND


def _is_lost(coaching: Coaching) -> bool:
    return coaching.emotion is Emotion.GRIEF or coaching.topic in _LOSSES


def _is_no_matter_of_the_loss(coaching: Coaching, reading: Reading) -> bool:
    """Whether somebody who mourns tells of a mark or a quarrel: no word of mourning answers it."""
    other = reading.topic is not None and reading.topic not in _LOSSES and not reading.background
    told = Cue.CAUSE in reading.cues or reading.emotion.valence == "negative"
    return _is_lost(coaching) and other and told and reading.emotion is not Emotion.GRIEF


def _topic(coaching: Coaching, reading: Reading, *, felt: bool) -> str | None:
    """What the talk is about: the last thing told with its feeling, or that happened."""
    told = felt or (Cue.CAUSE in reading.cues and reading.emotion.valence == "negative")
    changes = coaching.emotion is Emotion.NONE or (told and not reading.background)
    first, second = (reading, coaching) if changes else (coaching, reading)
    return first.topic or second.topic


def is_new_event(coaching: Coaching, reading: Reading) -> bool:
    """Something else is told: it says so, or the feeling turns round, or a closed talk goes on."""
    if Cue.NEW_EVENT in reading.cues or _is_no_matter_of_the_loss(coaching, reading):
        return True
    if coaching.emotion.valence == "negative" and reading.emotion.valence == "positive":
        return _turns_round(coaching, reading)
    turned = coaching.emotion.valence == "positive" and reading.emotion.valence == "negative"
    reopened = coaching.stage is Stage.CLOSE and reading.emotion is not Emotion.NONE
    return reading.sure and (turned or reopened)


def _move(
    known: Coaching, before: Coaching, stage: Stage, reason: str, *, resume: Stage | None = None
) -> Move:
    stayed = stage is before.stage
    return Move(
        coaching=known.model_copy(
            update={
                "stage": stage,
                "resume": resume or known.resume,
                "turns_in_stage": before.turns_in_stage + 1 if stayed else 1,
                "turns_understanding": known.turns_understanding + (stage is Stage.UNDERSTAND),
                "turned_down": known.turned_down if stage is Stage.EXPLORE else 0,
            }
        ),
        reason=reason,
    )
