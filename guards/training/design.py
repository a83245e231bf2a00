"""From rows to the matrices that the model is fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sources import Row

from qiaoban_guards.classification.features import BUCKETS
from qiaoban_guards.risk import Finding, RiskLevel
from qiaoban_guards.risk.classifier import CATEGORIES, HEADS, Language, model_input, read_clues
from qiaoban_guards.risk.lexicon import Lexicon
from qiaoban_guards.text import has_han, normalise

LEVELS = {"low": 1, "moderate": 2, "high": 3, "imminent": 4}


@dataclass(frozen=True, slots=True)
class Design:
    """`inputs` is (rows, BUCKETS), each row of unit length; `clues` what the rules found in it."""

    rows: Sequence[Row]
    inputs: Any
    clues: Sequence[Sequence[Finding]]

    def take(self, places: NDArray[np.int64]) -> Design:
        """The rows at `places`."""
        chosen = places.tolist()
        return Design(
            [self.rows[place] for place in chosen],
            self.inputs[places],
            [self.clues[place] for place in chosen],
        )


def design(rows: Sequence[Row], lexicons: Mapping[Language, Lexicon]) -> Design:
    """Read every row the way the guard reads a message; without `lexicons`, the words alone."""
    clues: list[Sequence[Finding]] = []
    indices: list[NDArray[np.int64]] = []
    for row in rows:
        text = normalise(row.text)
        language: Language = "zh" if has_han(text.plain) else "en"
        found = read_clues(lexicons, text) if lexicons else []
        clues.append(found)
        indices.append(model_input(text.plain, found, language=language))
    ends = np.cumsum([0, *(len(index) for index in indices)])
    values = np.concatenate([np.full(len(i), max(len(i), 1) ** -0.5) for i in indices])
    inputs = csr_matrix(
        (values.astype(np.float64), np.concatenate(indices), ends), shape=(len(rows), BUCKETS)
    )
    return Design(rows, inputs, clues)


def targets(rows: Sequence[Row], head: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(what `head` should say of each row, which rows tell it).

    Levels are learnt from every row; what kind of danger it is, from the rows with one.
    """
    kind, _, name = head.partition(":")
    if kind in LEVELS:
        truth = [row.level >= LEVELS[kind] for row in rows]
        told = [not (row.source == "psyguard" and kind == "imminent") for row in rows]
    else:
        truth = [getattr(row, kind) == name for row in rows]
        told = [getattr(row, kind) is not None and row.level > RiskLevel.NONE for row in rows]
    return np.array(truth, bool), np.array(told, bool)


__all__ = ["CATEGORIES", "HEADS", "Design", "design", "targets"]
