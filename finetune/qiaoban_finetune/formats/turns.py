"""Whose turn it is: what every dialogue has to keep to, and two turns of one speaker in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.reading import Place

Turns = Literal["refuse", "merge", "keep"]
"""What to do with consecutive messages of one speaker."""
TURNS: tuple[Turns, ...] = ("refuse", "merge", "keep")


def settled(dialogue: Dialogue, turns: Turns, place: Place) -> Dialogue:
    """The dialogue with its turns as `turns` asks for; DataError if nothing can be learnt of it.

    `merge` joins what one speaker said in a row with a line break; where both messages tell an
    emotion or a strategy, both are kept.
    """
    messages = dialogue.messages
    _refuse_unlearnable(dialogue, place)
    if turns == "keep":
        return dialogue
    twice = next((n for n, (a, b) in enumerate(pairwise(messages), 1) if a.role == b.role), 0)
    if not twice:
        return dialogue
    if turns == "merge":
        return replace(dialogue, messages=_merged(messages))
    raise place.refused(
        f"dialogue {dialogue.id!r}: messages {twice} and {twice + 1} are both the "
        f"{messages[twice].role}'s; mend it, or say turns: merge or turns: keep"
    )


def _refuse_unlearnable(dialogue: Dialogue, place: Place) -> None:
    roles = [message.role for message in dialogue.messages]
    if "assistant" not in roles:
        raise place.refused(
            f"dialogue {dialogue.id!r} has no assistant turn, nothing can be learnt from it; "
            "leave it out"
        )
    if "system" in roles[1:]:
        raise place.refused(
            f"dialogue {dialogue.id!r}: message {roles.index('system', 1) + 1} is the system's; "
            "only the first may be"
        )


def _merged(messages: Sequence[Message]) -> tuple[Message, ...]:
    merged: list[Message] = []
    for message in messages:
        if merged and merged[-1].role == message.role:
            before = merged[-1]
            merged[-1] = Message(
                message.role,
                f"{before.text}\n{message.text}",
                _both(before.emotion, message.emotion),
                _both(before.strategy, message.strategy),
            )
        else:
            merged.append(message)
    return tuple(merged)


def _both(first: str, second: str) -> str:
    return first if second in ("", first) else f"{first}, {second}" if first else second
