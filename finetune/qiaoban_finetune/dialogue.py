"""What every data set is read into: a dialogue of messages with their roles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """What one side said; `strategy` is the supporter's, where a data set tells it."""

    role: Role
    text: str
    emotion: str = ""
    strategy: str = ""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation and what its data set tells of it; what it does not tell is empty.

    `id` names it in errors and in the record of a run: `FILE:NUMBER` where the data has none.
    `extra` are (key, value) of its format alone, kept to write it again; no model sees them.
    """

    id: str
    messages: tuple[Message, ...]
    emotion: str = ""
    topic: str = ""
    task: str = ""
    source: str = ""
    licence: str = ""
    extra: tuple[tuple[str, str], ...] = ()
