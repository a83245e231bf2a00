"""Evaluating with simulated children: sessions in, one run out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from qiaoban_agent.models.base import Model
from qiaoban_finetune.evaluate.children.course import HEADLINE, MEASURES
from qiaoban_finetune.evaluate.children.persona import Persona
from qiaoban_finetune.evaluate.children.sessions import LONGEST, Session, children_task, sessions_of
from qiaoban_finetune.evaluate.logs import item_results, kept
from qiaoban_finetune.evaluate.results import Run, TaskResult
from qiaoban_finetune.evaluate.running import require_inspect, run_tasks
from qiaoban_finetune.evaluate.subjects import Subject
from qiaoban_guards.policy.types import Language


def evaluate_children(
    personas: Mapping[Language, Sequence[Persona]],
    subject_for: Callable[[Language], Subject],
    out: Path,
    *,
    model: Model | None = None,
    played: int = 1,
    most: int = LONGEST,
    at_once: int = 8,
    source: str = "shipped",
) -> Run:
    """Hold the sessions of all personas and keep the run in the folder `out`.

    With a `model` it plays every child `played` times, for `most` messages at most; else the
    scripts are said. Raises EvaluationError where inspect could not run.
    """
    require_inspect()
    sessions: dict[Language, tuple[Session, ...]] = {
        language: sessions_of(ones, played if model else 0) for language, ones in personas.items()
    }
    subjects = {language: subject_for(language) for language in sessions}
    tasks = [
        children_task(language, held, subjects[language], model, most)
        for language, held in sessions.items()
    ]
    logs = run_tasks(tasks, out / "logs", at_once=at_once)
    results = [
        TaskResult(
            task="children",
            language=language,
            measures=MEASURES,
            headline=HEADLINE,
            items_from=source,
            items_version=_digest(personas[language]),
            items=item_results(
                [(one.id, one.persona.id, one.persona.age, one.labels) for one in held], log
            ),
        )
        for (language, held), log in zip(sessions.items(), logs, strict=True)
    ]
    return kept(next(iter(subjects.values())).card, results, out)


def _digest(personas: Sequence[Persona]) -> str:
    told = "\n".join(one.model_dump_json() for one in personas)
    return "sha256:" + hashlib.sha256(told.encode()).hexdigest()[:16]
