"""Rules that see where a child left a space between Han characters.

The plain form has no such spaces, since a child may write 自 杀; but where a child writes with no
punctuation, a space is what ends a name: 我叫李明 今年十岁.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qiaoban_guards.pii.rule import Reading, Rule


@dataclass(frozen=True, slots=True)
class SpacedRule(Rule):
    """A rule that reads the plain form with its spaces, then without them if it found nothing.

    What is found without them has no space in it, unless the child puts one behind everything.
    """

    def find(self, reading: Reading) -> Iterator[tuple[int, int, float]]:
        """Yield (start, end, score) in the plain form."""
        if self._trigger is not None and self._trigger.search(reading.plain) is None:
            return
        written, indices = reading.spaced
        found = [
            (indices[start], indices[end - 1] + 1, score)
            for start, end, score in self._find_in(written, reading)
        ]
        if not found and len(written) > len(reading.plain):
            found = [
                (start, end, score)
                for start, end, score in self._find_in(reading.plain, reading)
                if _is_spread(written, reading.plain) or not _has_gap(indices, start, end)
            ]
        yield from found


def _is_spread(written: str, plain: str) -> bool:
    """Whether there are so many spaces that they end nothing: 我 叫 李 小 明."""
    return 2 * (len(written) - len(plain)) > len(plain)


def _has_gap(indices: Sequence[int], start: int, end: int) -> bool:
    """Whether a space stands between the characters of `plain[start:end]`."""
    first, last = bisect_right(indices, start), bisect_right(indices, end - 1)
    return last - first > end - 1 - start
