"""What is drawn for a task: decided by the run's seed and the task's number alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import TypeVar

_T = TypeVar("_T")


def drawn(seed: int, what: str, number: int) -> Random:
    """The generator of one task's draws."""
    return Random(f"{seed}:{what}:{number}")  # noqa: S311 - drawn to be repeated


def rounds(choices: Sequence[_T], seed: int, number: int) -> _T:
    """The task's choice, of which each comes once in every round, in an order drawn for it."""
    turn, place = divmod(number, len(choices))
    return choices[_order(len(choices), seed, turn)[place]]


@lru_cache(maxsize=8)
def _order(length: int, seed: int, turn: int) -> tuple[int, ...]:
    order = list(range(length))
    drawn(seed, "round", turn).shuffle(order)
    return tuple(order)
