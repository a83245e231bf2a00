"""Encoded examples as they lie on disk, read through a memory map."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from qiaoban_finetune.encoding import Example
from qiaoban_finetune.errors import DataError

EXAMPLES, FACTS = "examples.arrow", "facts.json"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is told of encoded examples."""

    dialogues: int
    examples: int
    tokens: int
    learnt: int
    """Tokens that are learnt."""
    shortened: int
    """Examples whose dialogue lost turns at its front."""
    too_long: int
    """Dialogues without an example, since the last turn alone is too long."""
    too_long_ids: tuple[str, ...]
    """The first of them."""


class Tokens(Sequence[Example]):
    """The examples in a folder of `token_cache`; another process may be handed it.

    What it gives are views of the file, which nobody can write to. Raises DataError where the
    folder is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            told = json.loads((folder / FACTS).read_text(encoding="utf-8"))
            self.facts = Facts(**(told | {"too_long_ids": tuple(told["too_long_ids"])}))
            self._batches = _batches(folder / EXAMPLES)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DataError(
                f"{folder} is damaged: {error}; remove it, and it is made again"
            ) from error
        self._ends = list(accumulate(batch.rows for batch in self._batches))
        if len(self) != self.facts.examples:
            raise DataError(
                f"{folder} is damaged: it holds {len(self)} examples of {self.facts.examples}; "
                "remove it, and it is made again"
            )

    def __reduce__(self) -> tuple[type[Tokens], tuple[Path]]:
        return Tokens, (self.folder,)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, place: int) -> Example: ...
    @overload
    def __getitem__(self, place: slice) -> list[Example]: ...
    def __getitem__(self, place: int | slice) -> Example | list[Example]:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        place %= len(self)
        number = bisect_right(self._ends, place)
        batch = self._batches[number]
        return batch.example(place - self._ends[number] + batch.rows)

    @cached_property
    def lengths(self) -> NDArray[np.int32]:
        """The tokens of each example, for packing; 4 bytes an example."""
        if not self._batches:
            return np.zeros(0, np.int32)
        return np.concatenate([np.diff(batch.offsets) for batch in self._batches])

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """Which dialogue each example is of, counted from 0 as they were given; 8 bytes each."""
        return self._column("number", np.dtype(np.int64))

    @cached_property
    def learnt(self) -> NDArray[np.int32]:
        """How many tokens of each example are learnt; 4 bytes an example."""
        return self._column("learnt", np.dtype(np.int32))

    @cached_property
    def left_out(self) -> NDArray[np.int32]:
        """The turns that each example's dialogue lost; 4 bytes an example."""
        return self._column("left_out", np.dtype(np.int32))

    def _column(self, name: str, kind: np.dtype[Any]) -> NDArray[Any]:
        if not self._batches:
            return np.zeros(0, kind)
        return np.concatenate([batch.column(name) for batch in self._batches])


class _Batch:
    """Some examples of the file as arrays over its bytes."""

    def __init__(self, batch: Any) -> None:
        self.rows: int = batch.num_rows
        ids, labels = batch.column("ids"), batch.column("labels")
        self.offsets: NDArray[np.int32] = ids.offsets.to_numpy()
        self._ids: NDArray[np.int32] = ids.values.to_numpy()
        self._labels: NDArray[np.int32] = labels.values.to_numpy()
        self._dialogues, self._left_out = batch.column("dialogue"), batch.column("left_out")
        self._batch = batch

    def column(self, name: str) -> NDArray[Any]:
        """The numbers of a column."""
        found: NDArray[Any] = self._batch.column(name).to_numpy()
        return found

    def example(self, row: int) -> Example:
        begin, end = self.offsets[row], self.offsets[row + 1]
        return Example(
            self._ids[begin:end],
            self._labels[begin:end],
            self._dialogues[row].as_py(),
            self._left_out[row].as_py(),
        )


def _batches(file: Path) -> list[_Batch]:
    arrow: Any = import_module("pyarrow")
    with arrow.ipc.open_stream(arrow.memory_map(str(file))) as reader:
        return [_Batch(batch) for batch in reader]
