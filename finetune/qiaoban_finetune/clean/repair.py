"""A dialogue out of a record of any known layout, mended where it can be without guessing.

Where a format's reader would refuse (a speaker it does not know, an empty message, `</s>` in the
text, two turns of one speaker in a row), this takes what is there and notes what it changed.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from qiaoban_finetune.clean.outcome import Note
from qiaoban_finetune.dialogue import Dialogue, Message, Role
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats.fields import TOLD
from qiaoban_finetune.formats.known import like
from qiaoban_finetune.reading import Place
from qiaoban_guards.documents import Frozen, load

_LISTS = ("messages", "dialog", "conversations", "conversation", "dialogue", "turns")
_SPEAKERS = ("role", "from", "speaker")
_TEXTS = ("content", "value", "text")
_NAMES = ("id", "dialog_id", "dialogue_id")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2060\ufeff]")
_BLANKS = re.compile(r"[ \t\u3000\xa0]*\n[ \t\u3000\xa0]*|[ \t\u3000\xa0]{2,}")
_ENTITY = re.compile(r"&(?:[a-z]{2,6}|#\d{2,5}|#x[0-9a-f]{2,4});", re.IGNORECASE)


class _Marks(Frozen):
    tokens: tuple[str, ...]
    user: tuple[str, ...]
    assistant: tuple[str, ...]
    system: tuple[str, ...]


class Unreadable(Exception):  # noqa: N818 - it is counted, not raised to anybody
    """Nothing can be made of a record; its text is why."""


def repaired(record: object, file: str, line: int, number: int) -> tuple[Dialogue, list[Note]]:
    """The dialogue of a record and what was mended; Unreadable where there is none."""
    if not isinstance(record, dict):
        raise Unreadable("no object of keys")
    fields = cast("dict[str, Any]", record)
    notes: list[Note] = []
    dialogue = _listed(fields, file, number, notes) or _parsed(fields, file, line, number)
    messages = [_cleaned(message, notes) for message in dialogue.messages]
    if empty := [message for message in messages if not message.text]:
        notes.append(Note("empty messages left out", count=len(empty)))
    return replace(dialogue, messages=tuple(one for one in messages if one.text)), notes


def alternating(messages: Sequence[Message], notes: list[Note]) -> tuple[Message, ...]:
    """The messages with the child first, the assistant last, and no two of one in a row."""
    system = [message for message in messages if message.role == "system"]
    said = [message for message in messages if message.role != "system"]
    if messages and system and messages[0].role != "system":
        notes.append(Note("a system message moved to the front", system[0].text))
    joined: list[Message] = []
    for message in said:
        if joined and joined[-1].role == message.role:
            notes.append(Note("turns of one speaker joined", f"{joined[-1].text} + {message.text}"))
            joined[-1] = replace(joined[-1], text=f"{joined[-1].text}\n{message.text}")
        else:
            joined.append(message)
    if joined and joined[0].role == "assistant":
        notes.append(Note("an assistant's opening left out", joined.pop(0).text))
    if joined and joined[-1].role == "user":
        notes.append(Note("a last message without a reply left out", joined.pop().text))
    told = [Message("system", "\n".join(one.text for one in system))] if system else []
    return (*told, *joined) if joined else ()


def _listed(
    fields: Mapping[str, Any], file: str, number: int, notes: list[Note]
) -> Dialogue | None:
    entries = next((fields[key] for key in _LISTS if isinstance(fields.get(key), list)), None)
    if entries is None:
        return None
    messages: list[Message] = []
    for entry in cast("list[object]", entries):
        if not isinstance(entry, dict):
            raise Unreadable("a message that is no object")
        one = cast("dict[str, Any]", entry)
        speaker = next((one[key] for key in _SPEAKERS if key in one), None)
        said = next((one[key] for key in _TEXTS if key in one), None)
        role = _roles().get(str(speaker).strip().lower())
        if role is None:
            raise Unreadable(f"an unknown speaker: {str(speaker)[:40]}")
        if said is not None and not isinstance(said, str):
            raise Unreadable("a message that is no text")
        messages.append(
            Message(role, said or "", _text(one.get("emotion")), _text(one.get("strategy")))
        )
    name = next((str(fields[key]) for key in _NAMES if _text(fields.get(key), number=True)), "")
    if not name:
        notes.append(Note("an id was given"))
    extra: object = fields.get("extra")
    pairs = cast("dict[str, Any]", extra) if isinstance(extra, dict) else {}
    return Dialogue(
        name or f"{Path(file).name}:{number}",
        tuple(messages),
        **{key: _text(fields.get(key)) for key in TOLD},
        extra=tuple((key, value) for key, value in pairs.items() if isinstance(value, str)),
    )


def _parsed(fields: dict[str, Any], file: str, line: int, number: int) -> Dialogue:
    """What is no list of messages has to be as its format says."""
    form = like(fields)
    if form is None:
        raise Unreadable("no layout of dialogues that is known")
    try:
        found = list(form.parse(fields, Place(Path(file), line, number)))
    except DataError as error:
        raise Unreadable(str(error).partition(": ")[2][:120]) from error
    if len(found) != 1:
        raise Unreadable(f"{len(found)} dialogues in one record; convert them to openai first")
    return found[0]


def _cleaned(message: Message, notes: list[Note]) -> Message:
    text = unicodedata.normalize("NFC", message.text.encode("utf-8", "replace").decode())
    for what, mend in _MENDING:
        mended = mend(text, message.role)
        if mended != text:
            notes.append(Note(what, text))
            text = mended
    return replace(message, text=_BLANKS.sub(_narrow, text).strip())


def _narrow(blank: re.Match[str]) -> str:
    return "\n" if "\n" in blank[0] else " "


def _unescaped(text: str, role: Role) -> str:
    del role
    return html.unescape(text) if _ENTITY.search(text) else text


def _without_controls(text: str, role: Role) -> str:
    del role
    return _CONTROLS.sub("", text)


def _without_tokens(text: str, role: Role) -> str:
    del role
    return _tokens().sub("", text)


def _without_own_tag(text: str, role: Role) -> str:
    return _tag(role).sub("", text, count=1) if role != "system" else text


def _without_others_words(text: str, role: Role) -> str:
    if role == "system":
        return text
    return _other_tag(role).split(text, maxsplit=1)[0]


_MENDING = (
    ("HTML was unescaped", _unescaped),
    ("control characters left out", _without_controls),
    ("template tokens left out", _without_tokens),
    ("a speaker's tag left out", _without_own_tag),
    ("the other side's words cut off", _without_others_words),
)


def _text(value: object, *, number: bool = False) -> str:
    if isinstance(value, str):
        return value.strip()
    return str(value) if number and type(value) is int else ""


@lru_cache(maxsize=1)
def _marks() -> _Marks:
    return load(files("qiaoban_finetune") / "clean" / "content" / "marks.yaml", _Marks)


@lru_cache(maxsize=1)
def _roles() -> dict[str, Role]:
    marks = _marks()
    roles: dict[str, Role] = {name.lower(): "user" for name in marks.user}
    roles.update((name.lower(), "assistant") for name in marks.assistant)
    roles.update((name.lower(), "system") for name in marks.system)
    return roles


@lru_cache(maxsize=1)
def _tokens() -> re.Pattern[str]:
    return re.compile("|".join(_marks().tokens), re.IGNORECASE)


def _names_of(role: Role) -> str:
    names = _marks().user if role == "user" else _marks().assistant
    return "|".join(map(re.escape, sorted(names, key=len, reverse=True)))


@lru_cache(maxsize=2)
def _tag(role: Role) -> re.Pattern[str]:
    return re.compile(rf"^\s*(?:(?:{_names_of(role)})\s*[：:]\s*)+", re.IGNORECASE)


@lru_cache(maxsize=2)
def _other_tag(role: Role) -> re.Pattern[str]:
    other: Role = "assistant" if role == "user" else "user"
    return re.compile(rf"(?:^|\n)\s*(?:{_names_of(other)})\s*[：:]", re.IGNORECASE)
