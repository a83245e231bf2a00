"""Putting a curated reply together: which acts a stage calls for, and which lines are said.

A reply is one statement and at most one question. A line that was said in the session comes
again only when no other fits; among those that fit, the more specific comes first, and one that
takes up the child's own words before one that could be said to anybody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from qiaoban_agent.coaching.content import Act, Content, Line, line_id
from qiaoban_agent.coaching.cues import Cue
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.memory import AgeBand
from qiaoban_agent.coaching.reading import Reading
from qiaoban_agent.coaching.tracker import MINIMAL_BEFORE_A_CHOICE, Coaching, Stage
from qiaoban_guards.policy.schema import Language

_OWN_CLAUSE, _OWN_WORD, _OLD_WORD = 8, 7, 3
"""What a line gains for taking up the child's own words: what happened, a word of this message,
a word of an earlier one. For being about the topic it gains 4."""


class Plan(NamedTuple):
    """The acts of one reply: a statement, a question, or both."""

    statement: Act | None
    question: Act | None = None


_ASKED: tuple[tuple[Cue, Plan], ...] = (
    (Cue.MY_FAULT, Plan(Act.NOT_YOUR_FAULT)),
    (Cue.IS_PRIVATE, Plan(Act.IS_PRIVATE)),
    (Cue.APOLOGY, Plan(Act.APOLOGY)),
    (Cue.BEFRIEND, Plan(Act.BEFRIEND)),
)
"""What a child wants to hear an answer to, whatever else it says with it."""
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


def plan(coaching: Coaching, reading: Reading, *, careful: bool) -> Plan:  # noqa: PLR0912 - a table
    """The acts that answer a message at this point of the conversation."""
    cues = reading.cues
    felt = reading.emotion.valence == "negative"
    if coaching.stage is not Stage.CRISIS:
        # Who has just hurt somebody, and asks about that, is not told that it is no fault.
        own_deed = coaching.limited and reading.topic in (None, "mistake")
        for cue, answer in _ASKED:
            if cue in cues and not (cue is Cue.MY_FAULT and own_deed):
                return answer
        if careful and Cue.FAREWELL in cues:
            return Plan(Act.FAREWELL)
    if coaching.stage is Stage.CRISIS or careful:
        return Plan(Act.ACCEPT if coaching.emotion.valence == "negative" else Act.UNDERSTAND)
    if not felt or cues & {Cue.LOVE_ME, Cue.STAY, Cue.BORED, Cue.FAREWELL}:
        for cue, answer in _SOCIAL:
            if cue in cues and not (cue is Cue.THANKS and Cue.CLOSURE in cues):
                return answer
    if Cue.MISDEED in cues and not coaching.limited and coaching.emotion.valence == "negative":
        return Plan(Act.LIMIT, Act.ASK_MORE)
    if Cue.DECLINES in cues or coaching.minimal > MINIMAL_BEFORE_A_CHOICE:
        return Plan(Act.LET_GO)  # no more questions, and no reproach
    if coaching.wants_a_choice:
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
        case Stage.NOTICE if not coaching.sure:
            return Plan(Act.UNDERSTAND, Act.ASK_FEELING)
        case Stage.NOTICE if coaching.cause_known:
            return Plan(Act.NOTICE, Act.ASK_MORE)
        case Stage.NOTICE:
            return Plan(Act.NOTICE, Act.ASK_CAUSE)
        case Stage.UNDERSTAND if cues & {Cue.CORRECTION, Cue.RESISTANCE}:
            return Plan(Act.SOOTHE, Act.ASK_MORE)
        case Stage.UNDERSTAND if not coaching.sure and coaching.turns_in_stage > 1:
            return Plan(Act.UNDERSTAND, Act.ASK_FEELING)
        case Stage.UNDERSTAND if coaching.cause_known:
            return Plan(Act.UNDERSTAND, Act.ASK_MORE)
        case Stage.UNDERSTAND:
            return Plan(Act.UNDERSTAND, Act.ASK_CAUSE)
        case Stage.ACCEPT if cues & {Cue.RESISTANCE, Cue.REPETITION}:
            return Plan(Act.SOOTHE)
        case Stage.ACCEPT if not coaching.sure and coaching.turns_in_stage > 1:
            return Plan(Act.ACCEPT)
        case Stage.ACCEPT if not coaching.sure:
            return Plan(Act.UNDERSTAND, Act.ASK_FEELING)
        case Stage.ACCEPT if coaching.turns_in_stage > 1 and Cue.CAUSE not in cues:
            return Plan(Act.ACCEPT)
        case Stage.ACCEPT:
            return Plan(Act.ACCEPT, Act.ASK_MORE)
        case Stage.EXPLORE if not coaching.validated:  # asked for before the feeling was heard
            return Plan(Act.ACCEPT, Act.EXPLORE)
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


class Place(NamedTuple):
    """What a line has to fit: the act, the child, and its own words that may be taken up."""

    act: Act
    emotion: Emotion
    sure: bool
    topic: str | None
    age: AgeBand
    own: Mapping[str, str]
    fresh: Collection[str]
    """The slots of `own` that this message fills; the others are remembered."""
    language: Language


class Choice(NamedTuple):
    """A line that may be said, with the child's own words in it."""

    line: Line
    text: str


def _worth(slot: str, fresh: Collection[str]) -> int:
    if slot == "cause":
        return _OWN_CLAUSE
    return _OWN_WORD if slot in fresh else _OLD_WORD


class Wording:
    """Chooses lines for one turn, so that none is said twice while another fits.

    `used` maps line ids to the turn they were last said in; `said_now` is what this turn adds.
    """

    def __init__(self, used: Mapping[int, int], seed: str, turn: int) -> None:
        self._used, self._seed, self._turn = used, seed, turn
        self.said_now: dict[int, int] = {}

    def say(self, identity: int) -> None:
        """Note that a line is said."""
        self.said_now[identity] = self._turn

    def order(self, lines: Sequence[str]) -> list[str]:
        """Fixed lines, the one to be said first: unused ones, then the longest unheard."""
        return sorted(lines, key=lambda text: self._key(line_id(text)))

    def fitting(self, content: Content, place: Place) -> Iterator[Choice]:
        """The lines of an act that fit, the one to be said first."""
        ranked: list[tuple[tuple[int, int, int], Choice]] = []
        fitting = content.fitting(place.act, place.emotion, place.topic, place.age, sure=place.sure)
        for fit, line in fitting:
            if (text := line.filled(place.own, place.language)) is None:
                continue
            worth = fit + sum(_worth(slot, place.fresh) for slot in line.slots)
            rank = (self._last_said(line.id), -worth, self._mix(line.id))
            ranked.append((rank, Choice(line, text)))
        ranked.sort(key=lambda pair: pair[0])
        return (choice for _, choice in ranked)

    def _key(self, identity: int) -> tuple[int, int]:
        return self._last_said(identity), self._mix(identity)

    def _last_said(self, identity: int) -> int:
        return self.said_now.get(identity, self._used.get(identity, 0))

    def _mix(self, identity: int) -> int:
        """A shuffle that is the same for the same session, so that a transcript can be replayed."""
        return line_id(f"{self._seed}{identity}")
