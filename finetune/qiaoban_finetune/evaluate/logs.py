"""inspect's logs as results: every score with the item whose id it was logged under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qiaoban_agent
from qiaoban_finetune.evaluate.measures import Values
from qiaoban_finetune.evaluate.results import ItemResult, JudgeCard, Run, TaskResult, write_run
from qiaoban_finetune.evaluate.subjects import SubjectCard
from qiaoban_finetune.evaluate.talk import Talk
from qiaoban_finetune.evaluate.tasks import TALK

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog

Known = tuple[str, str, int, Mapping[str, str]]
"""What is known of an item before it ran: id, group, age, labels."""


def item_results(items: Sequence[Known], log: EvalLog) -> tuple[ItemResult, ...]:
    """The results in the order of the items, whatever order they were scored in."""
    samples = {str(sample.id): sample for sample in log.samples or ()}
    return tuple(_item_result(item, samples.get(item[0])) for item in items)


def _item_result(item: Known, sample: Any) -> ItemResult:
    identity, group, age, labels = item
    known: dict[str, Any] = {"id": identity, "group": group, "age": age, "labels": labels}
    if sample is None:
        return ItemResult(**known, error="inspect's log has no such sample")
    if sample.error is not None:
        return ItemResult(**known, error=sample.error.message)
    values: Values = {}
    why: dict[str, str] = {}
    scores: dict[str, Any] = sample.scores or {}
    for score in scores.values():
        values |= _values(score.value)
        noted: dict[str, Any] = score.metadata or {}
        why |= noted.get("why", {})
    talk = Talk.model_validate(sample.store[TALK])
    return ItemResult(**known, talk=talk, values=values, why=why)


def _values(value: Mapping[str, float | None]) -> Values:
    """Measures, with None for what does not apply; the log has NaN there."""
    return {name: None if one is None or isnan(one) else float(one) for name, one in value.items()}


def kept(
    subject: SubjectCard,
    results: Sequence[TaskResult],
    out: Path,
    judges: Sequence[JudgeCard] = (),
    settings: Mapping[str, str] | None = None,
) -> Run:
    """A run, written into its folder."""
    run = Run(
        subject=subject,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        library=qiaoban_agent.__version__,
        results=tuple(results),
        judges=tuple(judges),
        settings=dict(settings or {}),
    )
    write_run(run, out)
    return run
