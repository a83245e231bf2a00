"""Texts without the personal data in them: `<phone>` or `<电话1>` stands where a number stood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple, TypeAlias

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.placeholders import Language, bracketed, placed
from qiaoban_guards.pii.rule import Entity
from qiaoban_guards.text import has_han

Find: TypeAlias = Callable[[str], Sequence[Entity]]
"""The personal data of a text, in order and without overlaps, such as Finder.find."""

_BLANK = "x"
"""Stands for every character of a mark while a text is read again: a letter, so that a rule takes
it for the value that stood there and does not look for one behind it."""


class Style(StrEnum):
    """What stands for personal data.

    A mask is its kind: `<phone>`. A placeholder says whose it is or has a number, the same for the
    same value within what is redacted together: `<妈妈的电话>`, `<电话1>`, `<phone 1>`.
    """

    MASK = "mask"
    PLACEHOLDER = "placeholder"


class Redacted(NamedTuple):
    """Texts without personal data, and how many of each kind stood in them."""

    texts: list[str]
    counts: Counter[Kind]


@dataclass(frozen=True, slots=True)
class Redactor:
    """Redacts texts; one object serves any number of threads.

    `language` is that of placeholders; where it is None, Chinese if there is a Han character.
    """

    find: Find
    style: Style = Style.MASK
    language: Language | None = None

    def redact(self, texts: Sequence[str]) -> Redacted:
        """The texts of one dialogue, or a single one, without personal data.

        Everything else stays as it is. What a mark left behind is read again until nothing is
        found, so that redacting once more changes nothing; marks that stood there already stay.
        """
        marks = _Marks(self.style, self.language or _language(texts), _typed(texts))
        counts: Counter[Kind] = Counter()
        return Redacted([self._redacted(text, marks, counts) for text in texts], counts)

    def _redacted(self, text: str, marks: _Marks, counts: Counter[Kind]) -> str:
        while pieces := list(_outside_marks(text, self.find(_blanked(text)))):
            done: list[str] = []
            position = 0
            for entity, start, end in pieces:
                done += [text[position:start], marks.of(entity, text[start:end])]
                counts[entity.kind] += 1
                position = end
            text = "".join((*done, text[position:]))
        return text


@dataclass(slots=True)
class _Marks:
    """The marks of texts that are redacted together; `given` are placeholders by their value."""

    style: Style
    language: Language
    given: Mapping[str, str]

    def of(self, entity: Entity, value: str) -> str:
        """The mark for a value; a placeholder is the same however the value is spelled."""
        if self.style is Style.MASK:
            return f"<{entity.kind}>"
        name, self.given = placed(entity, value, self.language, self.given, str)
        return f"<{name}>"


def _typed(texts: Sequence[str]) -> dict[str, str]:
    """Placeholders that stood in the texts: no value is to get one of them."""
    return {mark[0]: mark[1].strip() for text in texts for mark in bracketed(text)}


def _blanked(text: str) -> str:
    """The text with its marks blanked: `<password>` would be a word in front of a value."""
    marks = bracketed(text)
    if not marks:
        return text
    blanked = list(text)
    for mark in marks:
        blanked[mark.start() : mark.end()] = _BLANK * len(mark[0])
    return "".join(blanked)


def _outside_marks(text: str, found: Collection[Entity]) -> Iterator[tuple[Entity, int, int]]:
    """Yield (entity, start, end) of what was found, cut where it reaches over a mark.

    Of what a mark leaves over only letters and digits are worth hiding.
    """
    if not found:
        return
    in_mark = bytearray(len(text))
    for mark in bracketed(text):
        in_mark[mark.start() : mark.end()] = b"\1" * len(mark[0])
    for entity in found:
        whole = not any(in_mark[entity.start : entity.end])
        for marked, group in groupby(range(entity.start, entity.end), in_mark.__getitem__):
            places = list(group)
            start, end = places[0], places[-1] + 1
            if not marked and (whole or any(map(str.isalnum, text[start:end]))):
                yield entity, start, end


def _language(texts: Sequence[str]) -> Language:
    return "zh" if any(map(has_han, texts)) else "en"
