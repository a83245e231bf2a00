"""One plain form of a message, with a map back to what the child typed.

The plain form is NFKC, lower case, without invisible characters and stray combining marks,
without spaces between Han characters, in simplified Chinese.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import opencc

# What the t2s tables leave alone: variant characters, and the Cantonese function words whose
# standard counterpart the patterns are written in.
_VARIANTS = str.maketrans(
    "妳牠祂著佢唔冇咗嘅哋俾畀喺咁",
    "你它他着他不没了的们给给在这",
)
# Everyday simplified characters that the tables take for traditional ones (坏 for 坯).
_SIMPLE_ALREADY = frozenset("坏")
_PUNCTUATION = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "｡": "。"})
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_GAP_BETWEEN_HAN = re.compile(rf"(?<=[{_HAN}])[^\S\n]+(?=[{_HAN}])")
_LONGEST_KEPT = 400
"""Characters of a message whose form is kept for the next reader; keeps memory under 2 MB."""
_MOST_FOLDS = 8192
"""Characters whose folded form is kept; a chat has a few thousand."""


@dataclass(frozen=True, slots=True)
class Text:
    """A message in its original and its plain form.

    `starts[i]` and `ends[i]` bound the characters of `original` that `plain[i]` came from, so
    `len(starts) == len(ends) == len(plain)` and both never decrease.
    """

    original: str
    plain: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The half-open range of `original` behind `plain[start:end]`; needs `start < end`."""
        return self.starts[start], self.ends[end - 1]


@lru_cache(maxsize=1)
def _simplifier() -> Callable[[str], str]:
    converter = opencc.OpenCC("t2s")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return cast("Callable[[str], str]", converter.convert)  # pyright: ignore[reportUnknownMemberType]


class _Folds(dict[str, str]):
    """The folded form of single characters, each made once; a mark alone has none."""

    def __missing__(self, character: str) -> str:
        folded = _fold(character)
        if len(self) < _MOST_FOLDS:
            self[character] = folded
        return folded


_folds = _Folds()


def normalise(original: str) -> Text:
    """Return the plain form of `original` with its offset map; time and space are linear."""
    return _kept(original) if len(original) <= _LONGEST_KEPT else _normalised(original)


@lru_cache(maxsize=64)
def _kept(original: str) -> Text:
    """The guards and the coach read a message one after another: each asks for the same form."""
    return _normalised(original)


def _normalised(original: str) -> Text:
    folded = [_folds[character] for character in original]
    joined = "".join(folded)
    if "" in folded or len(joined) != len(original) or _has_gaps(joined):
        return mapped(original)
    places = tuple(range(len(original) + 1))
    return Text(original, _simplify(joined), places[:-1], places[1:])


def _has_gaps(joined: str) -> bool:
    """Whether spaces between Han characters have to go; most texts have no space to look at."""
    return len(joined.split(None, 1)) > 1 and _GAP_BETWEEN_HAN.search(joined) is not None


def mapped(original: str) -> Text:
    """The plain form where characters do not stay one by one."""
    plain: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end, folded in _folded_clusters(original):
        for character in folded:
            plain.append(character)
            starts.append(start)
            ends.append(end)
    joined = "".join(plain)
    kept = [True] * len(joined)
    for gap in _GAP_BETWEEN_HAN.finditer(joined):
        kept[gap.start() : gap.end()] = [False] * (gap.end() - gap.start())
    return Text(
        original=original,
        plain=_simplify("".join(c for c, keep in zip(joined, kept, strict=True) if keep)),
        starts=tuple(s for s, keep in zip(starts, kept, strict=True) if keep),
        ends=tuple(e for e, keep in zip(ends, kept, strict=True) if keep),
    )


def _folded_clusters(original: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, folded form) of every base character with its combining marks."""
    position, length = 0, len(original)
    while position < length:
        end = position + 1
        while end < length and _is_mark(original[end]):
            end += 1
        yield position, end, _fold(original[position:end])
        position = end


def _is_mark(character: str) -> bool:
    return character > "\u02ff" and unicodedata.category(character) in ("Mn", "Me")


@lru_cache(maxsize=8192)
def _fold(cluster: str) -> str:
    if "\ud800" <= cluster[0] <= "\udfff":
        return "\ufffd"  # half a surrogate pair is no character
    folded = unicodedata.normalize("NFKC", cluster).lower()
    folded = unicodedata.normalize("NFKC", folded).translate(_PUNCTUATION)
    return "".join(c for c in folded if c in "\n\t" or not _is_invisible(c))


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Mn", "Me")


def _simplify(text: str) -> str:
    """Simplified Chinese of the same length; applied until nothing changes any more."""
    if text.isascii():
        return text
    for _ in range(4):  # 藉著 → 藉着 → 借着 is as deep as the tables go
        simplified = _simplifier()(text)
        if len(simplified) != len(text):  # a phrase changed its length: offsets matter more
            simplified = "".join(_simplify_character(character) for character in text)
        if not _SIMPLE_ALREADY.isdisjoint(text):
            pairs = zip(text, simplified, strict=True)
            simplified = "".join(old if old in _SIMPLE_ALREADY else new for old, new in pairs)
        simplified = simplified.translate(_VARIANTS)
        if simplified == text:
            break
        text = simplified
    return text


@lru_cache(maxsize=8192)
def _simplify_character(character: str) -> str:
    simplified = _simplifier()(character)
    return simplified if len(simplified) == 1 else character
