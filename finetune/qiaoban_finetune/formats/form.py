"""What a format of training data is: how a record becomes dialogues, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from qiaoban_finetune.dialogue import Dialogue
from qiaoban_finetune.reading import Place

Record = dict[str, Any]
"""One JSON object of a file."""
Parse = Callable[[Record, Place], Iterable[Dialogue]]
"""The dialogues of a record; DataError for what they cannot be read from."""
Written = tuple[Record, tuple[Dialogue, ...]]
"""A record and the dialogues that it holds."""
Dump = Callable[[Iterable[Dialogue], str], Iterator[Written]]
"""The records of dialogues for a file of that name."""


@dataclass(frozen=True, slots=True)
class Format:
    """A layout of records."""

    name: str
    about: str
    """Whose it is and how it looks, in a line."""
    looks: Callable[[Record], bool]
    """Whether a record looks like one of these."""
    parse: Parse
    dump: Dump | None = None
    """None where the format tells less than a dialogue holds, and is only read."""
    array: bool = False
    """Whether its files are one JSON array; else JSON Lines."""
