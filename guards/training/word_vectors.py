"""The candidate of `experiments.py` that needs gensim and jieba: word vectors beside n-grams."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
from candidates import Sample, logistic, rounded, rule_input, sparse
from numpy.typing import NDArray
from train import MODEL

from qiaoban_guards.classification.features import BUCKETS
from qiaoban_guards.text import Text


class WordVectors:
    """The shipped design's input and, beside it, the mean of the message's word vectors."""

    name: str = "10 word2vec means + 4's input"
    size: int = 64
    share: float = 0.5
    """The length of the mean vector; that of the n-grams is 1."""

    def __init__(self) -> None:
        self._jieba: Any = import_module("jieba")
        self._models: Any = import_module("gensim.models")
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self._weights: NDArray[np.float64] = np.zeros(BUCKETS + self.size)
        self._bias = 0.0

    def fit(self, data: Sample) -> None:
        """Learn word vectors from the training rows, then a logistic regression."""
        sentences = [self._jieba.lcut(plain) for plain in data.plain]
        model = self._models.Word2Vec(
            sentences, vector_size=self.size, window=5, min_count=3, sg=1, negative=8, epochs=8,
            workers=1, seed=1,
        )  # fmt: skip
        frequency = Counter(word for sentence in sentences for word in sentence)
        total = sum(frequency.values())
        rarity = {word: 1e-3 / (1e-3 + frequency[word] / total) for word in model.wv.index_to_key}
        self._vectors = {word: model.wv[word] * rarity[word] for word in model.wv.index_to_key}
        self._weights, self._bias = logistic()(self._inputs(data), data.truth, data.weight)

    def scores(self, data: Sample) -> NDArray[np.float64]:
        """The score of every row."""
        return np.asarray(self._inputs(data) @ self._weights + self._bias)

    def one(self, text: Text) -> float:
        """The score of a message."""
        index = rule_input(text)
        total = self._weights[index].sum() / max(len(index), 1) ** 0.5
        return float(total + self._mean(text.plain) @ self._weights[BUCKETS:] + self._bias)

    def save(self, folder: Path) -> None:
        """Write vectors, weights and rules; the dictionary of the word cutter comes on top."""
        vectors = np.array(list(self._vectors.values()), np.float16)
        np.savez_compressed(folder / "vectors.npz", vectors)
        (folder / "words.txt").write_text("\n".join(self._vectors), encoding="utf-8")
        np.savez_compressed(folder / "weights.npz", *rounded(self._weights[:BUCKETS]), self._bias)
        copyfile(MODEL / "rules.json.gz", folder / "rules.json.gz")

    def _mean(self, plain: str) -> NDArray[np.float32]:
        found = [self._vectors[word] for word in self._jieba.lcut(plain) if word in self._vectors]
        if not found:
            return np.zeros(self.size, np.float32)
        mean = np.sum(found, axis=0)
        return np.asarray(mean * (self.share / (float(np.linalg.norm(mean)) + 1e-6)))

    def _inputs(self, data: Sample) -> Any:
        return sparse.hstack(
            [data.inputs, sparse.csr_matrix([self._mean(p) for p in data.plain])]
        ).tocsr()
