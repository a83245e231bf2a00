"""A linear model over hashed features, in eight-bit weights, with calibrated probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from qiaoban_guards.classification.features import BUCKETS, Spans


@dataclass(frozen=True, slots=True)
class LinearModel:
    """One language's model.

    `weights` is (buckets, heads) int8, to be multiplied by `scale` (heads,); `bias` (heads,) is
    added. `slope` and `offset` (heads,) make a calibrated probability of a score (Platt 1999).
    `buckets` is BUCKETS or a smaller power of two: features that differ in their low bits only
    then fall together.
    """

    heads: tuple[str, ...]
    weights: NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]
    slope: NDArray[np.float32]
    offset: NDArray[np.float32]

    def scores(self, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """The score of every head, shape (heads,), for a message's features, each once."""
        total = np.add.reduce(self.weights.take(index, axis=0), axis=0, dtype=np.int32)
        score = total * self.scale / max(len(index), 1) ** 0.5 + self.bias
        return np.asarray(score * self.slope + self.offset, np.float64)

    def probabilities(self, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """The probability of every head by itself, shape (heads,)."""
        return np.asarray(1.0 / (1.0 + np.exp(-self.scores(index))), np.float64)

    def evidence(self, found: Spans, length: int, head: int) -> tuple[int, int]:
        """The stretch of a message of `length` characters that speaks most for `head`.

        Every feature's weight is shared among its characters; the stretch with the greatest sum
        above the message's mean is the evidence (a maximum subarray).
        """
        weight = self.weights[found.index, head] / np.maximum(found.end - found.start, 1)
        share = np.zeros(length + 1)
        np.add.at(share, np.clip(found.start, 0, length), weight)
        np.add.at(share, np.clip(found.end, 0, length), -weight)
        per_character = np.cumsum(share[:length])
        per_character -= max(float(per_character.mean()), 0.0)
        best, best_range, running, start = -np.inf, (0, length), 0.0, 0
        for place, value in enumerate(per_character.tolist()):
            if running <= 0:
                running, start = 0.0, place
            running += value
            if running > best:
                best, best_range = running, (start, place + 1)
        return best_range

    def arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """What `read` needs, under names that begin with `prefix`."""
        return {
            f"{prefix}.weights": self.weights,
            f"{prefix}.scale": self.scale,
            f"{prefix}.bias": self.bias,
            f"{prefix}.slope": self.slope,
            f"{prefix}.offset": self.offset,
        }

    @classmethod
    def squeezed(
        cls,
        heads: tuple[str, ...],
        weights: NDArray[np.float64],
        bias: NDArray[np.float64],
        slopes: Sequence[tuple[float, float]],
    ) -> LinearModel:
        """The model in eight bits a weight: an error of at most 1/254 of a head's largest weight.

        `weights` is (buckets, heads), `bias` (heads,), `slopes` (slope, offset) of every head.
        """
        largest = np.abs(weights).max(axis=0)
        scale = np.where(largest > 0, largest / 127, 1.0)
        return cls(
            heads=heads,
            weights=np.rint(weights / scale).astype(np.int8),
            scale=scale.astype(np.float32),
            bias=bias.astype(np.float32),
            slope=np.array([slope for slope, _ in slopes], np.float32),
            offset=np.array([offset for _, offset in slopes], np.float32),
        )

    @classmethod
    def of(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        prefix: str,
        heads: tuple[str, ...],
        buckets: int = BUCKETS,
    ) -> LinearModel:
        """The model whose arrays stand under `prefix`. ValueError where a shape is wrong."""
        model = cls(
            heads,
            *(
                arrays[f"{prefix}.{name}"]
                for name in ("weights", "scale", "bias", "slope", "offset")
            ),
        )
        if model.weights.shape != (buckets, len(heads)):
            raise ValueError(
                f"{prefix}.weights has shape {model.weights.shape}, not {(buckets, len(heads))}"
            )
        for name in ("scale", "bias", "slope", "offset"):
            if getattr(model, name).shape != (len(heads),):
                raise ValueError(f"{prefix}.{name} has not one number a head ({len(heads)})")
        return model


def read_arrays(source: Path | IO[bytes]) -> Mapping[str, NDArray[Any]]:
    """The arrays of an .npz file, none of them pickled."""
    with np.load(source, allow_pickle=False) as stored:
        return {name: cast("NDArray[Any]", stored[name]) for name in stored.files}
