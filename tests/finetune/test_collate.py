"""Batches hold the examples as they are, and what is filled up is neither read nor learnt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qiaoban_finetune.collate import Packed, Padded
from qiaoban_finetune.encoding import IGNORED, Example
from qiaoban_finetune.errors import DataError

pytestmark = pytest.mark.models
torch: Any = pytest.importorskip("torch")

ONE = Example((5, 6, 7), (IGNORED, 6, 7), "a")
TWO = Example((8, 9), (8, 9), "b")


def test_shorter_examples_are_padded_on_the_right() -> None:
    batch = Padded(0, multiple_of=8)([ONE, TWO])
    assert batch["input_ids"].tolist() == [[5, 6, 7, 0], [8, 9, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 0, 0]]
    assert batch["labels"].tolist() == [[IGNORED, 6, 7, IGNORED], [8, 9, IGNORED, IGNORED]]
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}


@pytest.mark.parametrize(("length", "width"), [(7, 8), (8, 8), (9, 16)])
def test_rows_are_a_multiple_of_eight(length: int, width: int) -> None:
    example = Example((1,) * length, (1,) * length, "a")
    assert Padded(0)([example])["input_ids"].shape == (1, width)


@pytest.mark.parametrize(
    ("rows", "length", "width"), [(2, 7, 8), (2, 9, 12), (4, 9, 10), (8, 9, 9), (3, 9, 16)]
)
def test_several_rows_need_less_to_be_a_multiple_of_eight(
    rows: int, length: int, width: int
) -> None:
    example = Example((1,) * length, (1,) * length, "a")
    assert Padded(0)([example] * rows)["input_ids"].shape == (rows, width)


def test_packed_examples_count_their_positions_anew() -> None:
    batch = Packed(0, 8)([ONE, TWO])
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8, 9]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1]]
    assert batch["cu_seq_lens_q"].tolist() == batch["cu_seq_lens_k"].tolist() == [0, 3, 5]
    assert batch["cu_seq_lens_q"].dtype == torch.int32
    assert batch["max_length_q"] == batch["max_length_k"] == 3
    assert batch["use_cache"] is False
    assert "attention_mask" not in batch


def test_the_first_token_of_a_packed_example_is_not_learnt_from_the_one_before() -> None:
    assert Packed(0, 8)([ONE, TWO])["labels"].tolist() == [[IGNORED, 6, 7, IGNORED, 9]]
    assert TWO.labels == (8, 9)


def test_padding_of_a_packed_row_is_a_document_of_its_own() -> None:
    batch = Packed(3, 8, multiple_of=8)([ONE, TWO])
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8, 9, 3, 3, 3]]
    assert batch["labels"].tolist()[0][5:] == [IGNORED] * 3
    assert batch["position_ids"].tolist()[0][5:] == [0, 1, 2]
    assert batch["cu_seq_lens_q"].tolist() == [0, 3, 5, 8]


@pytest.mark.parametrize("collate", [Padded(0), Packed(0, 8)], ids=["padded", "packed"])
def test_examples_may_be_views_that_cannot_be_written_to(collate: Any) -> None:
    arrays = [np.array(values, np.int32) for values in (TWO.ids, TWO.labels)]
    for array in arrays:
        array.flags.writeable = False
    view = Example(arrays[0], arrays[1], "b")
    expected, found = collate([ONE, TWO]), collate([ONE, view])
    for key in ("input_ids", "labels"):
        assert found[key].tolist() == expected[key].tolist()


def test_more_than_a_sequence_holds_is_refused() -> None:
    with pytest.raises(DataError, match=r"2 packed examples \(a, …\) have 5 tokens.*holds 4"):
        Packed(0, 4)([ONE, TWO])


@pytest.mark.parametrize("collate", [Padded(0), Packed(0, 8)], ids=["padded", "packed"])
def test_a_batch_of_nothing_is_refused(collate: Any) -> None:
    with pytest.raises(DataError, match="a batch has no example"):
        collate([])
