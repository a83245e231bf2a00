"""How good a guard is on labelled lines: counts, proportions with intervals, rows of a table.

A line's prediction is whether it was flagged and, if so, of which kind. Per kind only lines are
counted whose true kind is known: those labelled with a kind, and those labelled harmless.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import NamedTuple

NONE = "none"
"""The confusion's name for what was not flagged."""
OTHER = "(other)"
"""The confusion's name for what was flagged without a kind."""
NO_LABEL = "(no label)"
OTHER_LABELS = "(further labels)"
_Z = 1.96
_MOST_UNKNOWN = 20
_LONGEST_LABEL = 40


class Estimate(NamedTuple):
    """A measure in 0…1 with its 95 % interval; `value` is None where nothing was there to count."""

    value: float | None
    low: float
    high: float


class Truth(NamedTuple):
    """What a label says; `kind` is None where the line is harmless or it was not said."""

    flagged: bool
    kind: str | None = None


class Row(NamedTuple):
    """One line of the table; `positives` lines truly are what the row is named after."""

    name: str
    positives: int
    precision: Estimate
    recall: Estimate
    f1: Estimate
    false_alarms: Estimate


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a proportion (Wilson 1927); (0, 1) of nothing. ValueError below 0."""
    if not 0 <= hits <= of:
        raise ValueError(f"{hits} of {of} is no proportion")
    if of == 0:
        return 0.0, 1.0
    p, z2 = hits / of, _Z * _Z
    middle, spread = p + z2 / (2 * of), _Z * sqrt(p * (1 - p) / of + z2 / (4 * of * of))
    low, high = (middle - spread) / (1 + z2 / of), (middle + spread) / (1 + z2 / of)
    return (0.0 if hits == 0 else low), (1.0 if hits == of else high)


def proportion(hits: int, of: int) -> Estimate:
    """`hits` of `of` with its Wilson interval."""
    return Estimate(hits / of if of else None, *wilson(hits, of))


def _f1(jaccard: float) -> float:
    return 2 * jaccard / (1 + jaccard)


@dataclass
class Counts:
    """True and false positives and negatives."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def row(self, name: str) -> Row:
        """The measures of these counts.

        F1 is no proportion, but 2J / (1 + J) of one, J = tp / (tp + fp + fn); so is its interval.
        """
        value, low, high = proportion(self.tp, self.tp + self.fp + self.fn)
        return Row(
            name,
            self.tp + self.fn,
            precision=proportion(self.tp, self.tp + self.fp),
            recall=proportion(self.tp, self.tp + self.fn),
            f1=Estimate(value if value is None else _f1(value), _f1(low), _f1(high)),
            false_alarms=proportion(self.fp, self.fp + self.tn),
        )


@dataclass
class Tally:
    """Counts over lines; of constant size.

    `kinds` are the names of the kinds there are; `read` tells what a label says, None if it is not
    known. `confusion[truth, predicted]` is over `classes` and leaves out the lines `without_kind`,
    which are labelled as harm of no said kind. `unknown` are the labels that could not be read,
    each cut short, with how many lines they stood on.
    """

    kinds: Sequence[str]
    read: Callable[[object], Truth | None]
    overall: Counts = field(default_factory=Counts)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    unknown: Counter[str] = field(default_factory=Counter[str])
    without_kind: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """The names that stand in the confusion, in order."""
        other = any(predicted == OTHER for _, predicted in self.confusion)
        return (*self.kinds, *([OTHER] if other else []), NONE)

    def add(self, label: object, *, flagged: bool, kind: str | None) -> None:
        """Take in one judged line."""
        truth = self.read(label)
        if truth is None:
            self._add_unknown(label)
            return
        if truth.flagged:
            self.overall.tp += flagged
            self.overall.fn += not flagged
        else:
            self.overall.fp += flagged
            self.overall.tn += not flagged
        if truth.flagged and truth.kind is None:
            self.without_kind += 1
            return
        predicted = (kind or OTHER) if flagged else NONE
        self.confusion[truth.kind or NONE, predicted] += 1

    def rows(self) -> list[Row]:
        """Overall, then every kind that was true or predicted somewhere."""
        rows = [self.overall.row("overall")]
        for kind in self.kinds:
            counts = _one_against_rest(self.confusion, kind)
            if counts.tp + counts.fp + counts.fn:
                rows.append(counts.row(kind))
        return rows

    def kind_right(self) -> Estimate:
        """Of the lines of a known kind that were flagged, the share of which the kind is right."""
        hits = [
            (truth == predicted, lines)
            for (truth, predicted), lines in self.confusion.items()
            if NONE not in (truth, predicted)
        ]
        return proportion(sum(n for right, n in hits if right), sum(n for _, n in hits))

    def _add_unknown(self, label: object) -> None:
        name = NO_LABEL if label is None else repr(label)
        if len(name) > _LONGEST_LABEL:
            name = name[: _LONGEST_LABEL - 1] + "…"
        if name not in self.unknown and len(self.unknown) >= _MOST_UNKNOWN:
            name = OTHER_LABELS
        self.unknown[name] += 1


def _one_against_rest(confusion: Mapping[tuple[str, str], int], name: str) -> Counts:
    counts = Counts()
    for (truth, predicted), lines in confusion.items():
        if truth == name:
            counts.tp += lines * (predicted == name)
            counts.fn += lines * (predicted != name)
        else:
            counts.fp += lines * (predicted == name)
            counts.tn += lines * (predicted != name)
    return counts
