"""How far a judge agrees with people: quadratically weighted κ, with bootstrap intervals.

κ is 1 for full agreement and 0 for what chance would give (Cohen 1968). Human agreement on empathy
is itself low, so that the κ among the raters stands beside it: no judge can be expected to agree
with people better than they do with each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from qiaoban_finetune.evaluate.judges.human import HumanScored
from qiaoban_finetune.evaluate.judges.judge import Judge
from qiaoban_finetune.evaluate.judges.protocols import Asking
from qiaoban_finetune.evaluate.judges.scoring import judge_reply
from qiaoban_finetune.evaluate.results import Kappa

RESAMPLES = 2_000
_SEED = 11
_SCALE = (1, 2, 3, 4, 5)
_FEWEST = 2


async def judge_human_file(
    judge: Judge, replies: Sequence[HumanScored], how: Asking, at_once: int = 8
) -> dict[str, dict[str, float]]:
    """A judge's scores of the replies that people scored: by criterion, then by id.

    A reply that the judge gave no score is left out.
    """
    from anyio import CapacityLimiter, create_task_group

    found: dict[str, dict[str, float]] = {}
    limit = CapacityLimiter(at_once)

    async def score(one: HumanScored, criterion: str) -> None:
        talk = [(line.role, line.content) for line in one.history]
        async with limit:
            verdict = await judge_reply(
                judge, criterion, talk, one.reply, language=one.language, how=how
            )
        if verdict.score is not None:
            found.setdefault(criterion, {})[one.id] = verdict.score

    async with create_task_group() as group:
        for one in replies:
            for criterion in one.scores:
                group.start_soon(score, one, criterion)
    return found


def agreement(
    replies: Sequence[HumanScored], judged: Mapping[str, Mapping[str, float]]
) -> dict[str, Kappa]:
    """κ of a judge by criterion; a criterion with fewer than two replies in common has none.

    A judge's mean of several samples is rounded to the scale. Every rater counts for itself: κ is
    over all (reply, rater) pairs, and a bootstrap draws whole replies.
    """
    found: dict[str, Kappa] = {}
    for criterion, scores in judged.items():
        rows = [
            [(round(scores[one.id]), given) for given in one.scores[criterion] if given is not None]
            for one in replies
            if criterion in one.scores and one.id in scores
        ]
        kept = [row for row in rows if row]
        if len(kept) < _FEWEST:
            continue
        value, low, high = _with_interval(kept)
        found[criterion] = Kappa(
            value=value,
            low=low,
            high=high,
            replies=len(kept),
            raters=max(len(one.scores.get(criterion, ())) for one in replies),
            among_people=among_people(replies, criterion),
        )
    return found


def among_people(replies: Sequence[HumanScored], criterion: str) -> float | None:
    """The mean κ of all pairs of raters; None where no two of them scored two of the same."""
    given = [one.scores[criterion] for one in replies if criterion in one.scores]
    raters = max((len(row) for row in given), default=0)
    values: list[float] = []
    for first in range(raters):
        for second in range(first + 1, raters):
            both = [
                (int(row[first] or 0), int(row[second] or 0))
                for row in given
                if len(row) > second and row[first] is not None and row[second] is not None
            ]
            if len(both) >= _FEWEST:
                values.append(kappa(both))
    return sum(values) / len(values) if values else None


def kappa(pairs: Sequence[tuple[int, int]]) -> float:
    """Quadratically weighted κ of pairs on the scale from 1 to 5.

    Where both sides say one and the same number throughout, there is no disagreement: 1.
    """
    metrics: Any = import_module("sklearn.metrics")
    one, two = zip(*pairs, strict=True)
    if len({*one, *two}) == 1:
        return 1.0
    return float(metrics.cohen_kappa_score(one, two, labels=list(_SCALE), weights="quadratic"))


def _with_interval(rows: Sequence[Sequence[tuple[int, int]]]) -> tuple[float, float, float]:
    """κ over all pairs, and the 95 % percentile interval of drawing rows again.

    Counted in tables of 5 × 5, so that a resample costs a sum.
    """
    numpy: Any = import_module("numpy")
    tables = numpy.zeros((len(rows), len(_SCALE), len(_SCALE)))
    for place, row in enumerate(rows):
        for one, two in row:
            tables[place, one - 1, two - 1] += 1
    draw = numpy.random.default_rng(_SEED).integers(0, len(rows), (RESAMPLES, len(rows)))
    counts = numpy.apply_along_axis(numpy.bincount, 1, draw, minlength=len(rows))
    drawn = _kappas(numpy.tensordot(counts, tables, axes=(1, 0)))
    low, high = (float(one) for one in numpy.nanquantile(drawn, [0.025, 0.975]))
    return kappa([pair for row in rows for pair in row]), low, high


def _kappas(tables: Any) -> Any:
    numpy: Any = import_module("numpy")
    scale = numpy.arange(len(_SCALE))
    weights = (scale[:, None] - scale[None, :]) ** 2
    total = tables.sum(axis=(1, 2))
    expected = tables.sum(axis=2)[:, :, None] * tables.sum(axis=1)[:, None, :]
    seen = (tables * weights).sum(axis=(1, 2)) / total
    chance = (expected * weights).sum(axis=(1, 2)) / total**2
    with numpy.errstate(divide="ignore", invalid="ignore"):
        return numpy.where(chance == 0, 1.0, 1 - seen / chance)
