"""Writing dialogues to a file, whole or not at all, and never less than was given."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from qiaoban_finetune.dialogue import Dialogue
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats.fields import TOLD
from qiaoban_finetune.formats.form import Format, Written
from qiaoban_finetune.formats.ids import Seen
from qiaoban_finetune.formats.known import FORMATS
from qiaoban_finetune.formats.turns import settled
from qiaoban_finetune.reading import Place
from qiaoban_guards.documents import nearest


def write(dialogues: Iterable[Dialogue], path: Path, form: str) -> int:
    """Write dialogues in a format; `.gz` packs the file. The number of dialogues is given back.

    Every record is read again before it is written: a dialogue of which the format would lose
    something is refused with a DataError, and so is one that could not be read. The file stands
    there when all is written; an older one stays until then.
    """
    writable = {name: one for name, one in FORMATS.items() if one.dump}
    if form not in writable:
        names = ", ".join(writable)
        raise DataError(
            f"{form!r} cannot be written; write one of {names}{nearest(form, writable)}"
        )
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as raw:
            if path.suffix == ".gz":
                # No name and no time: the same dialogues are the same bytes.
                with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
                    count = _write(dialogues, packed.write, path, writable[form])
            else:
                count = _write(dialogues, raw.write, path, writable[form])
            raw.flush()
            os.fsync(raw.fileno())
        draft.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error}); choose another place") from error
    finally:
        draft.unlink(missing_ok=True)
    return count


def _write(
    dialogues: Iterable[Dialogue], put: Callable[[bytes], int], path: Path, form: Format
) -> int:
    assert form.dump is not None  # noqa: S101 - `write` looked
    count, seen = 0, Seen()
    before = "[\n" if form.array else ""
    for number, (record, held) in enumerate(form.dump(dialogues, path.name), 1):
        _check((record, held), Place(path, number + form.array, number), form, seen)
        put((before + json.dumps(record, ensure_ascii=False)).encode())
        before = ",\n" if form.array else "\n"
        count += len(held)
    if not count:
        raise DataError(f"{path}: there are no dialogues to write; give at least one")
    put(b"\n]\n" if form.array else b"\n")
    return count


def _check(written: Written, place: Place, form: Format, seen: Seen) -> None:
    record, held = written
    again = tuple(form.parse(record, place))
    for dialogue, back in zip(held, again, strict=True):
        if not seen.add(dialogue.id):
            raise DataError(f"two dialogues have the id {dialogue.id!r}; give each its own")
        settled(dialogue, "keep", place)
        if dialogue != back:
            lost = [
                name for name in ("id", "messages", *TOLD, "extra") if _differ(dialogue, back, name)
            ]
            raise DataError(
                f"dialogue {dialogue.id!r}: {form.name} cannot carry its {', '.join(lost)} as "
                "they are; write openai"
            )


def _differ(dialogue: Dialogue, back: Dialogue, name: str) -> bool:
    return bool(getattr(dialogue, name) != getattr(back, name))
