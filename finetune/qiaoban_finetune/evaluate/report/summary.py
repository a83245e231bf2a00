"""What a report says, as data: for the page, and as JSON for other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qiaoban_finetune.evaluate.judges.probes import Bias
from qiaoban_finetune.evaluate.judges.scoring import criterion_of
from qiaoban_finetune.evaluate.judges.told import agreement_told
from qiaoban_finetune.evaluate.measures import Measure
from qiaoban_finetune.evaluate.metrics.diversity import distinct
from qiaoban_finetune.evaluate.paired import Comparison, compare
from qiaoban_finetune.evaluate.report.worst import Failed, worst
from qiaoban_finetune.evaluate.results import JudgeCard, Run, TaskResult
from qiaoban_finetune.evaluate.statistics import Estimate, by_group, estimate, estimates
from qiaoban_guards.documents import Frozen


class Row(Frozen):
    """One measure with its interval; `agreement` is of the judge behind it, as words."""

    measure: Measure
    estimate: Estimate | None
    judge: str = ""
    agreement: str = ""


class Part(Frozen):
    """The headline among the items with one label."""

    label: str
    value: str
    estimate: Estimate | None


class TaskSummary(Frozen):
    """One task in one language; Distinct-n is over all replies, in characters and words."""

    key: str
    headline: str
    items: int
    errors: tuple[str, ...]
    items_from: str
    items_version: str
    rows: tuple[Row, ...]
    parts: tuple[Part, ...]
    distinct_1: float | None
    distinct_2: float | None


class Summary(Frozen):
    """A whole report."""

    run: Run
    tasks: tuple[TaskSummary, ...]
    judges: tuple[JudgeCard, ...]
    worst: tuple[Failed, ...]
    comparison: Comparison | None = None
    biases: tuple[Bias, ...] = ()


def summary(run: Run, against: Run | None = None, biases: Sequence[Bias] = ()) -> Summary:
    """Sum a run up; `against` is the run it is compared with, as the one before."""
    return Summary(
        run=run,
        tasks=tuple(_task(result, run.judges) for result in run.results),
        judges=run.judges,
        worst=worst(run),
        comparison=compare(against, run) if against is not None else None,
        biases=tuple(biases),
    )


def as_json(whole: Summary) -> str:
    """The report without the conversations, which stand in the run."""
    return whole.model_dump_json(indent=1, exclude={"run": {"results"}, "worst": True})


def _task(result: TaskResult, judges: Sequence[JudgeCard]) -> TaskSummary:
    found = estimates(result)
    replies = [a.reply for item in result.items if item.talk for a in item.talk.answers]
    return TaskSummary(
        key=result.key,
        headline=result.headline,
        items=len(result.items),
        errors=tuple(f"{item.id}: {item.error}" for item in result.items if item.error),
        items_from=result.items_from,
        items_version=result.items_version,
        rows=tuple(_row(measure, found[measure.name], judges) for measure in result.measures),
        parts=tuple(_parts(result)),
        distinct_1=distinct(replies, 1),
        distinct_2=distinct(replies, 2),
    )


def _row(measure: Measure, found: Estimate | None, judges: Sequence[JudgeCard]) -> Row:
    for judge in judges:
        criterion = criterion_of(measure.name, judge.name)
        if criterion is not None:
            told = agreement_told(judge.agreement.get(criterion))
            return Row(measure=measure, estimate=found, judge=judge.name, agreement=told)
    return Row(measure=measure, estimate=found)


def _parts(result: TaskResult) -> list[Part]:
    headline = next(one for one in result.measures if one.name == result.headline)
    labels: dict[tuple[str, str], list[str]] = {}
    for item in result.items:
        for label, value in item.labels.items():
            labels.setdefault((label, value), []).append(item.id)
    by_id = {item.id: item for item in result.items}
    found: Mapping[tuple[str, str], Estimate | None] = {
        key: estimate(
            by_group([by_id[one] for one in ids], headline.name), share=headline.kind == "share"
        )
        for key, ids in labels.items()
        if key[1]
    }
    # a feeling apiece is no breakdown
    few = {label for label, _ in found if sum(one == label for one, _ in found) <= _MOST_PARTS}
    return [
        Part(label=label, value=value, estimate=one)
        for (label, value), one in sorted(found.items())
        if label in few
    ]


_MOST_PARTS = 16
