"""Finding the words of a long list in a message, the longest at each place first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class WordList(Generic[_Value]):
    """Words with a value each. `edges`: a word counts only where no letter touches it.

    The cost of a search grows with the message, not with the list: what may begin at a place is
    looked up by its first two characters.
    """

    def __init__(self, words: Mapping[str, _Value], *, edges: bool) -> None:
        self._words, self._edges = words, edges
        self._by_head: dict[str, list[str]] = {}
        for word in sorted(words, key=len, reverse=True):
            self._by_head.setdefault(word[:2], []).append(word)

    def found(self, plain: str) -> Iterator[_Value]:
        """The values from left to right, none of a word inside another."""
        place = 0
        while place < len(plain):
            heads = dict.fromkeys((plain[place : place + 2], plain[place]))
            for word in (w for head in heads for w in self._by_head.get(head, ())):
                if plain.startswith(word, place) and self._stands_alone(plain, place, word):
                    yield self._words[word]
                    place += len(word)
                    break
            else:
                place += 1

    def _stands_alone(self, plain: str, place: int, word: str) -> bool:
        if not self._edges:
            return True
        end = place + len(word)
        before = plain[place - 1] if place else " "
        after = plain[end] if end < len(plain) else " "
        return not before.isalnum() and not after.isalnum()
