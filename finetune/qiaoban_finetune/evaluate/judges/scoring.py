"""A judge as a scorer of inspect's, beside the deterministic one."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import TYPE_CHECKING

from qiaoban_finetune.evaluate.items import TaskName
from qiaoban_finetune.evaluate.judges.criteria import criteria_of, question
from qiaoban_finetune.evaluate.judges.judge import Judge
from qiaoban_finetune.evaluate.judges.protocols import Asking, Verdict, verdict_of
from qiaoban_finetune.evaluate.measures import Measure
from qiaoban_finetune.evaluate.talk import Talk, as_lines
from qiaoban_guards.policy.types import Language

if TYPE_CHECKING:
    from inspect_ai.scorer import Scorer

JUDGED = "judged by "
"""What the name of a judge's scorer begins with."""


def measure_name(criterion: str, judge: str) -> str:
    """The name of a judge's measure."""
    return f"{criterion} ({judge})"


def judged_measures(task: TaskName, judges: Sequence[Judge]) -> tuple[Measure, ...]:
    """The measures that judges add to a task."""
    return tuple(
        Measure(
            name=measure_name(criterion, judge.name),
            told=f"{criterion} from 1 to 5, judged by {judge.name}",
            kind="mean",
        )
        for judge in judges
        for criterion in criteria_of(task)
    )


async def judge_reply(
    judge: Judge,
    criterion: str,
    talk: Sequence[tuple[str, str]],
    reply: str,
    *,
    language: Language,
    how: Asking,
) -> Verdict:
    """A judge's verdict on one reply by one criterion; an empty reply is not asked about."""
    if not reply.strip():
        return Verdict(score=None, reason="there is no reply to judge")
    return await verdict_of(
        judge, lambda form: question(criterion, talk, [reply], language, form), how
    )


def judging(task: TaskName, language: Language, judge: Judge, how: Asking, talk_key: str) -> Scorer:
    """The scorer of one judge: every criterion of the task, on the last reply of the talk."""
    from inspect_ai.scorer import Score, Target, mean, scorer, stderr
    from inspect_ai.solver import TaskState

    @scorer(name=JUDGED + judge.name, metrics={"*": [mean(), stderr(cluster="group")]})
    def make() -> Scorer:
        async def score_it(state: TaskState, target: Target) -> Score:
            del target
            talk = Talk.model_validate(state.store.get(talk_key))
            lines = as_lines(talk, len(talk.answers) - 1)
            given = {
                criterion: await judge_reply(
                    judge, criterion, lines, talk.last.reply, language=language, how=how
                )
                for criterion in criteria_of(task)
            }
            named = {measure_name(name, judge.name): one for name, one in given.items()}
            return Score(
                value={n: nan if one.score is None else one.score for n, one in named.items()},
                metadata={"why": {name: one.reason for name, one in named.items() if one.reason}},
            )

        return score_it

    return make()


def criterion_of(measure: str, judge: str) -> str | None:
    """The criterion of a judge's measure; None where it is not that judge's."""
    end = f" ({judge})"
    return measure.removesuffix(end) if measure.endswith(end) else None
