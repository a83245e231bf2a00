"""What a sample of items can tell: values with intervals, whole contrast groups drawn again.

Items of a group look alike and are not independent of each other, so that groups are what is
drawn: the 95 % interval is the percentile bootstrap over groups. Where nothing varies, a bootstrap
would claim certainty; a share then has Wilson's interval over the number of groups.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from qiaoban_finetune.evaluate.results import ItemResult, TaskResult
from qiaoban_guards.documents import Frozen

RESAMPLES = 4_000
_SEED = 11


class Estimate(Frozen):
    """The mean of a measure with its 95 % interval, over `items` in `groups`.

    Without an item to which the measure applies there is none.
    """

    value: float
    low: float
    high: float
    items: int
    groups: int


def estimate(values: Mapping[str, Sequence[float]], *, share: bool) -> Estimate | None:
    """The mean over items, by contrast group; None where there is no item."""
    numpy: Any = import_module("numpy")
    scipy: Any = import_module("scipy.stats")
    groups = [one for one in values.values() if one]
    if not groups:
        return None
    sums = numpy.array([sum(one) for one in groups], dtype=float)
    counts = numpy.array([len(one) for one in groups], dtype=float)
    value = float(sums.sum() / counts.sum())
    items, number = int(counts.sum()), len(groups)
    if len(groups) == 1 or numpy.allclose(sums, value * counts):
        if not share:
            return Estimate(value=value, low=value, high=value, items=items, groups=number)
        exact = scipy.binomtest(round(value * len(groups)), len(groups))
        interval = exact.proportion_ci(0.95, method="wilson")
        return Estimate(
            value=value,
            low=float(interval.low),
            high=float(interval.high),
            items=items,
            groups=number,
        )
    drawn = numpy.random.default_rng(_SEED).integers(0, len(groups), (RESAMPLES, len(groups)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = (float(one) for one in numpy.quantile(means, [0.025, 0.975]))
    return Estimate(value=value, low=low, high=high, items=items, groups=number)


def by_group(items: Sequence[ItemResult], measure: str) -> dict[str, list[float]]:
    """The values of a measure that there are, by contrast group."""
    values: dict[str, list[float]] = defaultdict(list)
    for item in items:
        value = item.values.get(measure)
        if value is not None:
            values[item.group].append(value)
    return dict(values)


def estimates(result: TaskResult) -> dict[str, Estimate | None]:
    """Every measure of a task."""
    return {
        measure.name: estimate(by_group(result.items, measure.name), share=measure.kind == "share")
        for measure in result.measures
    }
