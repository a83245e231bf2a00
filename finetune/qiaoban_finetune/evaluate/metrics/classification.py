"""Macro-F1 of labels that a model answered with; what is no label is wrong, not a class."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from qiaoban_guards.documents import Frozen
from qiaoban_guards.errors import MissingExtraError

_UNKNOWN = "\0 unknown"


class Classified(Frozen):
    """Scores over the labels that occur; `unknown` counts answers that are none of `labels`."""

    macro_f1: float
    accuracy: float
    f1: dict[str, float]
    answers: int
    unknown: int


def classified(
    truth: Sequence[str], answers: Sequence[str], labels: Sequence[str] | None = None
) -> Classified:
    """Score answers; `labels` are those of the task, by default those that occur as truth.

    An answer is compared without blanks around it and without regard to case. An answer that is no
    label costs its true label a hit and adds no class of its own to the mean. ValueError where
    nothing is to be scored.
    """
    if not truth or len(truth) != len(answers):
        raise ValueError(f"{len(truth)} labels and {len(answers)} answers; give one for each")
    known = {_plain(label): label for label in labels or sorted(set(truth))}
    given = [known.get(_plain(answer), _UNKNOWN) for answer in answers]
    meant = [known.get(_plain(label), label) for label in truth]
    try:
        metrics: Any = import_module("sklearn.metrics")
    except ImportError as error:
        raise MissingExtraError("macro-F1", "evaluate") from error
    occurring = sorted(set(meant))
    scores = metrics.f1_score(meant, given, labels=occurring, average=None, zero_division=0)
    return Classified(
        macro_f1=float(sum(scores)) / len(occurring),
        accuracy=sum(a == b for a, b in zip(meant, given, strict=True)) / len(meant),
        f1={label: float(score) for label, score in zip(occurring, scores, strict=True)},
        answers=len(given),
        unknown=given.count(_UNKNOWN),
    )


def _plain(text: str) -> str:
    return text.strip().casefold()
