"""The encoded examples of all sources, and which of them an epoch learns from.

One's own dialogues come every epoch; of a source that is replayed each epoch takes the next ones,
as `mixture` says. Everything that is held here is a number for each example: the examples stay in
their files, and are looked at through memory maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from qiaoban_finetune.encoding import Example
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.packing import Places
from qiaoban_finetune.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Part:
    """One source."""

    tokens: Tokens
    count: int
    """Dialogues of an epoch."""
    whole: bool
    """Whether all of the source is here, so that it begins again behind its last dialogue."""

    def dialogues(self, epoch: int) -> NDArray[np.int64]:
        """The numbers of the dialogues of an epoch; DataError where not so many are here."""
        size, start = self.tokens.facts.dialogues, self.count * epoch
        if not self.whole and start + self.count > size:
            raise DataError(f"epoch {epoch + 1} was not encoded; this is a fault, report it")
        return (start + np.arange(self.count)) % size

    def reaches(self, epoch: int) -> bool:
        """Whether the dialogues of an epoch are here."""
        return self.whole or self.count * (epoch + 1) <= self.tokens.facts.dialogues

    def places(self, dialogues: NDArray[np.int64]) -> Places:
        """Where the examples of dialogues stand; one that comes twice has them twice."""
        first = np.searchsorted(self.tokens.numbers, dialogues, "left")
        counts = np.searchsorted(self.tokens.numbers, dialogues, "right") - first
        begins = np.cumsum(counts) - counts
        return np.repeat(first - begins, counts) + np.arange(int(counts.sum()))


class Pool(Sequence[Example]):
    """The examples of the parts, one part behind the other."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)
        self._ends = np.cumsum([0, *(len(part.tokens) for part in parts)])

    def __len__(self) -> int:
        return int(self._ends[-1])

    @overload
    def __getitem__(self, place: int) -> Example: ...
    @overload
    def __getitem__(self, place: slice) -> list[Example]: ...
    def __getitem__(self, place: int | slice) -> Example | list[Example]:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        place = int(place % len(self))
        number = int(np.searchsorted(self._ends, place, "right")) - 1
        return self.parts[number].tokens[place - int(self._ends[number])]

    def epoch(self, number: int) -> Places:
        """Where the examples of an epoch stand, in no order that is meant."""
        return np.concatenate(
            [
                begin + part.places(part.dialogues(number))
                for begin, part in zip(self._ends, self.parts, strict=False)
            ]
        )

    def of_dialogues(self, chosen: Sequence[NDArray[np.int64]]) -> Places:
        """Where the examples of those dialogues of each part stand."""
        return np.concatenate(
            [
                begin + part.places(dialogues)
                for begin, part, dialogues in zip(self._ends, self.parts, chosen, strict=False)
            ]
        )

    @cached_property
    def lengths(self) -> NDArray[np.int32]:
        """The tokens of each example."""
        return np.concatenate([part.tokens.lengths for part in self.parts])

    @cached_property
    def learnt(self) -> NDArray[np.int32]:
        """How many tokens of each example are learnt."""
        return np.concatenate([part.tokens.learnt for part in self.parts])

    @cached_property
    def left_out(self) -> NDArray[np.int32]:
        """The turns that each example's dialogue lost."""
        return np.concatenate([part.tokens.left_out for part in self.parts])
