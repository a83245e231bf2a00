"""The simpler candidates of `experiments.py`: phrases, rules, and linear models."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from shutil import copyfile
from typing import Any, Protocol

import numpy as np
from design import design, targets
from fit import STRENGTH, WEIGHTS
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from sources import Row
from train import MODEL

from qiaoban_guards.classification.features import BUCKETS, features
from qiaoban_guards.risk import RiskClassifier
from qiaoban_guards.risk.classifier import Language, model_input, read_compiled
from qiaoban_guards.risk.lexicon import Lexicon
from qiaoban_guards.text import Text, has_han, normalise

sparse: Any = import_module("scipy.sparse")
Learn = Callable[[Any, NDArray[np.bool_], NDArray[np.float64]], tuple[NDArray[np.float64], float]]
"""(inputs, truth, weight of each row) to the weights of the features and the bias."""

PHRASES = (
    *("自杀", "想死", "不想活", "活不下去", "割腕", "跳楼", "遗书", "结束生命"),
    *("打我", "摸我", "强奸", "裸照", "欺负我", "离家出走", "吸毒", "安眠药"),
    *("杀了他", "救命"),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows as candidates read them; both matrices are (rows, BUCKETS), `words` without rules."""

    rows: Sequence[Row]
    plain: Sequence[str]
    clue_levels: NDArray[np.int64]
    inputs: Any
    words: Any

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Sample:
        """Read every row once for all candidates."""
        compiled = read_compiled(MODEL / "rules.json.gz")
        lexicons: Mapping[Language, Lexicon] = {name: Lexicon(of) for name, of in compiled.items()}
        read = design(rows, lexicons)
        plain = [normalise(row.text).plain for row in rows]
        levels = [max((int(clue.level) for clue in clues), default=0) for clues in read.clues]
        return cls(
            rows, plain, np.array(levels), read.inputs, _matrix([words_of(p) for p in plain])
        )

    @property
    def truth(self) -> NDArray[np.bool_]:
        """Which rows are of moderate level or above."""
        return targets(self.rows, "moderate")[0]

    @property
    def weight(self) -> NDArray[np.float64]:
        """What each row counts for, as in `fit.py`."""
        return np.array([WEIGHTS.get(row.source, 1.0) for row in self.rows])


class Candidate(Protocol):
    """One way to tell a disclosure from harmless talk.

    `save` writes what would ship, and makes `one` ready, which scores a message as an application
    would. `scores` is higher where danger is likelier; only its order counts.
    """

    name: str

    def fit(self, data: Sample) -> None:
        """Learn from rows."""

    def scores(self, data: Sample) -> NDArray[np.float64]:
        """The score of every row."""
        ...

    def one(self, text: Text) -> float:
        """The score of one message."""
        ...

    def save(self, folder: Path) -> None:
        """Write what would ship into an empty folder."""


class Keywords:
    """A message is flagged if a phrase of the list stands in it; more phrases score higher."""

    name: str = "1 keyword list"

    def fit(self, data: Sample) -> None:
        """There is nothing to learn."""

    def scores(self, data: Sample) -> NDArray[np.float64]:
        """How many phrases stand in every row."""
        return np.array([self._count(plain) for plain in data.plain])

    def one(self, text: Text) -> float:
        """How many phrases stand in a message."""
        return self._count(text.plain)

    def save(self, folder: Path) -> None:
        """Write the list."""
        (folder / "phrases.txt").write_text("\n".join(PHRASES), encoding="utf-8")

    def _count(self, plain: str) -> float:
        return float(sum(phrase in plain for phrase in PHRASES))


class RulesAlone:
    """The gravest level that a rule finds."""

    name: str = "2 rules alone"

    def fit(self, data: Sample) -> None:
        """The rules are written by hand."""

    def scores(self, data: Sample) -> NDArray[np.float64]:
        """The gravest clue of every row."""
        return data.clue_levels.astype(np.float64)

    def one(self, text: Text) -> float:
        """The gravest clue of a message."""
        return float(max((clue.level for clue in RiskClassifier.shipped().clues(text)), default=0))

    def save(self, folder: Path) -> None:
        """Copy the rules, which hold both languages."""
        copyfile(MODEL / "rules.json.gz", folder / "rules.json.gz")


class Linear:
    """A linear model over hashed n-grams and, with `rules`, the rules that fired; in eight bits."""

    def __init__(self, name: str, learn: Learn, *, rules: bool) -> None:
        self.name, self._learn, self._rules = name, learn, rules
        self._weights, self._scale, self._bias = np.zeros(BUCKETS, np.int8), 1.0, 0.0

    def fit(self, data: Sample) -> None:
        """Learn, and round the weights to eight bits."""
        weights, self._bias = self._learn(self._inputs(data), data.truth, data.weight)
        self._weights, self._scale = rounded(weights)

    def scores(self, data: Sample) -> NDArray[np.float64]:
        """The score of every row, by the rounded weights."""
        return np.asarray(self._inputs(data) @ (self._weights * self._scale) + self._bias)

    def one(self, text: Text) -> float:
        """The score of a message, as `LinearModel` sums it."""
        index = rule_input(text) if self._rules else words_of(text.plain)
        total = int(self._weights[index].sum(dtype=np.int32))
        return float(total * self._scale / len(index) ** 0.5 + self._bias)

    def save(self, folder: Path) -> None:
        """Write the weights of this one question, and the rules where they are read."""
        np.savez_compressed(folder / "weights.npz", self._weights, self._scale, self._bias)
        if self._rules:
            copyfile(MODEL / "rules.json.gz", folder / "rules.json.gz")

    def _inputs(self, data: Sample) -> Any:
        return data.inputs if self._rules else data.words


class Ensemble:
    """The mean of two fitted candidates' scores, each standardised on the training rows."""

    def __init__(self, name: str, one: Candidate, other: Candidate) -> None:
        self.name, self._both = name, (one, other)
        self.parts = (one.name, other.name)
        self._standard: list[tuple[float, float]] = []

    def fit(self, data: Sample) -> None:
        """Learn how the scores are spread; both candidates have been fitted."""
        found = [candidate.scores(data) for candidate in self._both]
        self._standard = [(float(scores.mean()), float(scores.std())) for scores in found]

    def scores(self, data: Sample) -> NDArray[np.float64]:
        """The mean of both for every row."""
        pairs = zip(self._both, self._standard, strict=True)
        found = [(one.scores(data) - mean) / spread for one, (mean, spread) in pairs]
        return np.asarray(np.mean(found, axis=0))

    def one(self, text: Text) -> float:
        """The mean of both for a message."""
        pairs = zip(self._both, self._standard, strict=True)
        return sum((one.one(text) - mean) / spread for one, (mean, spread) in pairs) / 2

    def save(self, folder: Path) -> None:
        """Write what both would ship."""
        for number, candidate in enumerate(self._both):
            (folder / str(number)).mkdir()
            candidate.save(folder / str(number))
        (folder / "standard.json").write_text(json.dumps(self._standard), encoding="utf-8")


def logistic(strength: float = STRENGTH) -> Learn:
    """Logistic regression, fitted as `fit.py` does it."""

    def learn(
        inputs: Any, truth: NDArray[np.bool_], weight: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float]:
        model: Any = LogisticRegression(C=strength, max_iter=400, tol=1e-4)
        model.fit(inputs, truth, sample_weight=weight)
        return model.coef_[0], float(model.intercept_[0])

    return learn


def support_vectors(strength: float = 1.0) -> Learn:
    """A linear support vector machine."""

    def learn(
        inputs: Any, truth: NDArray[np.bool_], weight: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float]:
        model: Any = LinearSVC(C=strength, max_iter=4000, random_state=0)
        model.fit(inputs, truth, sample_weight=weight)
        return model.coef_[0], float(model.intercept_[0])

    return learn


def naive_bayes(strength: float = STRENGTH) -> Learn:
    """Logistic regression on inputs scaled by their log-count ratio (Wang and Manning 2012)."""

    def learn(
        inputs: Any, truth: NDArray[np.bool_], weight: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float]:
        ours = np.asarray(inputs[truth].sum(axis=0)).ravel() + 1.0
        theirs = np.asarray(inputs[~truth].sum(axis=0)).ravel() + 1.0
        ratio = np.log(ours / ours.sum()) - np.log(theirs / theirs.sum())
        weights, bias = logistic(strength)(inputs @ sparse.diags(ratio), truth, weight)
        return weights * ratio, bias

    return learn


def words_of(plain: str) -> NDArray[np.int64]:
    """The n-grams of a message, each once."""
    return np.unique(features(plain, han=has_han(plain)))


def rule_input(text: Text) -> NDArray[np.int64]:
    """The n-grams of a message and the rules that fire on it, as the guard reads them."""
    language: Language = "zh" if has_han(text.plain) else "en"
    return model_input(text.plain, RiskClassifier.shipped().clues(text), language=language)


def rounded(weights: NDArray[np.float64]) -> tuple[NDArray[np.int8], float]:
    """(weights in eight bits, what to multiply them by)."""
    scale = float(np.abs(weights).max()) / 127 or 1.0
    return np.rint(weights / scale).astype(np.int8), scale


def _matrix(indices: Sequence[NDArray[np.int64]]) -> Any:
    """One row of unit length for every list of features."""
    ends = np.cumsum([0, *(len(index) for index in indices)])
    values = np.concatenate([np.full(len(index), max(len(index), 1) ** -0.5) for index in indices])
    return sparse.csr_matrix((values, np.concatenate(indices), ends), shape=(len(indices), BUCKETS))
