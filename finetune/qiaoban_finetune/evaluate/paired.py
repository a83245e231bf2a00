"""Two runs over the same items, compared item by item with paired tests.

The test that counts is a sign-flip permutation over whole contrast groups, since items of a group
are not independent. Beside it stand McNemar's exact test for shares and Wilcoxon's signed-rank test
for other measures, as they are usually reported; they take every item for itself. The last column
corrects the first for the number of measures compared (Holm 1979).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from qiaoban_finetune.errors import DataError
from qiaoban_finetune.evaluate.measures import Measure
from qiaoban_finetune.evaluate.results import ItemResult, Run, TaskResult
from qiaoban_finetune.evaluate.statistics import Estimate, estimate
from qiaoban_guards.documents import Frozen

RESAMPLES = 100_000
"""The smallest p that they can tell, times sixty measures, is still below 0.01."""
_AT_ONCE = 2_000
_SEED = 11


class Difference(Frozen):
    """One measure of one task: A, B, and B minus A over the items that both have.

    `better` and `worse` count items of which B has more, or less, of what is wanted. `p` is the
    permutation's over groups, `p_items` McNemar's or Wilcoxon's (`test` names it), `p_holm` is `p`
    corrected for all measures of the comparison.
    """

    task: str
    measure: Measure
    a: float
    b: float
    difference: Estimate
    better: int
    worse: int
    p: float
    test: str
    p_items: float
    p_holm: float = 1.0
    headline: bool = False


class Comparison(Frozen):
    """Two runs; `notices` say what they do not share."""

    a: str
    b: str
    differences: tuple[Difference, ...]
    notices: tuple[str, ...] = ()


def compare(a: Run, b: Run) -> Comparison:
    """Compare B with A. Raises DataError where no task and item is in both."""
    theirs = {result.key: result for result in b.results}
    shared = [(mine, theirs[mine.key]) for mine in a.results if mine.key in theirs]
    found = [one for mine, other in shared for one in _differences(mine, other)]
    if not found:
        raise DataError(
            f"the runs have no item in common: the first has {_keys(a)}, the second {_keys(b)}; "
            "run the same tasks over the same items"
        )
    return Comparison(
        a=a.subject.name,
        b=b.subject.name,
        differences=tuple(_holm(found)),
        notices=tuple(note for mine, other in shared for note in _notices(mine, other)),
    )


def _keys(run: Run) -> str:
    return ", ".join(result.key for result in run.results) or "none"


def _notices(a: TaskResult, b: TaskResult) -> list[str]:
    mine, other = ({item.id for item in one.items} for one in (a, b))
    notices: list[str] = []
    if a.items_version != b.items_version:
        notices.append(
            f"{a.key}: the item sets are of other versions ({a.items_version}, {b.items_version})"
        )
    if alone := len(mine ^ other):
        notices.append(f"{a.key}: {alone} items are in one run only and were left out")
    failed = sum(bool(item.error) for one in (a, b) for item in one.items)
    if failed:
        notices.append(f"{a.key}: {failed} items were not scored, and were left out")
    return notices


def _differences(a: TaskResult, b: TaskResult) -> list[Difference]:
    other = {item.id: item for item in b.items}
    pairs = [(item, other[item.id]) for item in a.items if item.id in other]
    known = {measure.name for measure in b.measures}
    measures = [measure for measure in a.measures if measure.name in known]
    compared = (_difference(a, measure, pairs) for measure in measures)
    return [one for one in compared if one is not None]


def _difference(
    result: TaskResult, measure: Measure, pairs: Sequence[tuple[ItemResult, ItemResult]]
) -> Difference | None:
    both: list[tuple[str, float, float]] = []
    for one, two in pairs:
        mine, other = one.values.get(measure.name), two.values.get(measure.name)
        if mine is not None and other is not None:
            both.append((one.group, mine, other))
    if not both:
        return None
    groups: dict[str, list[float]] = defaultdict(list)
    for group, mine, other in both:
        groups[group].append(other - mine)
    spread = estimate(groups, share=False)
    assert spread is not None  # noqa: S101 - there is an item
    sign = 1 if measure.higher else -1
    test, p_items = _by_items(measure, [(mine, other) for _, mine, other in both])
    return Difference(
        task=result.key,
        measure=measure,
        a=sum(mine for _, mine, _ in both) / len(both),
        b=sum(other for _, _, other in both) / len(both),
        difference=spread,
        better=sum(sign * (other - mine) > 0 for _, mine, other in both),
        worse=sum(sign * (other - mine) < 0 for _, mine, other in both),
        p=_by_groups(groups),
        test=test,
        p_items=p_items,
        headline=measure.name == result.headline,
    )


def _by_groups(groups: dict[str, list[float]]) -> float:
    """Permutation: under no difference, A and B of a whole group may be exchanged."""
    numpy: Any = import_module("numpy")
    scipy: Any = import_module("scipy.stats")
    sums = numpy.array([sum(one) for one in groups.values()], dtype=float)
    sums = sums[sums != 0]  # a group without a difference has none however it is turned
    if len(sums) < 2:  # one group that moved may as well have moved the other way
        return 1.0

    def total(values: Any, axis: int = -1) -> Any:
        return values.sum(axis=axis)

    tested = scipy.permutation_test(
        (sums,),
        total,
        permutation_type="samples",
        n_resamples=RESAMPLES,
        batch=_AT_ONCE,
        vectorized=True,
        rng=numpy.random.default_rng(_SEED),
    )
    return float(tested.pvalue)


def _by_items(measure: Measure, pairs: Sequence[tuple[float, float]]) -> tuple[str, float]:
    scipy: Any = import_module("scipy.stats")
    changed = [other - mine for mine, other in pairs if other != mine]
    name = "McNemar" if measure.kind == "share" else "Wilcoxon"
    if not changed:
        return name, 1.0
    if measure.kind == "share":
        gained = sum(one > 0 for one in changed)
        return name, float(scipy.binomtest(gained, len(changed)).pvalue)
    return name, float(scipy.wilcoxon(changed).pvalue)


def _holm(found: Sequence[Difference]) -> list[Difference]:
    order = sorted(range(len(found)), key=lambda place: found[place].p)
    corrected: dict[int, float] = {}
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, found[place].p * (len(found) - rank)))
        corrected[place] = highest
    return [one.model_copy(update={"p_holm": corrected[n]}) for n, one in enumerate(found)]
