"""Batches for a model: examples side by side and padded, or one behind the other.

`model(**batch)` takes either. Packed examples need `attention.use_document_attention(model)`, or
flash attention; without it transformers builds a dense mask, which is slower than padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiaoban_finetune.encoding import IGNORED, Example
from qiaoban_finetune.errors import DataError

Batch = dict[str, Any]
MULTIPLE = 8


class Padded:
    """Examples of a batch one below the other, filled up on the right.

    Gives `input_ids`, `attention_mask` and `labels`, int64 [examples, tokens]; examples × tokens
    are a multiple of `multiple_of`, in which tensor cores compute.
    """

    def __init__(self, pad_id: int, multiple_of: int = MULTIPLE) -> None:
        self.pad_id, self.multiple_of = pad_id, multiple_of

    def __call__(self, examples: Sequence[Example]) -> Batch:
        """The batch of these examples; DataError for none."""
        shape = (len(examples), padded(_lengths(examples), self.multiple_of))
        ids = np.full(shape, self.pad_id)
        labels = np.full(shape, IGNORED)
        mask = np.zeros(shape, np.int64)
        for row, example in enumerate(examples):
            length = len(example.ids)
            ids[row, :length] = example.ids
            labels[row, :length] = example.labels
            mask[row, :length] = 1
        return _tensors(input_ids=ids, attention_mask=mask, labels=labels)


def padded(lengths: Sequence[int], multiple_of: int = MULTIPLE) -> int:
    """The tokens that each example of a batch with these lengths is filled up to."""
    step = multiple_of // gcd(multiple_of, len(lengths))
    return -(-max(lengths) // step) * step


class Packed:
    """Examples one behind the other in a single row, none of which attends to another.

    Gives `input_ids`, `labels` and `position_ids`, int64 [1, tokens], the positions counted anew
    in each example; `cu_seq_lens_q` and `_k`, int32 [examples + 1], where each begins, and
    `max_length_q` and `_k`, the longest: transformers' FlashAttentionKwargs. There is no
    attention_mask, with which transformers would take the row for one text; and nothing is padded
    unless `multiple_of` asks for it: the padding is then an example of its own.
    """

    def __init__(self, pad_id: int, capacity: int, multiple_of: int = 1) -> None:
        self.pad_id, self.capacity, self.multiple_of = pad_id, capacity, multiple_of

    def __call__(self, examples: Sequence[Example]) -> Batch:
        """The batch of these examples; DataError for none, or for more than there is room for."""
        lengths = _lengths(examples)
        total = sum(lengths)
        if total > self.capacity:
            raise DataError(
                f"{len(examples)} packed examples ({examples[0].dialogue}, …) have {total} tokens "
                f"and a sequence holds {self.capacity}; pack them with packing.pack"
            )
        if padding := -total % self.multiple_of:
            lengths.append(padding)
        bounds = np.cumsum([0, *lengths])
        ids = np.full(bounds[-1], self.pad_id)
        labels = np.full(bounds[-1], IGNORED)
        np.concatenate([example.ids for example in examples], out=ids[:total])
        np.concatenate([example.labels for example in examples], out=labels[:total])
        labels[bounds[:-1]] = IGNORED  # else predicted from the end of the example before
        positions = np.concatenate([np.arange(length) for length in lengths])
        batch = _tensors(input_ids=ids[None], labels=labels[None], position_ids=positions[None])
        begins, longest = _tensors(begins=bounds.astype(np.int32))["begins"], max(lengths)
        return batch | {
            "cu_seq_lens_q": begins,
            "cu_seq_lens_k": begins,
            "max_length_q": longest,
            "max_length_k": longest,
            "use_cache": False,
        }


def _tensors(**arrays: NDArray[Any]) -> Batch:
    torch: Any = import_module("torch")
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _lengths(examples: Sequence[Example]) -> list[int]:
    if not examples:
        raise DataError("a batch has no example; see to the sampler that made it")
    return [len(example.ids) for example in examples]
