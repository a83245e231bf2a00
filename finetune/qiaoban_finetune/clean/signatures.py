"""MinHash signatures of dialogues, and which of them is nearly one that came before.

A dialogue is a near-duplicate where an earlier one, be it kept or not, has an estimated Jaccard
similarity of at least the threshold. Pairs are found by locality-sensitive hashing (Broder 1997;
Leskovec et al., Mining of Massive Datasets, ch. 3): bands of four numbers, of which a pair at the
threshold of 0.7 shares one with a probability of 0.9998.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from qiaoban_finetune.clean.shingles import shingles
from qiaoban_guards.errors import MissingExtraError

ROWS = 4
"""Numbers of a band."""
Signature = NDArray[np.uint32]


class Signer:
    """Makes signatures of so many numbers."""

    def __init__(self, permutations: int) -> None:
        """MissingExtraError without `qiaoban-agent[collect]`."""
        self._fresh: Any = _datasketch().MinHash(num_perm=permutations, hashfunc=crc32)

    def sign(self, texts: Sequence[str]) -> bytes:
        """The signature of a dialogue's texts."""
        sketch = self._fresh.copy()
        if found := shingles(texts):
            sketch.update_batch([one.encode() for one in sorted(found)])
        numbers: Signature = sketch.hashvalues.astype("<u4")
        return numbers.tobytes()


class NearDuplicates:
    """Finds for each signature, in their order, the first earlier one that is nearly the same.

    Takes 4 bytes of memory for each number of each signature, and the hash tables of its bands.
    """

    def __init__(self, threshold: float, permutations: int) -> None:
        library = _datasketch()
        self._threshold = threshold
        self._lsh: Any = library.MinHashLSH(
            num_perm=permutations, params=(permutations // ROWS, ROWS)
        )
        self._sketch: Any = library.LeanMinHash
        self._signatures: dict[int, Signature] = {}

    def add(self, number: int, signature: bytes) -> int | None:
        """The earlier number whose signature is nearly this one's, None where there is none."""
        numbers = read_signature(signature)
        sketch = self._sketch(seed=1, hashvalues=numbers, scheme="affine32")
        candidates: list[int] = sorted(self._lsh.query(sketch))
        first, exactly = None, False
        for other in candidates:
            alike = similarity(numbers, self._signatures[other])
            if alike >= self._threshold:
                first, exactly = other, alike == 1.0
                break
        if not exactly:  # what is the same to the last number would be found through the other
            self._lsh.insert(number, sketch, check_duplication=False)
            self._signatures[number] = numbers
        return first


def read_signature(signature: bytes) -> Signature:
    """The numbers of a signature."""
    return np.frombuffer(signature, "<u4")


def similarity(one: Signature, other: Signature) -> float:
    """The estimated Jaccard similarity."""
    return float(np.count_nonzero(one == other)) / len(one)


def bands(signature: bytes) -> list[bytes]:
    """The bands of a signature, each with its place, so that only like bands meet."""
    size = 4 * ROWS
    return [
        at.to_bytes(4) + signature[at : at + size]
        for at in range(0, len(signature) - size + 1, size)
    ]


def _datasketch() -> Any:
    try:
        return import_module("datasketch")
    except ImportError as error:
        raise MissingExtraError("looking for near-duplicates", "collect") from error
