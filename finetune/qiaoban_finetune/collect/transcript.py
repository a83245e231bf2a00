"""Reading a dialogue out of an answer that holds a whole one, a speaker before each turn.

Models write `孩子：`, `**孩子**:`, `1. 孩子：` and other names for the speakers; all are read.
What is left over at the end is dropped (half a turn of an answer that was cut short, a last message
that no reply follows); all else that is not as asked is told as a reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from qiaoban_finetune.collect.asking import Answer, Malformed
from qiaoban_finetune.collect.templates import Speakers
from qiaoban_finetune.dialogue import Message, Role

_BEFORE = (
    r"(?m)^[ \t]*(?:#{1,6}[ \t]*)?(?:\d{1,3}[.、)）][ \t]*)?(?:[-*][ \t]+)?[*_\[【「<]{0,3}[ \t]*"
)
_NOTE = r"(?:[(（【\[](?P<note>[^)）】\]\n]{1,80})[)）】\]])?"
_BEHIND = rf"[ \t]*{_NOTE}[ \t]*[*_\]】」>]{{0,3}}[ \t]*[：:][*_]{{0,3}}"
_SAID = re.compile(r"[ \t]*\n[ \t]*")
_RULE_AT_END = re.compile(r"(?:\n[-—=_*`~#\s]*)+$")
_NARRATION = re.compile(r"\n[ \t]*\n")


class Turn(NamedTuple):
    """One turn as it stands in an answer; `note` stood in brackets behind the speaker."""

    role: Role
    text: str
    note: str


def turns_of(answer: Answer, names: Speakers) -> list[Turn] | Malformed:
    """The turns of an answer, alternating from the child's on and ending with a reply.

    Consecutive turns of one speaker are joined with a line break.
    """
    if answer.end == "refused":
        return Malformed("refused by the server's filter")
    found = list(_speakers(names).finditer(answer.text))
    if not found:
        return Malformed("no speakers", answer.text[:80])
    ends = [one.start() for one in found[1:]] + [len(answer.text)]
    turns: list[Turn] = []
    for one, end in zip(found, ends, strict=True):
        raw = _RULE_AT_END.sub("", answer.text[one.end() : end]).strip()
        last = one is found[-1]
        if _NARRATION.search(raw) and not (last and answer.end == "cut_short"):
            return Malformed("narration between turns", raw[-80:])
        role: Role = "user" if one["child"] else "assistant"
        turns.append(Turn(role, _SAID.sub("\n", raw.strip("*_ ")), one["note"] or ""))
    if answer.end == "cut_short":
        turns.pop()
    return _settled([turn for turn in turns if turn.text])


def messages_of(turns: Sequence[Turn]) -> tuple[Message, ...]:
    """The turns as messages."""
    return tuple(Message(turn.role, turn.text) for turn in turns)


def _settled(turns: Sequence[Turn]) -> list[Turn] | Malformed:
    joined: list[Turn] = []
    for turn in turns:
        if joined and joined[-1].role == turn.role:
            before = joined[-1]
            note = before.note or turn.note
            joined[-1] = Turn(turn.role, f"{before.text}\n{turn.text}", note)
        else:
            joined.append(turn)
    if joined and joined[0].role == "assistant":
        return Malformed("begins with the assistant", joined[0].text[:80])
    if joined and joined[-1].role == "user":
        joined.pop()
    return joined or Malformed("no whole exchange")


def _speakers(names: Speakers) -> re.Pattern[str]:
    return _speaker((names.child, *names.child_too), (names.assistant, *names.assistant_too))


@lru_cache(maxsize=16)
def _speaker(child: tuple[str, ...], assistant: tuple[str, ...]) -> re.Pattern[str]:
    children, assistants = _either(*child), _either(*assistant)
    return re.compile(
        f"{_BEFORE}(?:(?P<child>{children})|(?:{assistants})){_BEHIND}", re.IGNORECASE
    )


def _either(*names: str) -> str:
    return "|".join(re.escape(name) for name in sorted(set(names), key=len, reverse=True))
