"""The formats whose record is a list of messages under a key: they differ in names alone.

- QiaoBan (github.com/HIT-SCIR-SC/QiaoBan): `dialog_id`, `emotion`, `topic`, `dialog`.
- BELLE (github.com/LianjiaTech/BELLE): `id`, `conversations` of human and assistant.
- ShareGPT as Vicuna (github.com/lm-sys/FastChat) made it known: human and gpt.
- OpenAI's chat format for fine-tuning: `messages` with `role` and `content`.
- SMILE (github.com/qiuhuachuan/smile) and CPsyCounD (github.com/CAS-SIAT-XinHai/CPsyCoun): a
  client and a counselor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from qiaoban_finetune.dialogue import Dialogue, Message, Role
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats.fields import identity, items, listed, telling, told, wrong
from qiaoban_finetune.formats.form import Record, Written
from qiaoban_finetune.reading import Place
from qiaoban_guards.documents import nearest

_NOT_TEXT = ("tool_calls", "function_call", "audio")
_SPECIAL = frozenset({*_NOT_TEXT, "weight"})


@dataclass(frozen=True, slots=True)
class Layout:
    """The names that a format has for the parts of a dialogue."""

    id: str
    messages: str
    role: str
    text: str
    roles: Mapping[str, Role]
    """Every speaker that may stand in a file; the first of each role is the one that is written."""
    numbered: bool = False
    """Whether the format's own ids are numbers."""

    def parse(self, record: Record, place: Place) -> tuple[Dialogue]:
        """The dialogue of a record."""
        entries = items(record, self.messages, place, "messages")
        return (
            Dialogue(
                identity(record, self.id, place),
                self.read(entries, place),
                **told(record, place),
            ),
        )

    def read(self, entries: list[Any], place: Place) -> tuple[Message, ...]:
        """The messages of a list."""
        found: list[Message] = []
        roles, said, words = self.roles, self.role, self.text
        for entry in entries:
            # One test for what nearly always holds; what fails it is looked at again, slowly.
            if type(entry) is dict and len(fields := cast("Record", entry)) == 2:
                speaker: object = fields.get(said)
                text: object = fields.get(words)
                role = roles.get(speaker) if type(speaker) is str else None
                if role is not None and type(text) is str and not (text.isspace() or not text):
                    found.append(Message(role, text))
                    continue
            found.append(
                self._message(cast("object", entry), place, f"{self.messages}[{len(found)}]")
            )
        return tuple(found)

    def dump(self, dialogues: Iterable[Dialogue], name: str) -> Iterator[Written]:
        """The record of each dialogue; DataError for a role that the format lacks."""
        del name
        names: dict[str, str] = {
            role: speaker for speaker, role in reversed(list(self.roles.items()))
        }
        for dialogue in dialogues:
            entries = [self._entry(message, dialogue, names) for message in dialogue.messages]
            name_of = _number(dialogue.id) if self.numbered else dialogue.id
            yield {self.id: name_of, **telling(dialogue), self.messages: entries}, (dialogue,)

    def _message(self, entry: object, place: Place, key: str) -> Message:
        if not isinstance(entry, dict):
            raise wrong(entry, f"an object of {self.role!r} and {self.text!r}", place, key)
        fields = cast("Record", entry)
        for name in (self.role, self.text):
            if name not in fields:
                meant = nearest(name, fields, cutoff=0.7)
                remedy = f"{meant} rename it" if meant else f"; add it (there are {listed(fields)})"
                raise place.refused(f"the key {name!r} is missing{remedy}", key)
        _refuse_special(fields, place, key)
        return Message(
            self._role(fields[self.role], place, f"{key}.{self.role}"),
            _words(fields[self.text], place, f"{key}.{self.text}"),
            _note(fields, "emotion", place, key),
            _note(fields, "strategy", place, key),
        )

    def _role(self, speaker: object, place: Place, key: str) -> Role:
        if not isinstance(speaker, str):
            raise wrong(speaker, f"one of {', '.join(self.roles)}", place, key)
        if speaker not in self.roles:
            names = ", ".join(self.roles)
            meant = nearest(speaker, self.roles) or "; rename the speaker or leave the record out"
            raise place.refused(f"{speaker!r} is none of {names}{meant}", key)
        return self.roles[speaker]

    def _entry(self, message: Message, dialogue: Dialogue, names: Mapping[str, str]) -> Record:
        if message.role not in names:
            raise DataError(
                f"dialogue {dialogue.id!r} has a {message.role} message, which this format lacks; "
                "write openai"
            )
        notes = {"emotion": message.emotion, "strategy": message.strategy}
        kept = {key: value for key, value in notes.items() if value}
        return {self.role: names[message.role], self.text: message.text, **kept}


def _words(value: object, place: Place, key: str) -> str:
    if isinstance(value, list):
        value = _joined(cast("list[object]", value), place, key)
    if not isinstance(value, str):
        raise wrong(value, "text", place, key)
    if not value.strip():
        raise place.refused("is empty; write what was said, or leave the message out", key)
    return value


def _joined(parts: list[object], place: Place, key: str) -> str:
    """OpenAI's content in parts, where every part is text."""
    texts: list[str] = []
    for number, part in enumerate(parts):
        fields = cast("Record", part) if isinstance(part, dict) else {}
        text = fields.get("text")
        if fields.get("type") != "text" or not isinstance(text, str):
            raise place.refused(
                "is no part of text, and only text can be learnt here; leave the record out",
                f"{key}[{number}]",
            )
        texts.append(text)
    return "".join(texts)


def _refuse_special(fields: Record, place: Place, key: str) -> None:
    """Keys that change what the message means, and that would be passed over."""
    if fields.keys().isdisjoint(_SPECIAL):
        return
    for name in _NOT_TEXT:
        if fields.get(name):
            raise place.refused(
                "a companion calls no tools and speaks in text; leave the record out",
                f"{key}.{name}",
            )
    if fields.get("weight", 1) != 1:
        raise place.refused(
            "every reply of a dialogue is learnt; end the dialogue before this message, or drop "
            "the key",
            f"{key}.weight",
        )


def _note(fields: Record, name: str, place: Place, key: str) -> str:
    value: object = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise wrong(value, "text", place, f"{key}.{name}")
    return value


def _number(name: str) -> str | int:
    """An id as the number it was read from."""
    is_number = name.isascii() and name.isdecimal() and len(name) < 19
    return int(name) if is_number and str(int(name)) == name else name


QIAOBAN = Layout(
    "dialog_id",
    "dialog",
    "speaker",
    "text",
    {"孩子": "user", "智能助手": "assistant"},
    numbered=True,
)
BELLE = Layout("id", "conversations", "from", "value", {"human": "user", "assistant": "assistant"})
SHAREGPT = Layout(
    "id",
    "conversations",
    "from",
    "value",
    {
        "human": "user",
        "user": "user",
        "gpt": "assistant",
        "chatgpt": "assistant",
        "assistant": "assistant",
        "bing": "assistant",
        "bard": "assistant",
        "system": "system",
    },
)
OPENAI = Layout(
    "id",
    "messages",
    "role",
    "content",
    {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"},
)
SMILE = Layout(
    "id",
    "messages",
    "role",
    "content",
    {"client": "user", "counselor": "assistant", "system": "system"},
)
