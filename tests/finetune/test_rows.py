"""The order of a run's sequences: all of them, the same each time, another each epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_finetune.encoding import Example
from qiaoban_finetune.packing import Packs, shuffled
from qiaoban_finetune.rows import DIALOGUES, Row, Rows, RowsOf, among, collator, grouped
from qiaoban_finetune.sections import OptimiserConfig


def examples(lengths: list[int]) -> list[Example]:
    return [
        Example(tuple(range(length)), tuple(range(length)), f"d{number}")
        for number, length in enumerate(lengths)
    ]


def packs(lengths: list[int], optimiser: OptimiserConfig, seed: str, *, by_length: bool) -> Packs:
    if by_length:
        return grouped(np.array(lengths, np.int32), optimiser, seed)
    return Packs(shuffled(np.arange(len(lengths)), seed), np.arange(len(lengths) + 1))


def rows_of(lengths: list[int], *, by_length: bool, sequences: int = 1, **told: float) -> Rows:
    optimiser = OptimiserConfig.model_validate(
        {"learning_rate": 1e-3, "global_batch": 4, "micro_batch": 2, **told}
    )

    def epoch(number: int) -> Sequence[Row]:
        order = packs(lengths, optimiser, f"7:{number}", by_length=by_length)
        return RowsOf(examples(lengths), order)

    return Rows(epoch, optimiser, sequences)


def names(rows: Rows, start: int, stop: int) -> list[str]:
    return [rows[at][0].dialogue for at in range(start, stop)]


@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=90),
    by_length=st.booleans(),
    epochs=st.floats(0.5, 3),
)
def test_every_epoch_has_every_row_once(lengths: list[int], by_length: bool, epochs: float) -> None:
    rows = rows_of(lengths, by_length=by_length, epochs=epochs)
    everything = sorted(f"d{number}" for number in range(len(lengths)))
    for epoch in range(len(rows) // len(lengths)):
        start = epoch * len(lengths)
        assert sorted(names(rows, start, start + len(lengths))) == everything
    assert len(rows) == 4 * rows.steps, "each step has its whole batch"
    assert rows.epochs_at(rows.steps) >= epochs


def test_a_row_is_found_without_those_before_it() -> None:
    lengths = list(range(1, 40))
    whole = names(rows_of(lengths, by_length=True, epochs=3), 0, 117)
    for at in (0, 38, 39, 100, 116):
        assert names(rows_of(lengths, by_length=True, epochs=3), at, at + 1) == [whole[at]]


def test_epochs_differ_and_are_the_same_whenever_they_are_asked_for() -> None:
    rows = rows_of([5] * 30, by_length=False, epochs=2)
    first, second = names(rows, 0, 30), names(rows, 30, 60)
    assert first != second
    assert names(rows, 0, 30) == first == names(rows_of([5] * 30, by_length=False), 0, 30)


def test_epochs_may_have_different_numbers_of_rows() -> None:
    def epoch(number: int) -> Sequence[Row]:
        places = np.arange(2 + number)
        return RowsOf(examples([1] * 9), Packs(places, np.arange(len(places) + 1)))

    told = {"learning_rate": 1e-3, "global_batch": 1, "max_steps": 9}
    rows = Rows(epoch, OptimiserConfig.model_validate(told))
    assert names(rows, 0, 9) == ["d0", "d1", "d0", "d1", "d2", "d0", "d1", "d2", "d3"]
    assert [rows.epochs_at(step) for step in (0, 1, 2, 5, 7)] == [0, 0.5, 1, 2, 2.5]
    assert rows[3][0].dialogue == "d1", "an epoch before is found again"


def test_a_row_of_a_whole_micro_batch_is_one_of_fewer() -> None:
    alone, together = (
        rows_of([1] * 8, by_length=False, sequences=sequences) for sequences in (1, 2)
    )
    assert (alone.micro_batch, alone.steps, len(alone)) == (2, 2, 8)
    assert (together.micro_batch, together.steps, len(together)) == (1, 4, 8)


def test_rows_of_a_micro_batch_are_of_about_one_length() -> None:
    lengths = [1 + (37 * number) % 64 for number in range(64)]
    optimiser = OptimiserConfig(learning_rate=1e-3, global_batch=4, micro_batch=2)

    def padded(by_length: bool) -> int:
        order: list[int] = packs(lengths, optimiser, "7:0", by_length=by_length).places.tolist()
        return sum(
            abs(lengths[a] - lengths[b]) for a, b in zip(order[::2], order[1::2], strict=True)
        )

    assert padded(by_length=True) <= 64 < padded(by_length=False) / 4


def test_packs_of_some_are_packs_of_all() -> None:
    some = among(np.array([4, 7, 9]), Packs.of([[2, 0], [1]]))
    assert [each.tolist() for each in some] == [[9, 4], [7]]


def test_steps_are_those_of_the_epochs_or_as_many_as_are_asked_for() -> None:
    assert rows_of([1] * 9, by_length=False, epochs=2).steps == 6
    assert rows_of([1] * 9, by_length=False, epochs=2, max_steps=5).steps == 5


def test_a_batch_names_the_dialogues_it_is_made_of() -> None:
    rows = RowsOf(examples([1, 2, 3]), Packs.of([[0, 2], [1]]))
    batch = collator(lambda given: {"tokens": sum(len(each.ids) for each in given)})(rows[0:2])
    assert batch == {"tokens": 6, DIALOGUES: ["d0", "d2", "d1"]}
