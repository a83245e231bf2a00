"""Alpaca: an instruction, an input to it and the output.

github.com/tatsu-lab/stanford_alpaca, with the `system` and `history` (pairs of a question and its
answer) that LLaMA-Factory added. Only read: instruction and input are one message here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.formats.fields import identity, optional, text, told, wrong
from qiaoban_finetune.formats.form import Record
from qiaoban_finetune.reading import Place


def parse(record: Record, place: Place) -> tuple[Dialogue]:
    """The dialogue of a record."""
    instruction = text(record, "instruction", place)
    given = optional(record, "input", place)
    question = f"{instruction}\n{given}" if given.strip() else instruction
    system = optional(record, "system", place)
    messages = (
        *((Message("system", system),) if system.strip() else ()),
        *_history(record.get("history"), place),
        Message("user", question),
        Message("assistant", text(record, "output", place)),
    )
    return (Dialogue(identity(record, "id", place), messages, **told(record, place)),)


def _history(pairs: object, place: Place) -> Iterator[Message]:
    if pairs is None:
        return
    if not isinstance(pairs, list):
        raise wrong(pairs, "a list of [question, answer]", place, "history")
    for number, pair in enumerate(cast("list[object]", pairs)):
        key = f"history[{number}]"
        both = cast("list[object]", pair) if isinstance(pair, list) else []
        if len(both) != 2:
            raise place.refused("is no pair; write [question, answer]", key)
        for role, said in zip(("user", "assistant"), both, strict=True):
            if not isinstance(said, str):
                raise wrong(said, "text", place, key)
            if not said.strip():
                raise place.refused("holds an empty text; write what was said", key)
            yield Message("user" if role == "user" else "assistant", said)
