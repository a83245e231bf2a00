"""What of a dialogue is left out where it is longer than a sequence may be: its oldest turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def first_turn(sizes: Sequence[int], room: int) -> int:
    """The first turn of the newest ones that together take at most `room` tokens.

    `sizes` are tokens of each turn, the oldest first; the newest turn is always kept.
    """
    start = max(len(sizes) - 1, 0)
    room -= sizes[start] if sizes else 0
    while start and sizes[start - 1] <= room:
        start -= 1
        room -= sizes[start]
    return start


def shortened(guess: int, turns: int, length: Callable[[int], int], most: int) -> int | None:
    """The first turn without whose elders a dialogue takes at most `most` tokens.

    `length` tells the tokens of the dialogue from a turn on; the search begins at `guess`. None
    where even the last turn is too long alone.
    """
    start = next((first for first in range(guess, turns) if length(first) <= most), None)
    if start is None or start > guess:
        return start
    while start and length(start - 1) <= most:
        start -= 1
    return start
