"""Names in English that no list has: two capitals, and a sentence that speaks of a person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qiaoban_guards.pii.rule import Reading, Rule
from qiaoban_guards.pii.rules.english_given import is_family, is_famous, is_lettered
from qiaoban_guards.pii.rules.english_text import (
    Span,
    Word,
    is_common,
    joined,
    listed,
    phrases,
    words_of,
)

_EDGES = "english_edges"
_PLACES = "english_places"
_SHE = re.compile(r"(?<![a-z])(?:he|she|him|her|his|hes|shes|he's|she's)(?![a-z])", re.ASCII)
_MADE_UP = re.compile(
    r"(?:favou?rite|\bfan of|idol|famous|book|movie|film|story|novel|song|character|poem|actor"
    r"|singer"
    r"|president|history|chapter|watch|episode|youtuber|anime|cartoon|team|band|footballer|player)"
)


def _runs(words: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Bounds of the words with capitals that stand side by side, over "bin" and "van"."""
    at = 0
    while at < len(words):
        end = at
        while end < len(words) and _belongs(words, at, end):
            end += 1
        if end - at > 1:
            yield at, end
        at = max(end, at + 1)


def _belongs(words: Sequence[Word], start: int, at: int) -> bool:
    word = words[at]
    if not is_lettered(word) or (at > start and not word.gap):
        return False
    if at > start and word.text in listed(_EDGES, "particles"):
        return at + 1 < len(words) and words[at + 1].proper
    if not word.proper or len(word.text) < 2 or (len(word.text) > 2 and word.typed.isupper()):
        return False
    return not is_common(word) or (at > start and is_family(word))


def _of_a_place(words: Sequence[Word], start: int, end: int) -> bool:
    """Whether what has capitals is a street, a school, a town or a team, or stands for one."""
    places = listed(_PLACES, "streets", "streets_loose", "homes", "things", "lodgings", "units")
    kinds = places | {"school", "primary", "elementary", "academy", "high", "college", "middle"}
    behind = words[end].text if end < len(words) and words[end].gap else ""
    if behind in kinds or any(w.text in kinds and not is_family(w) for w in words[start:end]):
        return True
    known = listed(_PLACES, "districts", "cities") | listed(_EDGES, "months")
    texts = [w.text for w in words[start:end]]
    return joined(words[start:end]) in known or any(text in known for text in texts)


@dataclass(frozen=True, slots=True)
class Capitals(Rule):
    """Two to five words with capitals that do what only a person does, or to whom it is done."""

    @property
    def needed(self) -> tuple[str, ...]:
        """A space, as between any two words."""
        return (" ",)

    def find(self, reading: Reading) -> Iterator[Span]:
        """Yield (start, end, score) in the plain form."""
        if " " not in reading.plain or not any(c.isupper() for c in reading.text.original):
            return
        words = words_of(reading, 0, len(reading.plain))
        for start, end in _runs(words):
            if self._is_person(reading.plain, words, start, end):
                last = words[end - 1]
                yield words[start].start, last.end - 2 * last.text.endswith("'s"), 0.62

    def _is_person(self, plain: str, words: Sequence[Word], start: int, end: int) -> bool:
        if end - start > 5 or is_famous(words[start:end]) or _of_a_place(words, start, end):
            return False
        titles = listed("english_words", "titles") | listed(_EDGES, "no_person_behind")
        if start and words[start - 1].text in titles - {"from", "to", "in", "at"}:
            return False
        if words[start].text in listed("english_words", "titles", "pets", "people"):
            return False
        front = plain[max(0, words[start].start - 40) : words[start].start]
        behind = plain[words[end - 1].end : words[end - 1].end + 60]
        pets = listed("english_words", "pets")
        if any(word.text in pets for word in words[max(0, start - 5) : start]):
            return False
        if _MADE_UP.search(front) or _MADE_UP.search(behind[:20]):
            return False
        if re.match(rf" {phrases(_EDGES, 'person_does')}(?![a-z])", behind):
            return True
        if re.search(rf"(?<![a-z]){phrases(_EDGES, 'done_to_person')} $", front):
            return True
        seems = re.match(r" (?:is|was|who|has|had|in my|from my|and)(?![a-z])|,", behind)
        return bool(seems and _SHE.search(behind))
