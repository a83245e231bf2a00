"""A message in tokens, and what the tagger sees of each.

A token is a Han character, a word of Latin letters (`'s` apart), a run of digits, or any other
character. Its features are hashed, as those of the linear models are.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Reading
from qiaoban_guards.pii.word_lists import word_list

BITS = 16
BUCKETS = 1 << BITS
_MASK = BUCKETS - 1
_ITSELF, _WITH_BEFORE, _WITH_AFTER, _BEGINNING, _ENDING = map(crc32, (b"0", b"-", b"+", b"^", b"$"))
Find = tuple[Kind, int, int]
"""Kind, start and end in the plain form."""
_TOKEN = re.compile(r"[a-z]+|'[a-z]+|[0-9]+|\S")
_LONGEST = 6
_LISTS = (
    ("surnames", "common", "s"),
    ("surnames", "rare", "r"),
    ("surnames", "compound", "c"),
    ("given_characters", "given", "g"),
    ("not_names", "words", "n"),
    ("not_names", "whole", "w"),
    ("not_names", "famous", "f"),
    ("name_edges", "acts", "a"),
    ("kin", "relatives", "k"),
    ("regions", "provinces", "p"),
    ("regions", "cities", "p"),
    ("regions", "districts", "d"),
    ("place_suffixes", "firm", "x"),
    ("place_suffixes", "loose", "l"),
    ("place_suffixes", "homes", "h"),
    ("place_suffixes", "relative", "b"),
    ("place_suffixes", "public", "u"),
    ("school_words", "kinds", "y"),
    ("school_words", "short", "y"),
    ("school_words", "common", "z"),
    ("outings", "venues", "v"),
    ("outings", "organisations", "o"),
    ("outings", "works", "m"),
    ("outings", "photos", "q"),
    ("english_names", "given", "G"),
    ("english_names", "ambiguous", "A"),
    ("english_names", "surnames", "S"),
    ("english_names", "pinyin_surnames", "P"),
    ("english_words", "common", "W"),
    ("english_words", "titles", "T"),
    ("english_words", "relatives", "K"),
    ("english_famous", "single", "F"),
    ("english_famous", "full", "F"),
    ("english_places", "streets", "X"),
    ("english_places", "homes", "H"),
    ("english_places", "cities", "C"),
    ("english_places", "states", "C"),
    ("english_edges", "months", "M"),
)


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the plain form, `plain[start:end]`; `apart` where a space stands in front."""

    form: str
    start: int
    end: int
    apart: bool


def tokens_of(reading: Reading) -> list[Token]:
    """The tokens of a message, in order."""
    written, indices = reading.spaced
    tokens: list[Token] = []
    for found in _TOKEN.finditer(written):
        start, end = found.span()
        apart = start > 0 and written[start - 1].isspace()
        tokens.append(Token(found[0], indices[start], indices[end - 1] + 1, apart))
    return tokens


def features_of(
    reading: Reading, tokens: Sequence[Token], finds: Iterable[Find]
) -> list[list[int]]:
    """The numbers, below BUCKETS, of what is seen of each token; `finds` are those of rules."""
    forms = [b"<", *(token.form.encode("utf-8", "replace") for token in tokens), b">"]
    seen = [
        _seen(before, form, after)
        for before, form, after in zip(forms, forms[1:], forms[2:], strict=False)
    ]
    for token, its in zip(tokens, seen, strict=True):
        its.append(_shape(reading, token))
    for place, name in _listed(tokens):
        seen[place].append(_bucket(name))
    for place, name in _found(tokens, finds):
        seen[place].append(_bucket(name))
    return seen


def _seen(before: bytes, form: bytes, after: bytes) -> list[int]:
    """The token, the one in front with it, it with the one behind, and parts of a word."""
    seen = [
        crc32(form, _ITSELF) & _MASK,
        crc32(form, crc32(before, _WITH_BEFORE)) & _MASK,
        crc32(after, crc32(b" ", crc32(form, _WITH_AFTER))) & _MASK,
    ]
    if form.isalpha() and len(form) > 2:
        seen += [crc32(form[:3], _BEGINNING) & _MASK, crc32(form[-3:], _ENDING) & _MASK]
    elif form.isdigit():
        seen.append(_bucket(f"#{len(form)}"))
    return seen


def _shape(reading: Reading, token: Token) -> int:
    if "\u3400" <= token.form <= "\u9fff":  # Han characters, of which none has a capital
        return _capitals("-", token.apart)
    typed = reading.original(token.start, token.end)
    kind = "X" if typed.isupper() and len(typed) > 1 else "x" if typed[:1].isupper() else "-"
    return _capitals(kind, token.apart)


@lru_cache(maxsize=6)
def _capitals(kind: str, apart: bool) -> int:
    return _bucket(f"*{kind}{int(apart)}")


@lru_cache(maxsize=1)
def _lists() -> dict[str, str]:
    """The lists that each of their words stands in, by a letter each."""
    marks: dict[str, set[str]] = {}
    for name, key, mark in _LISTS:
        for word in word_list(name, key):
            marks.setdefault(word.lower().replace("_", " "), set()).add(mark)
    return {word: "".join(sorted(of)) for word, of in marks.items()}


@lru_cache(maxsize=1)
def _beginnings() -> frozenset[str]:
    """All that a word of the lists begins with, itself too."""
    return frozenset(word[:end] for word in _lists() for end in range(1, len(word) + 1))


def _listed(tokens: Sequence[Token]) -> Iterator[tuple[int, str]]:
    """Where a word of a list stands: its longest one at every token, marked at each of its own."""
    lists, beginnings = _lists(), _beginnings()
    forms = [token.form for token in tokens]
    behind = [f" {form}" if form.isascii() and form.isalpha() else form for form in forms]
    for first, form in enumerate(forms):
        word, best, length = form, "", 0
        followers = (*behind[first + 1 : first + _LONGEST], "")
        for count, following in enumerate(followers, start=1):
            if word not in beginnings:
                break
            if word in lists:
                best, length = word, count
            word += following
        for mark in lists[best] if best else "":
            yield first, f"B{mark}{min(length, 4)}"
            for place in range(first + 1, first + length):
                yield place, f"I{mark}"


def _found(tokens: Sequence[Token], finds: Iterable[Find]) -> Iterator[tuple[int, str]]:
    """Where rules found something: its tokens, the one in front, and the one behind."""
    starts = [token.start for token in tokens]
    for kind, start, end in finds:
        first, behind = bisect_left(starts, start), bisect_left(starts, end)
        for place in range(first, behind):
            yield place, f"{'I' if place > first else 'B'}@{kind}"
        if first:
            yield first - 1, f"<@{kind}"
        if behind < len(tokens):
            yield behind, f">@{kind}"


def _bucket(name: str) -> int:
    return crc32(name.encode("utf-8", "replace")) & _MASK
