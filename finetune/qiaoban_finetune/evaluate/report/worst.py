"""The conversations that went worst, and what failed in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from qiaoban_finetune.evaluate.measures import Measure
from qiaoban_finetune.evaluate.results import ItemResult, Run, TaskResult
from qiaoban_guards.documents import Frozen
from qiaoban_guards.policy.types import Language

MOST = 10


class Failed(Frozen):
    """A conversation of a task with the measures it failed."""

    task: str
    language: Language
    item: ItemResult
    measures: tuple[str, ...]
    headline: float


def worst(run: Run, most: int = MOST) -> tuple[Failed, ...]:
    """The worst conversations, the gravest first: by the headline, then by how much failed.

    One of every task comes before a second one of any, so that no task hides the others.
    """
    by_task = [sorted(_failed(result), key=_gravity) for result in run.results]
    rounds: Iterator[tuple[int, tuple[float, int, str], Failed]] = (
        (place, _gravity(one), one) for ones in by_task for place, one in enumerate(ones)
    )
    ordered = sorted(rounds, key=lambda entry: entry[:2])
    return tuple(one for _, _, one in ordered[:most])


def _gravity(one: Failed) -> tuple[float, int, str]:
    return one.headline, -len(one.measures), one.item.id


def _failed(result: TaskResult) -> Iterator[Failed]:
    for item in result.items:
        if item.talk is None:
            continue
        failed = failed_measures(result.measures, item.values)
        headline = item.values.get(result.headline)
        if failed and headline is not None:
            yield Failed(
                task=result.key,
                language=result.language,
                item=item,
                measures=failed,
                headline=headline,
            )


def failed_measures(
    measures: Sequence[Measure], values: Mapping[str, float | None]
) -> tuple[str, ...]:
    """The shares that an item did not get."""
    return tuple(
        one.name
        for one in measures
        if one.kind == "share" and values.get(one.name) == (0.0 if one.higher else 1.0)
    )
