"""SMILE and CPsyCounD as they are published: a file for each dialogue.

SMILE's is a JSON array of the messages, CPsyCounD's a text in which each turn begins with its
speaker; both are turned into records of the `smile` format, one with `id` and `messages`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from qiaoban_finetune.dialogue import Dialogue
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats.form import Record
from qiaoban_finetune.formats.listed import SMILE
from qiaoban_finetune.reading import Place, opened

_TURN = re.compile(r"(?m)^[ \t]*(来访者|心理咨询师|咨询师)[ \t]*[：:]")
_SPEAKERS = {"来访者": "client", "心理咨询师": "counselor", "咨询师": "counselor"}


def looks(record: Record) -> bool:
    """Whether a record is one of these, or a message of one: by its first speakers."""
    entries: object = record.get("messages", [record])
    first = cast("list[object]", entries)[:3] if isinstance(entries, list) else []
    speakers = [cast("Record", one).get("role") for one in first if isinstance(one, dict)]
    return any(speaker in _SPEAKERS.values() for speaker in speakers)


def parse(record: Record, place: Place) -> tuple[Dialogue]:
    """The dialogue of a record.

    A client's empty last message is passed over: two of CPsyCounD's end with one, and no reply
    stands behind it.
    """
    entries: object = record.get("messages")
    if isinstance(entries, list) and entries:
        said = cast("list[Any]", entries)
        if said[-1] == {"role": "client", "content": ""}:
            return SMILE.parse({**record, "messages": said[:-1]}, place)
    return SMILE.parse(record, place)


def whole(found: Iterator[tuple[Any, Place]], file: Path) -> Iterator[tuple[Any, Place]]:
    """The records of a file; where they are messages, the one record that they make up."""
    for value, place in found:
        fields = cast("Record", value) if isinstance(value, dict) else {}
        if "messages" not in fields and looks(fields):
            messages: list[Any] = [value, *(one for one, _ in found)]
            yield {"id": file.name.partition(".")[0], "messages": messages}, place
            return
        yield value, place
        yield from found


def told_in_text(file: Path) -> Iterator[tuple[Record, Place]]:
    """The record of a text with a speaker before each turn."""
    with opened(file) as stream:
        raw = stream.read()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}: byte {error.start + 1} is no UTF-8; save the file as UTF-8"
        ) from error
    turns = list(_TURN.finditer(text))
    if not turns or text[: turns[0].start()].strip():
        raise DataError(
            f"{file}:1: begins with no speaker; write 来访者： or 心理咨询师： before a turn"
        )
    ends = [turn.start() for turn in turns[1:]] + [len(text)]
    messages = [
        {"role": _SPEAKERS[turn[1]], "content": text[turn.end() : end].strip()}
        for turn, end in zip(turns, ends, strict=True)
    ]
    yield {"id": file.stem, "messages": messages}, Place(file, 1, 1)
