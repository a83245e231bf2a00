"""The coaching tracker: which stage the conversation is in, and why.

notice → understand → accept → explore → close, with steps back where the child resists, corrects
or tells something new; savour for a positive emotion; crisis while a danger is open. A stage is
decided by rules that can be read, because the next one cannot be learnt well (accuracy .455 on
ESConv) and because a child psychologist has to be able to check it.
"""

from __future__ import annotations

from enum import StrEnum

from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.reading import Cue, Reading
from qiaoban_guards.documents import Frozen

STRONG = 3


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
    cause_known: bool = False
    validated: bool = False
    """Whether the feeling was accepted since it last grew."""
    turns_in_stage: int = 0
    minimal: int = 0
    turned_down: int = 0


class Move(Frozen):
    """One step of the tracker, with the reason for it."""

    coaching: Coaching
    reason: str


def advance(coaching: Coaching, reading: Reading, *, crisis: bool, careful: bool) -> Move:
    """Take in a child's message. `crisis` pre-empts; `careful` keeps solutions out."""
    if reading.emotion is Emotion.GRATITUDE and Cue.THANKS in reading.cues:
        reading = reading.model_copy(update={"emotion": Emotion.NONE})  # manners, not a feeling
    known = _remember(coaching, reading)
    if crisis:
        resume = coaching.resume if coaching.stage is Stage.CRISIS else coaching.stage
        return _move(known, coaching, Stage.CRISIS, "a danger is open", resume=resume)
    if coaching.stage is Stage.CRISIS:
        known = known.model_copy(update={"stage": coaching.resume})
        coaching = coaching.model_copy(update={"stage": coaching.resume})
    stage, reason = _next_stage(coaching, known, reading)
    if careful and stage in (Stage.EXPLORE, Stage.CLOSE, Stage.SAVOUR):
        stage, reason = Stage.ACCEPT, "a concern is heard out before anything is solved"
    return _move(known, coaching, stage, reason)


def _remember(coaching: Coaching, reading: Reading) -> Coaching:
    """What is known after this message, before a stage is chosen."""
    if _is_new_event(coaching, reading):
        coaching = Coaching(stage=coaching.stage, resume=coaching.resume)
    felt = _is_felt(coaching, reading)
    grew = felt and reading.intensity > coaching.intensity > 0
    cues = reading.cues
    return coaching.model_copy(
        update={
            "emotion": reading.emotion if felt else coaching.emotion,
            "intensity": reading.intensity if felt else coaching.intensity,
            "topic": _topic(coaching, reading, felt=felt),
            "cause_known": coaching.cause_known
            or Cue.CAUSE in cues
            or (felt and not reading.said)
            or (felt and reading.topic is not None),
            "validated": coaching.validated and not grew and Cue.WORSE not in cues,
            "minimal": coaching.minimal + 1 if Cue.MINIMAL in cues else 0,
            "turned_down": coaching.turned_down
            + (coaching.stage is Stage.EXPLORE and bool(cues & {Cue.RESISTANCE, Cue.TRIED})),
        }
    )


def _is_felt(coaching: Coaching, reading: Reading) -> bool:
    """Whether the message changes the known feeling: a named one does, or a stronger hint."""
    if reading.emotion is Emotion.NONE:
        return False
    return (
        reading.said
        or coaching.emotion is Emotion.NONE
        or reading.intensity > coaching.intensity
        or reading.emotion.valence != coaching.emotion.valence
    )


def _topic(coaching: Coaching, reading: Reading, *, felt: bool) -> str | None:
    """What the talk is about; once a feeling is known, only a message with feeling changes it."""
    changes = coaching.emotion is Emotion.NONE or (felt and not reading.background)
    first, second = (reading, coaching) if changes else (coaching, reading)
    return first.topic or second.topic


def _is_new_event(coaching: Coaching, reading: Reading) -> bool:
    """Something else is told: it says so, or the feeling turns round, or a closed talk goes on."""
    if Cue.NEW_EVENT in reading.cues:
        return True
    turned = {coaching.emotion.valence, reading.emotion.valence} == {"positive", "negative"}
    reopened = coaching.stage is Stage.CLOSE and reading.emotion is not Emotion.NONE
    return turned or reopened


def _next_stage(before: Coaching, known: Coaching, reading: Reading) -> tuple[Stage, str]:
    cues = reading.cues
    if known.emotion.valence == "positive" and Cue.ASKS_ADVICE not in cues:
        if cues & {Cue.CLOSURE, Cue.FAREWELL, Cue.THANKS} and reading.emotion is Emotion.NONE:
            return Stage.CLOSE, "the child rounds it off"
        return Stage.SAVOUR, "a good feeling is enjoyed, not solved"
    if _is_new_event(before, reading):
        return Stage.NOTICE, "something new is told"
    if cues & {Cue.CLOSURE, Cue.BETTER, Cue.FAREWELL, Cue.THANKS} and not cues & {
        Cue.RESISTANCE,
        Cue.WORSE,
    }:
        return Stage.CLOSE, "the child rounds it off"
    if Cue.CORRECTION in cues:
        return Stage.UNDERSTAND, "the feeling was named wrongly"
    if known.turned_down >= 2 and before.stage is Stage.EXPLORE:
        return Stage.UNDERSTAND, "two suggestions were turned down"
    if Cue.ASKS_ADVICE in cues:
        return Stage.EXPLORE, "the child asks for advice"
    if cues & {Cue.RESISTANCE, Cue.WORSE} and known.emotion is not Emotion.NONE:
        return Stage.ACCEPT, "the child resists or feels worse"
    if before.validated and not known.validated:
        return Stage.ACCEPT, "the feeling grew"
    return _forward(before, known)


def _forward(before: Coaching, known: Coaching) -> tuple[Stage, str]:  # noqa: PLR0912 - a table
    """The next stage when nothing calls for a step back."""
    if known.emotion is Emotion.NONE:
        return Stage.NOTICE, "no feeling is known yet"
    match before.stage:
        case Stage.NOTICE if before.emotion is Emotion.NONE:
            return Stage.NOTICE, "a feeling shows"
        case Stage.NOTICE if known.cause_known:
            return Stage.ACCEPT, "the feeling and its cause are known"
        case Stage.NOTICE:
            return Stage.UNDERSTAND, "the feeling is known, its cause is not"
        case Stage.UNDERSTAND if known.cause_known or before.turns_in_stage >= 2:
            return Stage.ACCEPT, "the cause was told, or has been asked for enough"
        case Stage.UNDERSTAND:
            return Stage.UNDERSTAND, "the cause is not known yet"
        case Stage.ACCEPT if known.intensity >= STRONG and before.turns_in_stage < 2:
            return Stage.ACCEPT, "so strong a feeling needs more than one turn"
        case Stage.ACCEPT if known.validated and known.cause_known:
            return Stage.EXPLORE, "the cause is known and the child was validated"
        case Stage.ACCEPT if not known.cause_known:
            return Stage.UNDERSTAND, "the child was validated, the cause is not known"
        case Stage.EXPLORE if before.turns_in_stage >= 3:
            return Stage.CLOSE, "enough was looked at for one talk"
        case Stage.EXPLORE:
            return Stage.EXPLORE, "the looking for a way goes on"
        case Stage.CLOSE:
            return Stage.CLOSE, "the talk winds down"
        case _:
            return Stage.ACCEPT, "the feeling comes first"


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
                "validated": known.validated or stage in (Stage.ACCEPT, Stage.CRISIS),
                "turned_down": known.turned_down if stage is Stage.EXPLORE else 0,
            }
        ),
        reason=reason,
    )
