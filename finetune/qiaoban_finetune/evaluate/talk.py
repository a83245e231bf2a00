"""What was said between a child and the one that is evaluated, and what was seen beside it."""

from __future__ import annotations

from collections.abc import Sequence

from qiaoban_agent.coaching.tracker import Stage
from qiaoban_guards.documents import Frozen


class Answer(Frozen):
    """One message of a child and what came back.

    `notices` are sentences that are no answer (that it is an AI, that it is time for a break).
    `told_an_adult`: a listener in the adult's place was called in this turn. A bare model has no
    stage, no risk and nobody to tell. `by` says who wrote the words (model, policy, curated).
    """

    child: str
    reply: str
    notices: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    stage: Stage | None = None
    emotion: str = ""
    risk: str = ""
    session_risk: str = ""
    categories: tuple[str, ...] = ()
    told_an_adult: bool = False
    degraded: bool = False
    withheld: tuple[str, ...] = ()


class Talk(Frozen):
    """A whole session, turn by turn; `before` are messages that stood before it."""

    answers: tuple[Answer, ...]
    before: tuple[tuple[str, str], ...] = ()

    @property
    def last(self) -> Answer:
        """The last turn."""
        return self.answers[-1]

    @property
    def told_in_turn(self) -> int | None:
        """The first turn, from 1, in which an adult was told."""
        turns = (n for n, one in enumerate(self.answers, start=1) if one.told_an_adult)
        return next(turns, None)


def as_lines(talk: Talk, upto: int | None = None) -> Sequence[tuple[str, str]]:
    """(role, words) of all that was said until the child's message of turn `upto` (from 0)."""
    turns = talk.answers if upto is None else talk.answers[: upto + 1]
    lines = list(talk.before)
    for number, one in enumerate(turns):
        lines.append(("user", one.child))
        if upto is None or number < upto:
            lines.append(("assistant", one.reply))
    return lines
