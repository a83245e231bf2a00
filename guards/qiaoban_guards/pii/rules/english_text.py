"""English in a message: its words as they were typed, and rules whose cue stands beside a value.

Children write names and places with and without capitals, so that where a value ends is read word
by word: a capital says that a word belongs to a name only where the sentence has words without.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from qiaoban_guards.pii.rule import Match, Reading, Rule
from qiaoban_guards.pii.word_lists import one_of, word_list

LETTERS = "a-z\u00df-\u024f"
"""The inside of a class of lower-case letters, with accents."""
_WORD = re.compile(rf"[{LETTERS}0-9]+(?:['&.-](?=[{LETTERS}0-9])[{LETTERS}0-9]+)*|\S")
_REACH = 120

Span = tuple[int, int, float]
"""Start, end and score of a value in the plain form."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word or a sign in `plain[start:end]`.

    typed: with its capitals. proper: written with a capital where others are not.
    gap: something stands between it and the word in front.
    """

    text: str
    start: int
    end: int
    typed: str
    proper: bool
    gap: bool

    @property
    def sign(self) -> bool:
        """No word, but punctuation, a Han character or an emoji."""
        return not (self.text[0].isalnum() and self.text[0] < "\u0250")


def words_of(reading: Reading, start: int, end: int) -> list[Word]:
    """The words and signs of `plain[start:end]`; one that the bounds cut is cut."""
    start, end = max(0, start), min(end, len(reading.plain))
    around = reading.original(max(0, start - 60), min(len(reading.plain), end + 20))
    cased = _is_cased(around)
    words: list[Word] = []
    last = start
    for found in _WORD.finditer(reading.plain, start, end):
        typed = reading.original(*found.span())
        proper = cased and typed[:1].isupper()
        words.append(Word(found[0], *found.span(), typed, proper, found.start() > last))
        last = found.end()
    return words


def words_after(reading: Reading, start: int, reach: int = _REACH) -> list[Word]:
    """The words behind `start`."""
    return words_of(reading, start, start + reach)


def words_before(reading: Reading, end: int, reach: int = 60) -> list[Word]:
    """The words in front of `end`, the first of which may be cut."""
    return words_of(reading, end - reach, end)


def _is_cased(typed: str) -> bool:
    """Whether capitals say something: neither all words have one, nor all letters are one."""
    initials = re.findall(r"(?<![^\W_])[^\W\d_]", typed)
    small = sum(initial.islower() for initial in initials)
    return small * 6 >= len(initials) or (len(initials) < 4 and not typed.isupper())


@lru_cache(maxsize=64)
def listed(name: str, *keys: str) -> frozenset[str]:
    """The words under some keys of data/`name`.yaml; an underscore there is a space."""
    return frozenset(word.replace("_", " ") for key in keys for word in word_list(name, key))


def is_common(word: Word) -> bool:
    """Whether it is an everyday word, which by itself is no name and no password."""
    bare = word.text
    return bare in listed("english_words", "common") or bare.endswith("n't")


def goes_on(words: Sequence[Word], at: int) -> bool:
    """Whether the value may end in front of `words[at]`: the end, a sign, or a word like "and"."""
    if at >= len(words):
        return True
    word = words[at]
    return word.sign or word.text in listed("english_words", "onward")


def joined(words: Sequence[Word]) -> str:
    """Words as a phrase of a list is written."""
    return " ".join(word.text for word in words)


@dataclass(frozen=True, slots=True)
class Cued(Rule):
    """A rule whose pattern is the cue, and whose `span` reads the value beside it.

    span: start, end and score of the value in the plain form, or None where there is none.
    """

    span: Callable[[Match], Span | None] = field(default=lambda _: None)

    def find(self, reading: Reading) -> Iterator[Span]:
        """Yield (start, end, score) in the plain form, for every cue."""
        if self._trigger is not None and self._trigger.search(reading.plain) is None:
            return
        for cue in self._pattern.finditer(reading.plain):
            found = self.span(Match(reading, cue, *cue.span()))
            if found is not None:
                yield found


_HAN = re.compile("[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Latin(Rule):
    """A rule for messages without a Han character, whose forms among Chinese are other things."""

    def find(self, reading: Reading) -> Iterator[Span]:
        """Yield (start, end, score) in the plain form; nothing where Chinese is written."""
        if _HAN.search(reading.plain) is None:
            yield from Rule.find(self, reading)


@lru_cache(maxsize=64)
def phrases(name: str, *keys: str) -> str:
    """An expression for any phrase under some keys of data/`name`.yaml."""
    return one_of(listed(name, *keys))


@lru_cache(maxsize=64)
def _words(name: str, key: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z]){phrases(name, key)}s?(?![a-z])", re.ASCII)


def has_word(name: str, key: str, text: str) -> bool:
    """Whether a phrase under `key`, or its plural, stands in `text`."""
    return _words(name, key).search(text) is not None


def is_unit(after: str) -> bool:
    """Whether what stands behind a number is what it counts: " minutes", "%"."""
    found = re.match(r" ?([a-z'.%]+)", after)
    return found is not None and (
        found[1].rstrip(".") in listed("english_topics", "units") or found[1].startswith("%")
    )
