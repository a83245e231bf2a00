"""The oldest turns go first, whole, and the newest always stays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qiaoban_finetune.truncation import first_turn, shortened


@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=20), room=st.integers(0, 120))
def test_as_many_of_the_newest_turns_are_kept_as_there_is_room_for(
    sizes: list[int], room: int
) -> None:
    start = first_turn(sizes, room)
    assert sum(sizes[start:]) <= room or start == len(sizes) - 1
    assert start == 0 or sum(sizes[start - 1 :]) > room


def test_no_turns_begin_at_the_first() -> None:
    assert first_turn([], 10) == 0


def test_the_first_beginning_that_is_short_enough_is_taken() -> None:
    asked: list[int] = []

    def length(start: int) -> int:
        asked.append(start)
        return 100 - 10 * start

    assert shortened(2, 9, length, 65) == 4
    assert asked == [2, 3, 4]


def test_a_last_turn_that_is_too_long_leaves_none() -> None:
    assert shortened(0, 3, lambda _: 100, 99) is None
