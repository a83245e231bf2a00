"""Every example once, nowhere too much, little left unfilled, a window of them in memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import chain
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_finetune.errors import DataError
from qiaoban_finetune.packing import Packs, Places, pack, packed, shuffled


def like_dialogues(count: int, seed: int = 0) -> Iterator[int]:
    """Lengths as the dialogues of CPsyCounD have them: about 420 tokens, few beyond 700."""
    drawn = Random(seed)
    return (max(60, min(1000, round(drawn.gauss(424, 80)))) for _ in range(count))


def as_lists(packs: Packs) -> list[list[int]]:
    return [places.tolist() for places in packs]


def totals(lengths: list[int], packs: Packs) -> list[int]:
    return [int(np.array(lengths)[places].sum()) for places in packs]


def unfilled(lengths: list[int], packs: Sequence[Places], capacity: int) -> float:
    return 1 - sum(lengths) / (len(packs) * capacity)


@given(
    lengths=st.lists(st.integers(1, 64), max_size=400),
    capacity=st.integers(64, 200),
    seed=st.integers(0, 9),
)
def test_every_example_is_in_one_sequence_that_holds_it(
    lengths: list[int], capacity: int, seed: int
) -> None:
    packs = pack(lengths, capacity, seed)
    assert sorted(chain.from_iterable(packs)) == list(range(len(lengths)))
    assert all(0 < total <= capacity for total in totals(lengths, packs))


@given(lengths=st.lists(st.integers(1, 100), min_size=1, max_size=30), capacity=st.just(100))
def test_no_two_sequences_would_fit_into_one(lengths: list[int], capacity: int) -> None:
    sums = totals(lengths, pack(lengths, capacity, 0))
    assert all(one + two > capacity for at, one in enumerate(sums) for two in sums[:at])


def test_what_fits_exactly_leaves_nothing_unfilled() -> None:
    assert len(pack([700, 300, 512, 512, 600, 400, 24] * 8, 1024, 0)) == 24


@pytest.mark.parametrize("capacity", [2048, 4096, 8192, 65536])
def test_less_than_a_hundredth_is_left_unfilled(capacity: int) -> None:
    lengths = list(like_dialogues(12_000))
    packs = pack(lengths, capacity, 1)
    assert unfilled(lengths, packs[:-1], capacity) <= unfilled(lengths, packs, capacity) < 0.01


def test_an_order_is_of_its_seed() -> None:
    lengths = list(like_dialogues(2000))
    first, again, second = (as_lists(pack(lengths, 2048, seed)) for seed in (1, 1, 2))
    assert first == again != second
    assert sorted(map(sorted, first)) != sorted(map(sorted, second))


def test_sequences_do_not_come_by_length() -> None:
    """Those begun with long examples are mixed with the others, else a run would end on short."""
    lengths = list(like_dialogues(4000))
    packs = pack(lengths, 2048, 3)
    half = len(packs) // 2
    counts = [len(places) for places in packs]
    assert np.mean(counts[:half]) == pytest.approx(np.mean(counts[half:]), rel=0.03)


def test_lengths_may_be_numbers_of_numpy() -> None:
    lengths = list(like_dialogues(500))
    of_numpy = pack(np.array(lengths, np.int32), 2048, 0)
    assert as_lists(of_numpy) == as_lists(pack(lengths, 2048, 0))


@pytest.mark.parametrize("length", [0, 101])
def test_an_example_that_no_sequence_holds_is_refused(length: int) -> None:
    with pytest.raises(DataError, match=rf"example 1 has {length} tokens.*1 to 100"):
        pack([100, length], 100, seed=0)


def test_nothing_is_packed_into_nothing() -> None:
    assert len(pack([], 100, 0)) == 0


def test_packs_are_a_sequence_over_two_arrays() -> None:
    packs = Packs.of([[3, 1], [2], [0, 5, 4]])
    assert as_lists(packs) == [[3, 1], [2], [0, 5, 4]]
    assert packs[-1].tolist() == [0, 5, 4]
    assert [each.tolist() for each in packs[:2]] == [[3, 1], [2]]
    for beyond in (3, -4):
        with pytest.raises(IndexError):
            packs[beyond]


def test_an_order_takes_eight_bytes_an_example() -> None:
    tracemalloc.start()
    order = shuffled(np.arange(100_000), "1:0")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sorted(order) == list(range(100_000))
    assert most < 5 * order.nbytes == 5 * 800_000


def test_a_stream_is_packed_in_memory_that_does_not_grow_with_it() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        total = sum(len(places) for places in packed(like_dialogues(count), 2048, 0))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert total == count
        return most

    assert peak(8_000) < 1.5 * peak(1_000)
