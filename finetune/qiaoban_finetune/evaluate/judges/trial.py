"""Judges tried against people: their agreement, and what else moves them; kept in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from qiaoban_finetune.errors import DataError
from qiaoban_finetune.evaluate.judges.agreement import agreement, judge_human_file
from qiaoban_finetune.evaluate.judges.human import HumanScored, load_human
from qiaoban_finetune.evaluate.judges.judge import Judge
from qiaoban_finetune.evaluate.judges.probes import Bias, Probed, probe
from qiaoban_finetune.evaluate.judges.protocols import Asking
from qiaoban_finetune.evaluate.results import Kappa, Run
from qiaoban_finetune.evaluate.running import require_inspect
from qiaoban_guards.documents import Frozen


class Trial(Frozen):
    """What was found of judges, by judge and criterion."""

    human: str
    agreement: Mapping[str, Mapping[str, Kappa]]
    biases: tuple[Bias, ...] = ()


def trial_of(human: Path, judges: Sequence[Judge], how: Asking, *, probing: bool) -> Trial:
    """Let judges score what people scored; with `probing` also what order and length do.

    Raises DataError for a file that cannot be used.
    """
    replies = load_human(human)
    require_inspect()
    from anyio import run

    async def all_of_them() -> Trial:
        known = {
            judge.name: agreement(replies, await judge_human_file(judge, replies, how))
            for judge in judges
        }
        biases = [
            await probe(judge, criterion, _probed(replies), how)
            for judge in judges
            for criterion in (sorted({c for one in replies for c in one.scores}) if probing else ())
        ]
        return Trial(human=str(human), agreement=known, biases=tuple(biases))

    return run(all_of_them)


def _probed(replies: Sequence[HumanScored]) -> list[Probed]:
    return [
        Probed(
            id=one.id,
            talk=tuple((line.role, line.content) for line in one.history),
            reply=one.reply,
            language=one.language,
        )
        for one in replies
    ]


def load_trial(file: Path) -> Trial:
    """What `agreement --out` wrote; DataError for anything else."""
    try:
        return Trial.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise DataError(
            f"{file}: is not what `qiaoban evaluate agreement --out` writes; write it again"
        ) from error


def with_agreement(run: Run, trial: Trial) -> Run:
    """A run whose judges have the agreement that a trial found."""
    judges = tuple(
        judge.model_copy(update={"agreement": {**judge.agreement, **trial.agreement[judge.name]}})
        if judge.name in trial.agreement
        else judge
        for judge in run.judges
    )
    return run.model_copy(update={"judges": judges})
