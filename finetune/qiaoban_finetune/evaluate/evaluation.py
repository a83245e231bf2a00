"""Evaluating: tasks and languages in, one run out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qiaoban_finetune.evaluate.items import Item, TaskName, first_of_each_group, load_items
from qiaoban_finetune.evaluate.judges.judge import Judge
from qiaoban_finetune.evaluate.judges.protocols import PICA, Asking
from qiaoban_finetune.evaluate.judges.scoring import judged_measures, judging
from qiaoban_finetune.evaluate.logs import item_results, kept
from qiaoban_finetune.evaluate.measures import HEADLINES, MEASURES, Measure
from qiaoban_finetune.evaluate.results import JudgeCard, Kappa, Run, TaskResult
from qiaoban_finetune.evaluate.running import require_inspect, run_tasks
from qiaoban_finetune.evaluate.shipped import sets_version, shipped_set
from qiaoban_finetune.evaluate.subjects import Subject
from qiaoban_finetune.evaluate.tasks import TALK, task_of
from qiaoban_guards.policy.types import Language

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog

_STRUCTURED = Asking()
LOGS = "logs"
"""The folder of inspect's logs in a run's."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One task in one language; `items` where they come from, None for the shipped set."""

    task: TaskName
    language: Language
    items: Path | None = None
    limit: int | None = None

    def load(self) -> tuple[Item, ...]:
        """Its items, of the first contrast groups where there is a limit."""
        items = load_items(self.task, self.items or shipped_set(self.task, self.language))
        return items if self.limit is None else first_of_each_group(items, self.limit)

    @property
    def version(self) -> str:
        """The version of the shipped sets, or what a file of one's own is told by."""
        if self.items is None:
            return sets_version()
        return "sha256:" + hashlib.sha256(self.items.read_bytes()).hexdigest()[:16]


def evaluate(
    asked: Sequence[Asked],
    subject_for: Callable[[Language], Subject],
    out: Path,
    *,
    judges: Sequence[Judge] = (),
    how: Asking = _STRUCTURED,
    agreement: Mapping[str, Mapping[str, Kappa]] | None = None,
    at_once: int = 8,
    settings: Mapping[str, str] | None = None,
) -> Run:
    """Run tasks over one subject and keep the run in the folder `out`.

    `subject_for` makes the one evaluated for a language; a companion has a policy a language.
    `judges` score beside the readings, asked as `how` says; `agreement` is what is known of theirs
    with people, by judge and criterion. Raises DataError for items, ConfigError and ModelError for
    what cannot be evaluated, EvaluationError where a task did not run.
    """
    require_inspect()
    loaded = [(one, one.load()) for one in asked]  # malformed items fail before anything runs
    subjects = {one.language: subject_for(one.language) for one in asked}
    tasks = [
        task_of(
            one.task,
            one.language,
            items,
            subjects[one.language],
            [judging(one.task, one.language, judge, how, TALK) for judge in judges],
        )
        for one, items in loaded
    ]
    logs = run_tasks(tasks, out / LOGS, at_once=at_once)
    results = [
        task_result(one, items, log, judged_measures(one.task, judges))
        for (one, items), log in zip(loaded, logs, strict=True)
    ]
    cards = [judge_card(judge, how, agreement or {}) for judge in judges]
    return kept(subjects[asked[0].language].card, results, out, cards, settings)


def judge_card(
    judge: Judge, how: Asking, agreement: Mapping[str, Mapping[str, Kappa]]
) -> JudgeCard:
    """What a report says of a judge."""
    pica = how.protocol == "pica"
    return JudgeCard(
        name=judge.name,
        protocol=how.protocol,
        temperature=PICA.temperature if pica else how.temperature,
        samples=PICA.samples if pica else how.samples,
        agreement=agreement.get(judge.name, {}),
    )


def task_result(
    asked: Asked, items: Sequence[Item], log: EvalLog, judged: Sequence[Measure] = ()
) -> TaskResult:
    """What a log of inspect's says of a task, item by item."""
    return TaskResult(
        task=asked.task,
        language=asked.language,
        measures=(*MEASURES[asked.task], *judged),
        headline=HEADLINES[asked.task],
        items_from=str(asked.items or f"shipped {asked.task}/{asked.language}.jsonl"),
        items_version=asked.version,
        items=item_results([(item.id, item.group, item.age, item.labels) for item in items], log),
    )
