r"""One way to recognise a kind of personal data: a pattern, and a check of what it matched.

Patterns read the plain form of a message (NFKC, lower case, simplified, no spaces between Han
characters). `\b` is not used in them, since it never holds between Han characters; `\d`, `\w`
and `[a-z]` are ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.text import Text
from qiaoban_guards.text.digits import read_digits

_HAN_DIGIT = "〇零一二三四五六七八九幺两"
_NO_DIGIT = re.compile(
    r"[一两](?=[起下个会直定些边样共切般次])"
    rf"|(?<=\d{{4}})[ -]?[{_HAN_DIGIT}]{{1,2}}(?![ -]?[{_HAN_DIGIT}\d])"
    rf"|(?<![{_HAN_DIGIT}\d])[{_HAN_DIGIT}]{{1,2}}(?=[ -]?\d{{5}})",
    re.ASCII,
)
Check = Callable[["Match"], float | None]
"""The score of a match, from 0 to 1, or None where it is no personal data."""


@dataclass(frozen=True, slots=True)
class Entity:
    """Personal data in `original[start:end]`.

    `score` from 0 to 1 is how sure it is; `owner` the word for whose it is (妈妈, teacher) where
    one stands in front, empty where it is not said.
    """

    kind: Kind
    start: int
    end: int
    score: float
    rule: str
    owner: str = ""


class Reading:
    """A message in the forms that rules read; all have the offsets of the plain form."""

    def __init__(self, text: Text) -> None:
        self.text, self.plain = text, text.plain

    @cached_property
    def digits(self) -> str:
        """The plain form, with numbers that are written in Han digits in ASCII ones.

        A Han digit that begins a word (12345678一起) or stands alone at the edge of an ASCII number
        is no part of that number.
        """
        read = read_digits(self.text).plain
        if read == self.plain:
            return read
        words = [(word.start(), word.end()) for word in _NO_DIGIT.finditer(self.plain)]
        for start, end in words:
            read = read[:start] + self.plain[start:end] + read[end:]
        return read

    @cached_property
    def spaced(self) -> tuple[str, Sequence[int]]:
        """The plain form with its spaces, and the index in the plain form of each character.

        A space has the index of the character behind it, and so has the end of the text.
        """
        plain, original = self.plain, self.text.original
        if not any(map(str.isspace, original)):
            return plain, range(len(plain) + 1)
        starts, ends = self.text.starts, self.text.ends
        written: list[str] = []
        indices: list[int] = []
        for index, character in enumerate(plain):
            if index and original[ends[index - 1] : starts[index]].isspace():
                written.append(" ")
                indices.append(index)
            written.append(character)
            indices.append(index)
        return "".join(written), (*indices, len(plain))

    def original(self, start: int, end: int) -> str:
        """What the child typed for `plain[start:end]`: with its capitals."""
        if start >= end:
            return ""
        first, last = self.text.span(start, end)
        return self.text.original[first:last]


@dataclass(frozen=True, slots=True)
class Match:
    """What a pattern matched: `start` and `end` bound the value in the plain form."""

    reading: Reading
    match: re.Match[str]
    start: int
    end: int

    @property
    def value(self) -> str:
        """The value as the rule read it."""
        return self.match.string[self.start : self.end]

    @property
    def number(self) -> str:
        """The digits of the value."""
        return "".join(character for character in self.value if character.isdecimal())

    @property
    def typed(self) -> str:
        """The value as the child typed it."""
        return self.reading.original(self.start, self.end)

    def before(self, width: int = 20) -> str:
        """What stands in front of the value."""
        return self.match.string[max(0, self.start - width) : self.start]

    def after(self, width: int = 20) -> str:
        """What stands behind the value."""
        return self.match.string[self.end : self.end + width]


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern for one kind; the group named `value`, else the whole match, is the entity.

    id: names the rule, `kind.what`.
    trigger: a cheap pattern that must hold somewhere before `pattern` is tried at all.
    digits: read the form in which Han digits are ASCII ones.
    check: scores a match, or refuses it.
    words: what the check asks for anywhere in the message: an expression of it, edges aside.
    """

    id: str
    kind: Kind
    pattern: str
    score: float = 0.9
    trigger: str = ""
    digits: bool = False
    check: Check | None = None
    words: str = ""
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _trigger: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pattern", re.compile(self.pattern, re.ASCII))
        trigger = re.compile(self.trigger, re.ASCII) if self.trigger else None
        object.__setattr__(self, "_trigger", trigger)

    @property
    def needed(self) -> tuple[str, ...]:
        """Expressions of which one must hold in what the rule reads; empty where none is known."""
        return (self.words or self.trigger or self.pattern,)

    def find(self, reading: Reading) -> Iterator[tuple[int, int, float]]:
        """Yield (start, end, score) in the plain form; after a refusal one character further."""
        text = reading.digits if self.digits else reading.plain
        if self._trigger is not None and self._trigger.search(text) is None:
            return
        yield from self._find_in(text, reading)

    def _find_in(self, text: str, reading: Reading) -> Iterator[tuple[int, int, float]]:
        position = 0
        while (match := self._pattern.search(text, position)) is not None:
            start, end = match.span("value" if "value" in self._pattern.groupindex else 0)
            position = match.start() + 1
            if start < 0 or start == end:
                continue
            score = self._scored(Match(reading, match, start, end))
            if score is not None:
                yield start, end, score
                position = max(position, end)

    def _scored(self, match: Match) -> float | None:
        return self.score if self.check is None else self.check(match)
