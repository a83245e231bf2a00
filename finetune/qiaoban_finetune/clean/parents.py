"""Assistants that are a parent: found, and written anew where what is meant is plain.

Children's own mothers and fathers are talked about in every second dialogue; what counts is whether
the child addresses the assistant so, or the assistant speaks of itself so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files

from pydantic import TypeAdapter

from qiaoban_finetune.dialogue import Message
from qiaoban_guards.documents import Frozen, parse, read
from qiaoban_guards.policy.types import Language

_SOURCE = files("qiaoban_finetune") / "clean" / "content" / "parents.yaml"


class _Change(Frozen):
    find: str
    put: str


class _Words(Frozen):
    parents: tuple[str, ...]
    addressed: tuple[_Change, ...]
    also: tuple[_Change, ...]
    speaks: tuple[_Change, ...]
    claims: tuple[str, ...]
    left: str


@dataclass(frozen=True, slots=True)
class _Rules:
    addressed: tuple[tuple[re.Pattern[str], str], ...]
    also: tuple[tuple[re.Pattern[str], str], ...]
    speaks: tuple[tuple[re.Pattern[str], str], ...]
    claims: re.Pattern[str]
    left: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Parent:
    """An assistant that is a parent: where it shows, and the dialogue without that.

    `messages` is None where a reply speaks as one in a way that cannot be written anew.
    """

    sample: str
    messages: tuple[Message, ...] | None


def as_parent(messages: Sequence[Message], language: Language) -> Parent | None:
    """How the assistant of a dialogue is a parent; None where it is not."""
    rules = _rules()[language]
    shown = next(filter(None, (_shows(message, rules) for message in messages)), None)
    if shown is None:
        return None
    changed = tuple(_changed(message, rules) for message in messages)
    for message in changed:
        if not message.text or (message.role == "assistant" and rules.left.search(message.text)):
            return Parent(shown, None)
    return Parent(shown, changed)


def _shows(message: Message, rules: _Rules) -> str:
    if message.role == "user" and any(find.search(message.text) for find, _ in rules.addressed):
        return message.text
    if message.role == "assistant" and rules.claims.search(message.text):
        return message.text
    return ""


def _changed(message: Message, rules: _Rules) -> Message:
    heard = {"user": (*rules.addressed, *rules.also), "assistant": rules.speaks}
    changes = heard.get(message.role, ())
    text = message.text
    for find, put in changes:
        text = find.sub(put, text)
    return replace(message, text=text.strip())


@lru_cache(maxsize=1)
def _rules() -> dict[Language, _Rules]:
    told = TypeAdapter(dict[Language, _Words]).validate_python(
        parse(read(_SOURCE), source=str(_SOURCE))
    )
    return {language: _compiled(words) for language, words in told.items()}


def _compiled(words: _Words) -> _Rules:
    names = "|".join(sorted(words.parents, key=len, reverse=True))

    def made(pattern: str) -> re.Pattern[str]:
        return re.compile(pattern.replace("@", f"(?:{names})"), re.IGNORECASE)

    return _Rules(
        tuple((made(one.find), one.put) for one in words.addressed),
        tuple((made(one.find), one.put) for one in words.also),
        tuple((made(one.find), one.put) for one in words.speaks),
        made("|".join(words.claims)),
        made(words.left),
    )
