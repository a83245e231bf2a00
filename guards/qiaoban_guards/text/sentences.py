"""Where sentences end, in Chinese and in Western punctuation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

CLOSERS = "”’」』）)]】》>\"'*_~～`"
"""Characters that still belong to the sentence whose end they follow."""

_ENDERS = "。！？!?…；;\n"
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f]")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A piece of a text from one sentence end to the next; `text` keeps its punctuation."""

    text: str
    start: int
    end: int


def has_han(text: str) -> bool:
    """Whether any Chinese character is in `text`."""
    return _HAN.search(text) is not None


def sentence_end(text: str, start: int, *, final: bool) -> int | None:
    """Return where the sentence that begins at `start` ends (exclusive), or None.

    None means that more text has to come before it can be told: an ender is only the end of a
    sentence once the character behind its closing marks is known. With `final` nothing more
    comes, and the whole rest is a sentence.
    """
    position, length = start, len(text)
    while position < length:
        if not _ends_here(text, position, final=final) or _numbers(text, start, position):
            position += 1
            continue
        position += 1
        while position < length and _belongs_to_the_end(text, position):
            position += 1
        return position if position < length or final else None
    return length if final and length > start else None


def _ends_here(text: str, position: int, *, final: bool) -> bool:
    character = text[position]
    if character in _ENDERS:
        return True
    if character != ".":
        return False
    following = text[position + 1 : position + 2]
    # A full stop inside 3.5 or example.com ends nothing; several are an ellipsis.
    return final if not following else following.isspace() or following in CLOSERS + "."


def _numbers(text: str, start: int, position: int) -> bool:
    """Whether the full stop is that of a list's number: `1. ` ends nothing."""
    return text[position] == "." and text[start:position].strip().isdigit()


def _belongs_to_the_end(text: str, position: int) -> bool:
    character = text[position]
    return character in _ENDERS or character in CLOSERS or (character == text[position - 1] == ".")


def split_sentences(text: str) -> Iterator[Sentence]:
    """Yield the sentences of a whole text; their texts joined are `text`."""
    start = 0
    while (end := sentence_end(text, start, final=True)) is not None:
        yield Sentence(text=text[start:end], start=start, end=end)
        start = end
