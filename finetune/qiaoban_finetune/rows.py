"""The sequences of a whole run in the order they are learnt, the same whenever it is asked for.

Every epoch is shuffled anew from the seed and its number, and epochs follow each other without a
gap, so that each step has its whole batch and the n-th batch of a run is known without the first.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, overload

from qiaoban_finetune.config import OptimiserConfig
from qiaoban_finetune.encoding import Example

Row: TypeAlias = list[Example]
"""What takes one place of a batch: an example, or several packed ones."""
DIALOGUES = "dialogues"
"""The key of a batch under which the ids of its dialogues stand."""
_POOL = 16
"""Steps whose sequences are sorted by length together where they are not packed."""


class RowsOf(Sequence[Row]):
    """Rows whose examples are fetched when a row is asked for; `places` are theirs, row by row."""

    def __init__(self, examples: Sequence[Example], places: Sequence[Sequence[int]]) -> None:
        self._examples, self._places = examples, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        return [self._examples[place] for place in self._places[at]]


class Rows:
    """A data set for torch: item n is the n-th row of the run.

    `lengths` are tokens of each row; without them rows are shuffled alone, with them those of a
    micro-batch are also of about one length, so that little is padded.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        optimiser: OptimiserConfig,
        seed: int,
        lengths: Sequence[int] | None = None,
    ) -> None:
        self._rows, self._seed, self._lengths = rows, seed, lengths
        self._micro, self._global = optimiser.micro_batch, optimiser.global_batch
        self.steps_per_epoch = math.ceil(len(rows) / optimiser.global_batch)
        self.steps = optimiser.max_steps or math.ceil(self.steps_per_epoch * optimiser.epochs)
        self._epoch: tuple[int, list[int]] = (-1, [])

    def __len__(self) -> int:
        return self.steps * self._global

    def __getitem__(self, place: int) -> Row:
        epoch, at = divmod(place, len(self._rows))
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self.order(epoch))
        return self._rows[self._epoch[1][at]]

    def epochs_at(self, step: int) -> float:
        """How often the data was gone through after so many steps."""
        return step * self._global / len(self._rows)

    def order(self, epoch: int) -> list[int]:
        """The numbers of all rows in the order of an epoch."""
        chance = random.Random(f"{self._seed}:{epoch}")  # noqa: S311 - no secret
        order = list(range(len(self._rows)))
        chance.shuffle(order)
        return order if self._lengths is None else self._grouped(order, self._lengths, chance)

    def _grouped(
        self, order: list[int], lengths: Sequence[int], chance: random.Random
    ) -> list[int]:
        grouped: list[int] = []
        pool = _POOL * self._global
        for start in range(0, len(order), pool):
            near = sorted(order[start : start + pool], key=lambda row: lengths[row])
            batches = [near[at : at + self._micro] for at in range(0, len(near), self._micro)]
            whole = [batch for batch in batches if len(batch) == self._micro]
            chance.shuffle(whole)
            grouped += [row for batch in whole for row in batch]
            # a batch that is not full stands last, else every one after it is of two lengths
            grouped += [row for batch in batches if len(batch) < self._micro for row in batch]
        return grouped


def collator(
    collate: Callable[[list[Example]], dict[str, Any]],
) -> Callable[[Sequence[Row]], dict[str, Any]]:
    """Makes a batch of rows: what `collate` makes of their examples, and the dialogues' ids."""

    def collated(rows: Sequence[Row]) -> dict[str, Any]:
        examples = [example for row in rows for example in row]
        return {**collate(examples), DIALOGUES: [example.dialogue for example in examples]}

    return collated
