"""Hashed n-grams of a message: what the statistical model sees.

A feature is a number below `BUCKETS`; which n-grams fall on it is nobody's choice (feature
hashing, Weinberger et al. 2009). Chinese is read by characters, English by words and characters.
All arithmetic is modulo 2**64, so the numbers are the same on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

BITS = 18
BUCKETS = 1 << BITS
_MIX = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(64 - BITS)
_FOLD = np.uint64(29)
_LONGEST_KEPT = 400
_DIGITS = str.maketrans("123456789", "000000000")
_WORDS = re.compile(r"[a-z']+|0+|[^\sa-z0]")


@dataclass(frozen=True, slots=True)
class _Gram:
    """A shape of feature: an earlier shape (0: the first in its list) and one unit more.

    `offset` is the last unit's distance from the first; `salt` keeps shapes of equal units apart.
    """

    extends: int
    offset: int
    salt: np.uint64


def _shape(extends: int, offset: int, salt: int) -> _Gram:
    return _Gram(extends, offset, np.uint64((salt * 0xD1B54A32D192ED03 | 1) % 2**64))


# The first shape is one unit; the next are pairs, threes and fours, then pairs with a gap.
_HAN = (_shape(0, 1, 1), _shape(1, 2, 1), _shape(2, 3, 1), _shape(0, 2, 2), _shape(0, 3, 3))
_LETTERS = (_shape(0, 1, 4), _shape(1, 2, 4), _shape(2, 3, 4), _shape(3, 4, 4))
_PHRASES = (_shape(0, 1, 5), _shape(1, 2, 5), _shape(0, 2, 6))


@dataclass(frozen=True, slots=True)
class Spans:
    """`index[i]` is a feature found in `plain[start[i]:end[i]]`; int64 arrays of one length."""

    index: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


def features(plain: str, *, han: bool) -> NDArray[np.int64]:
    """The features of a message in its plain form, in no order; some may be there twice.

    Not to be written to: of a short message they are kept for the next classifier that reads it.
    """
    return _kept(plain, han) if len(plain) <= _LONGEST_KEPT else _features(plain, han)


@lru_cache(maxsize=8)
def _kept(plain: str, han: bool) -> NDArray[np.int64]:
    found = _features(plain, han)
    found.flags.writeable = False
    return found


def _features(plain: str, han: bool) -> NDArray[np.int64]:
    if han:
        return _index(_hashes(_characters(plain), _HAN))
    words, _, _ = _words(plain)
    return _index(_hashes(_characters(plain), _LETTERS)[2:] + _hashes(words, _PHRASES))


def spans(plain: str, *, han: bool) -> Spans:
    """The same features with the characters that each was found in."""
    codes = _characters(plain)
    places = np.arange(-1, len(codes), dtype=np.int64)
    if han:
        return _located(
            [(_hashes(codes, _HAN), (0, *(g.offset for g in _HAN)), places[:-1], places[1:])]
        )
    words, starts, ends = _words(plain)
    letters = (
        _hashes(codes, _LETTERS)[2:],
        tuple(g.offset for g in _LETTERS[1:]),
        places[:-1],
        places[1:],
    )
    phrases = (_hashes(words, _PHRASES), (0, *(g.offset for g in _PHRASES)), starts, ends)
    return _located([letters, phrases])


def named_features(names: Iterable[str]) -> NDArray[np.int64]:
    """The features of facts that have a name, such as a rule that fired."""
    return np.array(sorted({crc32(name.encode()) >> (32 - BITS) for name in names}), dtype=np.int64)


def _characters(plain: str) -> NDArray[np.uint64]:
    """The characters as numbers, between a start and an end mark."""
    encoded = f"\2{plain.translate(_DIGITS)}\3".encode("utf-32-le", "replace")
    return np.frombuffer(encoded, np.uint32).astype(np.uint64)


def _words(plain: str) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
    found = list(_WORDS.finditer(plain.translate(_DIGITS)))
    return (
        np.array([crc32(match[0].encode("utf-8", "replace")) for match in found], dtype=np.uint64),
        np.array([match.start() for match in found], dtype=np.int64),
        np.array([match.end() for match in found], dtype=np.int64),
    )


def _hashes(units: NDArray[np.uint64], shapes: tuple[_Gram, ...]) -> list[NDArray[np.uint64]]:
    """The hashes of every shape at every place where it fits, one array a shape."""
    hashed = [units * _MIX]
    for shape in shapes:
        count = max(len(units) - shape.offset, 0)
        mixed = (hashed[shape.extends][:count] ^ units[shape.offset :]) * shape.salt
        mixed ^= mixed >> _FOLD
        hashed.append(mixed)
    return hashed


def _index(hashed: list[NDArray[np.uint64]]) -> NDArray[np.int64]:
    return ((np.concatenate(hashed) * _MIX) >> _SHIFT).astype(np.int64)


_Located = tuple[list[NDArray[np.uint64]], tuple[int, ...], NDArray[np.int64], NDArray[np.int64]]


def _located(parts: list[_Located]) -> Spans:
    hashed: list[NDArray[np.uint64]] = []
    first: list[NDArray[np.int64]] = []
    last: list[NDArray[np.int64]] = []
    for arrays, offsets, starts, ends in parts:
        for array, offset in zip(arrays, offsets, strict=True):
            hashed.append(array)
            first.append(starts[: len(array)])
            last.append(ends[offset : offset + len(array)])
    return Spans(_index(hashed), np.concatenate(first), np.concatenate(last))


def fewer(index: NDArray[np.int64], buckets: int) -> NDArray[np.int64]:
    """The features of a message for a table of fewer `buckets` (a power of two), each once."""
    return distinct(index >> (BITS - buckets.bit_length() + 1))


def distinct(index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each feature once, in order: np.unique, whose overhead is greater than the work of a text."""
    if not len(index):
        return index
    ordered = np.sort(index)
    first = np.empty(len(ordered), bool)
    first[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]
