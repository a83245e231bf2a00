"""Fit the linear model, and calibrate it on rows it did not see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from design import HEADS, LEVELS, Design, targets
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from qiaoban_guards.classification.features import BUCKETS

FOLDS = 8
STRENGTH = 30.0
WEIGHTS = {"lccc": 0.5, "cpsycound": 0.5, "cold": 0.5, "diasafety": 0.5}
"""Rows of adults' talk count for half."""


def fit_head(
    data: Design, head: str, strength: float = STRENGTH
) -> tuple[NDArray[np.float64], float]:
    """The weights (BUCKETS,) and the bias of one head; `strength` is of the fit (1/penalty)."""
    truth, told = targets(data.rows, head)
    if len(set(truth[told].tolist())) < 2:
        return np.zeros(BUCKETS), -8.0
    weight = np.array([WEIGHTS.get(row.source, 1.0) for row in data.rows])
    # Levels keep their share in the rows; a rare category counts as much as a common one.
    balance = None if head in LEVELS else "balanced"
    model = LogisticRegression(C=strength, max_iter=400, tol=1e-4, class_weight=balance)
    model.fit(data.inputs[told], truth[told], sample_weight=weight[told])
    return model.coef_[0], float(model.intercept_[0])


def fit(
    data: Design, heads: Sequence[str] = HEADS, strength: float = STRENGTH
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The weights (BUCKETS, heads) and the biases (heads,)."""
    fitted = Parallel(n_jobs=2)(delayed(fit_head)(data, head, strength) for head in heads)
    return np.stack([weights for weights, _ in fitted], axis=1), np.array(
        [bias for _, bias in fitted]
    )


def unseen_scores(
    data: Design, heads: Sequence[str] = HEADS, strength: float = STRENGTH
) -> NDArray[np.float64]:
    """The scores (rows, heads) of every row by a model fitted without its group."""
    scores = np.zeros((len(data.rows), len(heads)))
    level = np.array([int(row.level) for row in data.rows])
    groups = np.array([row.group for row in data.rows])
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=7)
    for seen, unseen in folds.split(data.inputs, level, groups):
        weights, bias = fit(data.take(seen), heads, strength)
        scores[unseen] = data.inputs[unseen] @ weights + bias
    return scores


def calibration(scores: NDArray[np.float64], data: Design, head: str) -> tuple[float, float]:
    """(slope, offset) that make a probability of a score (Platt 1999)."""
    truth, told = targets(data.rows, head)
    if len(set(truth[told].tolist())) < 2:
        return 1.0, 0.0
    return platt(scores[told], truth[told])


def platt(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """(slope, offset) of the logistic curve that makes probabilities of `scores` (n,)."""
    model = LogisticRegression(C=1e3).fit(scores[:, None], truth)
    return round(float(model.coef_[0, 0]), 4), round(float(model.intercept_[0]), 4)
