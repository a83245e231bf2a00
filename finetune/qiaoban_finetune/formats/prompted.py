"""QiaoBan's training file: one text under `input`, in which the speakers' names begin the turns.

github.com/HIT-SCIR-SC/QiaoBan's `finetune.py` reads it so, and nothing there makes it out of its
dialogues: the system's sentence, then `孩子：…</s>智能助手：…</s>` for each turn.
"""

from __future__ import annotations

from collections.abc import Mapping

from qiaoban_finetune.dialogue import Dialogue, Message, Role
from qiaoban_finetune.formats.fields import identity, text, told
from qiaoban_finetune.formats.form import Record
from qiaoban_finetune.reading import Place

_END = "</s>"
_MARKS: Mapping[str, Role] = {"孩子：": "user", "智能助手：": "assistant"}


def looks(record: Record) -> bool:
    """Whether a record is one text with a speaker in it."""
    found: object = record.get("input")
    return isinstance(found, str) and "output" not in record and any(m in found for m in _MARKS)


def parse(record: Record, place: Place) -> tuple[Dialogue]:
    """The dialogue of a record; the end of its last turn may be missing."""
    system, turns = _divided(text(record, "input", place), place)
    messages = [Message("system", system)] if system else []
    for number, turn in enumerate(turns, 1):
        mark = next((mark for mark in _MARKS if turn.startswith(mark)), None)
        if mark is None:
            raise place.refused(
                f"turn {number} begins with {turn[:12]!r} and not with {' or '.join(_MARKS)}; a "
                f"turn ends with {_END}, and nowhere else may that stand",
                "input",
            )
        said = turn.removeprefix(mark)
        if not said.strip():
            raise place.refused(f"turn {number} is empty; leave the record out", "input")
        messages.append(Message(_MARKS[mark], said))
    return (Dialogue(identity(record, "id", place), tuple(messages), **told(record, place)),)


def _divided(whole: str, place: Place) -> tuple[str, list[str]]:
    """What stands before the first speaker, and the turns."""
    begins = [at for mark in _MARKS if (at := whole.find(mark)) >= 0]
    if not begins:
        raise place.refused(f"names no speaker; write {' and '.join(_MARKS)}", "input")
    turns = [turn.strip("\r\n") for turn in whole[min(begins) :].split(_END)]
    if not turns[-1].strip():
        turns.pop()
    return whole[: min(begins)], turns
