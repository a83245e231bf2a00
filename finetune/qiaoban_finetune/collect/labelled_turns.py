"""The turns of a labelled dialogue: who said what, with which label."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from qiaoban_finetune.collect.labelled_config import FieldsConfig
from qiaoban_finetune.formats.fields import items, optional, text, wrong
from qiaoban_finetune.formats.form import Record
from qiaoban_finetune.reading import Place


@dataclass(frozen=True, slots=True)
class Said:
    """One turn; what the set does not tell of it is empty."""

    speaker: str
    text: str
    label: str = ""
    act: str = ""


def all_turns(record: Record, fields: FieldsConfig, place: Place) -> list[Said]:
    """The turns of a record, those of one speaker in a row joined; their last label counts."""
    joined: list[Said] = []
    for number, entry in enumerate(items(record, fields.turns, place, "turns")):
        key = f"{fields.turns}[{number}]"
        if not isinstance(entry, dict):
            raise wrong(cast("object", entry), "an object of a speaker and a text", place, key)
        turn = cast("Record", entry)
        said = Said(
            text(turn, fields.speaker, place, prefix=key),
            text(turn, fields.text, place, prefix=key),
            optional(turn, fields.label, place, prefix=key),
            optional(turn, fields.act, place, prefix=key),
        )
        if joined and joined[-1].speaker == said.speaker:
            before = joined.pop()
            said = Said(
                said.speaker,
                f"{before.text}\n{said.text}",
                said.label or before.label,
                said.act or before.act,
            )
        joined.append(said)
    return joined


def told_so(turns: Iterable[Said]) -> str:
    """The turns as a text, a speaker before each."""
    return "\n".join(f"{turn.speaker}: {turn.text}" for turn in turns)
