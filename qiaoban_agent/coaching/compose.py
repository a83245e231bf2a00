"""Putting a curated reply together: which acts a stage calls for, and which lines are said.

A reply is one statement and at most one question. A line that was said in the session comes
again only when no other fits; among those that fit, the more specific comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from qiaoban_agent.coaching.content import Act, Content, Line, line_id
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.reading import Cue, Reading
from qiaoban_agent.coaching.tracker import Coaching, Stage


class Plan(NamedTuple):
    """The acts of one reply: a statement, a question, or both."""

    statement: Act | None
    question: Act | None = None


_SOCIAL: tuple[tuple[Cue, Plan], ...] = (
    (Cue.SILENCE, Plan(Act.SILENCE)),
    (Cue.GIBBERISH, Plan(Act.GIBBERISH)),
    (Cue.LOVE_ME, Plan(Act.LOVE_ME)),
    (Cue.STAY, Plan(Act.STAY)),
    (Cue.ARE_YOU_HUMAN, Plan(Act.ARE_YOU_HUMAN)),
    (Cue.WHO_ARE_YOU, Plan(Act.WHO_ARE_YOU, Act.ASK_CHAT)),
    (Cue.JOKE_PLEASE, Plan(Act.JOKE)),
    (Cue.TASK, Plan(Act.TASK)),
    (Cue.KNOWLEDGE, Plan(Act.KNOWLEDGE)),
    (Cue.INSULT, Plan(Act.INSULT)),
    (Cue.TEST, Plan(Act.TEST)),
    (Cue.FAREWELL, Plan(Act.FAREWELL)),
    (Cue.BORED, Plan(Act.CHAT, Act.ASK_CHAT)),
    (Cue.THANKS, Plan(Act.THANKS)),
    (Cue.GREETING, Plan(Act.GREETING, Act.ASK_CHAT)),
)
"""What is answered as it stands, unless the child speaks of a feeling or an event with it."""


def plan(coaching: Coaching, reading: Reading, *, careful: bool) -> Plan:
    """The acts that answer a message at this point of the conversation."""
    cues = reading.cues
    felt = reading.emotion.valence == "negative"
    if coaching.stage is Stage.CRISIS or careful:
        return Plan(Act.ACCEPT if coaching.emotion.valence == "negative" else Act.UNDERSTAND)
    if not felt or cues & {Cue.LOVE_ME, Cue.STAY, Cue.BORED}:
        for cue, answer in _SOCIAL:
            if cue in cues and not (cue is Cue.THANKS and Cue.CLOSURE in cues):
                return answer
    if cues & {Cue.DECLINES} or (coaching.minimal >= 2 and coaching.stage is not Stage.CLOSE):
        return Plan(None, Act.CHOICE)
    if Cue.CALLED_PARENT in cues and not felt and coaching.emotion is Emotion.NONE:
        return Plan(Act.CALLED_PARENT)
    if coaching.emotion is Emotion.NONE and Cue.MINIMAL in cues:
        return Plan(None, Act.ASK_CHAT)
    return _plan_stage(coaching, reading)


def _plan_stage(coaching: Coaching, reading: Reading) -> Plan:  # noqa: PLR0912 - a table
    cues = reading.cues
    match coaching.stage:
        case Stage.NOTICE if coaching.emotion is Emotion.NONE and coaching.topic:
            return Plan(Act.CHAT, Act.ASK_CHAT)
        case Stage.NOTICE if coaching.emotion is Emotion.NONE:
            return Plan(Act.CHAT, Act.ASK_FEELING)
        case Stage.NOTICE if coaching.cause_known:
            return Plan(Act.NOTICE, Act.ASK_MORE)
        case Stage.NOTICE:
            return Plan(Act.NOTICE, Act.ASK_CAUSE)
        case Stage.UNDERSTAND if Cue.CORRECTION in cues or Cue.RESISTANCE in cues:
            return Plan(Act.SOOTHE, Act.ASK_MORE)
        case Stage.UNDERSTAND if coaching.cause_known:
            return Plan(Act.UNDERSTAND, Act.ASK_MORE)
        case Stage.UNDERSTAND:
            return Plan(Act.UNDERSTAND, Act.ASK_CAUSE)
        case Stage.ACCEPT if cues & {Cue.RESISTANCE, Cue.REPETITION}:
            return Plan(Act.SOOTHE)
        case Stage.ACCEPT if coaching.turns_in_stage > 1:
            return Plan(Act.ACCEPT)
        case Stage.ACCEPT:
            return Plan(Act.ACCEPT, Act.ASK_MORE)
        case Stage.EXPLORE if Cue.ASKS_ADVICE in cues or coaching.turns_in_stage > 1:
            return Plan(Act.SUGGEST, Act.ASK_FIT)
        case Stage.EXPLORE:
            return Plan(Act.UNDERSTAND, Act.EXPLORE)
        case Stage.SAVOUR if coaching.turns_in_stage > 2:
            return Plan(Act.SAVOUR)
        case Stage.SAVOUR:
            return Plan(Act.SAVOUR, Act.ASK_SAVOUR)
        case _:
            return Plan(Act.CLOSE)


class Wording:
    """Chooses lines for one turn, so that none is said twice while another fits.

    `used` maps line ids to the turn they were last said in; `said_now` is what this turn adds.
    """

    def __init__(self, used: Mapping[int, int], seed: str, turn: int) -> None:
        self._used, self._seed, self._turn = used, seed, turn
        self.said_now: dict[int, int] = {}

    def say(self, text: str) -> str:
        """Note that a line is said."""
        self.said_now[line_id(text)] = self._turn
        return text

    def order(self, lines: Sequence[str]) -> list[str]:
        """Fixed lines, the one to be said first: unused ones, then the longest unheard."""
        return sorted(lines, key=lambda text: self._key(line_id(text)))

    def fitting(
        self, content: Content, act: Act, emotion: Emotion, topic: str | None
    ) -> Iterator[Line]:
        """The lines of an act that fit, the one to be said first."""
        fits = [(line.fit(emotion, topic), line) for line in content.lines(act)]
        ranked = [(fit, line) for fit, line in fits if fit is not None]
        ranked.sort(key=lambda pair: (self._last_said(pair[1].id), -pair[0], self._mix(pair[1].id)))
        return (line for _, line in ranked)

    def _key(self, identity: int) -> tuple[int, int]:
        return self._last_said(identity), self._mix(identity)

    def _last_said(self, identity: int) -> int:
        return self.said_now.get(identity, self._used.get(identity, 0))

    def _mix(self, identity: int) -> int:
        """A shuffle that is the same for the same session, so that a transcript can be replayed."""
        return line_id(f"{self._seed}{identity}")
