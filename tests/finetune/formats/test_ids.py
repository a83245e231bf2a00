"""Ids are remembered exactly, in little memory."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from qiaoban_finetune.formats.ids import Seen


@given(st.lists(st.text(max_size=8)))
def test_an_id_is_new_once(names: list[str]) -> None:
    seen, known = Seen(), set[str]()
    for name in names:
        assert seen.add(name) == (name not in known)
        known.add(name)


def test_a_hundred_thousand_ids_are_told_apart_in_three_megabytes() -> None:
    tracemalloc.start()
    try:
        seen = Seen()
        assert all(seen.add(f"case_{number}") for number in range(100_000))
        assert not any(seen.add(f"case_{number}") for number in range(0, 100_000, 999))
        assert tracemalloc.get_traced_memory()[0] < 3 * 2**20
    finally:
        tracemalloc.stop()
