"""How good a guard is on labelled lines: counts, proportions with intervals, rows of a table.

A line's prediction is whether it was flagged and, if so, the category of its gravest finding.
Per category only lines are counted whose true category is known: those labelled with a category,
and those labelled harmless.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import NamedTuple

from qiaoban_guards.risk.taxonomy import Category, RiskLevel

NONE = "none"
"""The confusion's name for what is in no category."""
CLASSES: tuple[str, ...] = (*(str(category) for category in Category), NONE)
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
    """What a label says; `category` is None where the line is harmless or it was not said."""

    flagged: bool
    category: Category | None = None


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


def read_label(label: object, flag_from: RiskLevel) -> Truth | None:
    """What a label says, None if it is not known.

    Known are true and false, `safe` and `unsafe`, the levels (flagged from `flag_from` on) and the
    categories.
    """
    if isinstance(label, bool):
        return Truth(label)
    name = label.strip().lower() if isinstance(label, str) else ""
    if name in ("safe", "unsafe"):
        return Truth(name == "unsafe")
    for level in RiskLevel:
        if name == level.label:
            return Truth(level >= flag_from and level > RiskLevel.NONE)
    return Truth(flagged=True, category=Category(name)) if name in CLASSES else None


@dataclass
class Tally:
    """Counts over lines; of constant size.

    `confusion[truth, predicted]` is over CLASSES and leaves out the `uncategorised` lines, which
    are labelled as a danger of no said category. `unknown` are the labels that could not be read,
    each cut short, with how many lines they stood on.
    """

    flag_from: RiskLevel = RiskLevel.MODERATE
    overall: Counts = field(default_factory=Counts)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    unknown: Counter[str] = field(default_factory=Counter[str])
    uncategorised: int = 0

    def add(self, label: object, *, flagged: bool, category: Category | None) -> None:
        """Take in one judged line."""
        truth = read_label(label, self.flag_from)
        if truth is None:
            self._add_unknown(label)
            return
        if truth.flagged:
            self.overall.tp += flagged
            self.overall.fn += not flagged
        else:
            self.overall.fp += flagged
            self.overall.tn += not flagged
        if truth.flagged and truth.category is None:
            self.uncategorised += 1
            return
        predicted = category if flagged else None
        self.confusion[str(truth.category or NONE), str(predicted or NONE)] += 1

    def rows(self) -> list[Row]:
        """Overall, then every category that was true or predicted somewhere."""
        rows = [self.overall.row("overall")]
        for category in Category:
            counts = _one_against_rest(self.confusion, str(category))
            if counts.tp + counts.fp + counts.fn:
                rows.append(counts.row(str(category)))
        return rows

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
