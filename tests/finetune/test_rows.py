"""The order of a run's sequences: all of them, the same each time, another each epoch."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qiaoban_finetune.encoding import Example
from qiaoban_finetune.rows import DIALOGUES, Rows, RowsOf, collator
from qiaoban_finetune.sections import OptimiserConfig


def examples(lengths: list[int]) -> list[Example]:
    return [
        Example(tuple(range(length)), tuple(range(length)), f"d{number}")
        for number, length in enumerate(lengths)
    ]


def rows_of(lengths: list[int], *, grouped: bool, **optimiser: float) -> Rows:
    told = OptimiserConfig.model_validate(
        {"learning_rate": 1e-3, "global_batch": 4, "micro_batch": 2, **optimiser}
    )
    rows = RowsOf(examples(lengths), [[number] for number in range(len(lengths))])
    return Rows(rows, told, seed=7, lengths=lengths if grouped else None)


def names(rows: Rows, start: int, stop: int) -> list[str]:
    return [rows[at][0].dialogue for at in range(start, stop)]


@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=90),
    grouped=st.booleans(),
    epochs=st.floats(0.5, 3),
)
def test_every_epoch_has_every_row_once(lengths: list[int], grouped: bool, epochs: float) -> None:
    rows = rows_of(lengths, grouped=grouped, epochs=epochs)
    everything = sorted(f"d{number}" for number in range(len(lengths)))
    for epoch in range(len(rows) // len(lengths)):
        start = epoch * len(lengths)
        assert sorted(names(rows, start, start + len(lengths))) == everything
    assert len(rows) == 4 * rows.steps, "each step has its whole batch"
    assert rows.epochs_at(rows.steps) >= epochs


def test_a_row_is_found_without_those_before_it() -> None:
    lengths = list(range(1, 40))
    whole = names(rows_of(lengths, grouped=True, epochs=3), 0, 117)
    for at in (0, 38, 39, 100, 116):
        assert names(rows_of(lengths, grouped=True, epochs=3), at, at + 1) == [whole[at]]


def test_epochs_differ_and_so_do_seeds() -> None:
    lengths = [5] * 30
    rows = rows_of(lengths, grouped=False, epochs=2)
    assert rows.order(0) != rows.order(1)
    assert rows.order(0) == rows_of(lengths, grouped=False).order(0)


def test_rows_of_a_micro_batch_are_of_about_one_length() -> None:
    lengths = [1 + (37 * number) % 64 for number in range(64)]
    rows = rows_of(lengths, grouped=True)
    alone = rows_of(lengths, grouped=False)

    def padded(of: Rows) -> int:
        order = of.order(0)
        return sum(
            abs(lengths[a] - lengths[b]) for a, b in zip(order[::2], order[1::2], strict=True)
        )

    assert padded(rows) <= 64 < padded(alone) / 4


def test_steps_are_those_of_the_epochs_or_as_many_as_are_asked_for() -> None:
    assert rows_of([1] * 9, grouped=False, epochs=2).steps == 6
    assert rows_of([1] * 9, grouped=False, epochs=2, max_steps=5).steps == 5


def test_a_batch_names_the_dialogues_it_is_made_of() -> None:
    rows = RowsOf(examples([1, 2, 3]), [[0, 2], [1]])
    batch = collator(lambda given: {"tokens": sum(len(each.ids) for each in given)})(rows[0:2])
    assert batch == {"tokens": 6, DIALOGUES: ["d0", "d2", "d1"]}
