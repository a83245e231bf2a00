"""Reading dialogues out of a file or a folder of files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, cast

from qiaoban_finetune.dialogue import Dialogue
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import counselling
from qiaoban_finetune.formats.fields import kind, listed
from qiaoban_finetune.formats.form import Format, Record
from qiaoban_finetune.formats.ids import Seen
from qiaoban_finetune.formats.known import FORMATS, like
from qiaoban_finetune.formats.turns import TURNS, Turns, settled
from qiaoban_finetune.reading import Place, records
from qiaoban_guards.documents import nearest

_SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz", ".txt")


def read(
    path: Path, form: str = "auto", *, turns: Turns = "refuse", licence: str = ""
) -> Iterator[Dialogue]:
    """The dialogues of a file, or of every data file of a folder by name, one at a time.

    `form` is a name of FORMATS; `auto` asks the first record of each file. `turns` says what to do
    with consecutive messages of one speaker: refuse the dialogue, merge them, or keep them.
    `licence` is that of dialogues that tell none.

    Raises DataError, at once for a file that is not there, an unknown format or `turns`, and while
    reading for the first record that cannot be used: its file, line, key and the remedy.
    """
    if form != "auto" and form not in FORMATS:
        names = ", ".join(("auto", *FORMATS))
        raise DataError(
            f"no format is called {form!r}; write one of {names}{nearest(form, FORMATS)}"
        )
    if turns not in TURNS:
        raise DataError(f"turns is {turns!r}; write one of {', '.join(TURNS)}")
    return _read(data_files(path), form, turns, licence)


def data_files(path: Path) -> list[Path]:
    """The files that a path stands for: itself, or those of a folder, by name."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"{path}: there is no such file; give a file of dialogues or a folder")
    found = sorted(
        file for file in path.iterdir() if file.is_file() and file.name.endswith(_SUFFIXES)
    )
    if not found:
        raise DataError(f"{path}: holds no data; put {', '.join(_SUFFIXES)} files there")
    return found


def _read(files: list[Path], form: str, turns: Turns, licence: str) -> Iterator[Dialogue]:
    seen = Seen()
    for file in files:
        found = _records(file, form)
        first = next(found)
        chosen = FORMATS[form] if form != "auto" else _guessed(*first)
        for record, place in chain([first], found):
            for dialogue in _parsed(chosen, record, place):
                if not seen.add(dialogue.id):
                    raise place.refused(
                        f"the id {dialogue.id!r} stands here twice or more; give every dialogue "
                        "its own"
                    )
                kept = settled(dialogue, turns, place)
                yield replace(kept, licence=licence) if licence and not kept.licence else kept


def _records(file: Path, form: str) -> Iterator[tuple[Any, Place]]:
    if file.suffix == ".txt" and form in ("auto", "smile"):
        return counselling.told_in_text(file)
    found = records(file)
    return counselling.whole(found, file) if form in ("auto", "smile") else found


def _guessed(record: object, place: Place) -> Format:
    found = like(record)
    if found is None:
        told = listed(cast("Record", record)) if isinstance(record, dict) else kind(record)
        raise place.refused(
            f"looks like none of {', '.join(FORMATS)} (there are {told}); name the format or "
            "convert the file"
        )
    return found


def _parsed(form: Format, record: object, place: Place) -> list[Dialogue]:
    if not isinstance(record, dict):
        raise place.refused(f"is {kind(record)}; a record is an object of keys")
    fields = cast("Record", record)
    try:
        return list(form.parse(fields, place))
    except DataError as error:
        other = like(fields)
        if other is None or other is form or form.looks(fields):
            raise
        raise DataError(
            f"{error} — the record is no {form.name}; it looks like {other.name}: write format: "
            f"{other.name}"
        ) from error
