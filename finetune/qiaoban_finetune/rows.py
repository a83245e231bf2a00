"""The sequences of a whole run in the order they are learnt, the same whenever it is asked for.

Every epoch is drawn and packed anew from the seed and its number, and epochs follow each other
without a gap, so that each step has its whole batch and the n-th row of a run is known without
those before it.
"""

from __future__ import annotations

import math
import random
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from qiaoban_finetune.config import OptimiserConfig
from qiaoban_finetune.encoding import Example
from qiaoban_finetune.packing import Packs, Places, shuffled

Row: TypeAlias = list[Example]
"""What takes one place of a batch: an example, or several packed ones."""
DIALOGUES = "dialogues"
"""The key of a batch under which the ids of its dialogues stand."""
_POOL = 16
"""Steps whose sequences are sorted by length together where they are not packed."""


class RowsOf(Sequence[Row]):
    """Rows whose examples are fetched when a row is asked for; `places` are theirs, row by row."""

    def __init__(self, examples: Sequence[Example], places: Packs) -> None:
        self._examples, self.places = examples, places

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        return [self._examples[int(place)] for place in self.places[at]]


class Rows:
    """A data set for torch: item n is the n-th row of the run.

    `epoch` gives the rows of an epoch, counted from 0, in their order; a row takes the place of
    `sequences` of those that `optimiser` counts. `steps` is the length of the run.
    """

    def __init__(
        self,
        epoch: Callable[[int], Sequence[Row]],
        optimiser: OptimiserConfig,
        sequences: int = 1,
    ) -> None:
        self._drawn, self._held = epoch, (0, epoch(0))
        self._starts = [0, len(self._held[1])]
        self.micro_batch = max(1, optimiser.micro_batch // sequences)
        self._global = max(1, optimiser.global_batch // sequences)
        self.steps_per_epoch = math.ceil(self._starts[1] / self._global)
        self.steps = optimiser.max_steps or math.ceil(self.steps_per_epoch * optimiser.epochs)

    def __len__(self) -> int:
        return self.steps * self._global

    def __getitem__(self, place: int) -> Row:
        number = self._epoch_of(place)
        return self.epoch(number)[place - self._starts[number]]

    def epoch(self, number: int) -> Sequence[Row]:
        """The rows of an epoch; the last one that was asked for is kept."""
        if self._held[0] != number:
            self._held = (number, self._drawn(number))
        return self._held[1]

    def epochs_at(self, step: int) -> float:
        """How often the data was gone through after so many steps."""
        done = step * self._global
        number = self._epoch_of(done)
        begin, end = self._starts[number : number + 2]
        return number + (done - begin) / (end - begin)

    def _epoch_of(self, place: int) -> int:
        """The epoch of a row; those before it are counted, which takes packing them."""
        while place >= self._starts[-1]:
            self._starts.append(self._starts[-1] + len(self.epoch(len(self._starts) - 1)))
        return bisect_right(self._starts, place) - 1


def grouped(lengths: NDArray[np.int32], optimiser: OptimiserConfig, seed: int | str) -> Packs:
    """Each example a row of its own, shuffled, those of a micro-batch of about one length."""
    micro, pool = optimiser.micro_batch, _POOL * optimiser.global_batch
    order = shuffled(np.arange(len(lengths)), seed)
    chance = random.Random(seed)  # noqa: S311 - an order, no secret
    places = array("q")
    for start in range(0, len(order), pool):
        some = order[start : start + pool]
        near: list[int] = some[np.argsort(lengths[some], kind="stable")].tolist()
        batches = [near[at : at + micro] for at in range(0, len(near), micro)]
        whole = [batch for batch in batches if len(batch) == micro]
        chance.shuffle(whole)
        # a batch that is not full stands last, else every one after it is of two lengths
        for batch in (*whole, *(batch for batch in batches if len(batch) < micro)):
            places.extend(batch)
    return Packs(np.array(places, np.int64), np.arange(len(places) + 1))


def among(places: Places, packs: Packs) -> Packs:
    """Packs of some examples as packs of all: `places` are where those some stand."""
    return Packs(places[packs.places], packs.begins)


def collator(
    collate: Callable[[list[Example]], dict[str, Any]],
) -> Callable[[Sequence[Row]], dict[str, Any]]:
    """Makes a batch of rows: what `collate` makes of their examples, and the dialogues' ids."""

    def collated(rows: Sequence[Row]) -> dict[str, Any]:
        examples = [example for row in rows for example in row]
        return {**collate(examples), DIALOGUES: [example.dialogue for example in examples]}

    return collated
