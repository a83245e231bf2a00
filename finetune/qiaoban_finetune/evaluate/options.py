"""The options of `qiaoban evaluate`, and what is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from qiaoban_finetune.evaluate.items import TaskName
    from qiaoban_finetune.evaluate.judges.judge import Judge
    from qiaoban_finetune.evaluate.judges.protocols import Asking
    from qiaoban_finetune.evaluate.results import Kappa
    from qiaoban_finetune.evaluate.subjects import Subject
    from qiaoban_guards.policy.types import Language


class TaskChoice(StrEnum):
    """The tasks by name."""

    CHILD_SAFETY = "child_safety"
    ATTACKS = "attacks"
    COACHING = "coaching"
    DIALOGUE = "dialogue"
    ALL = "all"


class LanguageChoice(StrEnum):
    """The languages of the shipped sets."""

    ZH = "zh"
    EN = "en"


class ProtocolChoice(StrEnum):
    """How a judge is asked."""

    STRUCTURED = "structured"
    PICA = "pica"


class CutChoice(StrEnum):
    """How Chinese is cut into tokens."""

    CHARACTERS = "characters"
    JIEBA = "jieba"


ModelOption = Annotated[
    str,
    typer.Option(help="curated, openai:MODEL, transformers:PATH, replies:FILE, inspect:NAME."),
]
PolicyOption = Annotated[
    str | None,
    typer.Option(help="A shipped policy's name or a path; by default the language's own."),
]
BareOption = Annotated[
    bool, typer.Option("--bare", help="The model alone, without the companion around it.")
]
SystemOption = Annotated[
    Path | None,
    typer.Option(
        help="With --bare: a text file that the model is told first.", exists=True, dir_okay=False
    ),
]
LanguagesOption = Annotated[
    list[LanguageChoice] | None, typer.Option("--lang", help="May be given twice; both by default.")
]
OutOption = Annotated[
    Path, typer.Option(help="The folder for the run and inspect's logs.", file_okay=False)
]
AtOnceOption = Annotated[int, typer.Option(min=1, help="Talks at once.")]
JudgesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--judge", help="openai:MODEL, inspect:PROVIDER/MODEL or transformers:PATH; several may be."
    ),
]
ProtocolOption = Annotated[
    ProtocolChoice, typer.Option(help="How judges are asked; pica is 20 samples at temperature 2.")
]
SamplesOption = Annotated[int, typer.Option(min=1, help="Answers of a judge to one question.")]
TemperatureOption = Annotated[float, typer.Option(min=0.0, help="Of the judges.")]
PlainOption = Annotated[
    bool,
    typer.Option("--plain-answers", help="For servers that take no JSON schema; the prompt asks."),
]
HumanOption = Annotated[
    Path | None,
    typer.Option(help="JSON Lines of replies that people scored.", exists=True, dir_okay=False),
]


def judges_from(specs: list[str] | None) -> list[Judge]:
    """The judges that were named, each once."""
    from qiaoban_finetune.evaluate.judges.judge import judge_from

    return [judge_from(spec) for spec in dict.fromkeys(specs or [])]


def asking_from(
    protocol: ProtocolChoice, samples: int, temperature: float, plain_answers: bool
) -> Asking:
    """How they are asked."""
    from qiaoban_finetune.evaluate.judges.protocols import Asking

    return Asking(
        protocol=protocol.value,
        samples=samples,
        temperature=temperature,
        told_form=not plain_answers,
    )


def agreement_from(
    human: Path, judges: Sequence[Judge], how: Asking
) -> dict[str, Mapping[str, Kappa]]:
    """What is known of the judges once they have scored what people did."""
    from qiaoban_finetune.evaluate.judges.trial import trial_of

    done = trial_of(human, judges, how, probing=False)
    return dict(done.agreement)


def subject_from(
    model: str, policy: str | None, language: Language, *, bare: bool, system: Path | None
) -> Subject:
    """The one that is evaluated, from the options."""
    from qiaoban_finetune.errors import ConfigError
    from qiaoban_finetune.evaluate.companions import companion_for
    from qiaoban_finetune.evaluate.subjects import bare_model, speaking

    if bare:
        if policy is not None:
            raise ConfigError("a bare model has no policy; leave --policy or --bare out")
        told = system.read_text(encoding="utf-8") if system is not None else ""
        return bare_model(model, language, told)
    if system is not None:
        raise ConfigError("a companion's model is told by its content; --system goes with --bare")
    return companion_for(language, policy, speaking(model, language))


def languages_from(given: list[LanguageChoice] | None) -> tuple[Language, ...]:
    """The languages asked for, both by default."""
    return tuple(dict.fromkeys(one.value for one in given or list(LanguageChoice)))


def tasks_from(given: list[TaskChoice]) -> tuple[TaskName, ...]:
    """The tasks asked for, each once, in their own order."""
    from qiaoban_finetune.evaluate.items import TASKS

    if TaskChoice.ALL in given:
        return TASKS
    asked: set[object] = {choice.value for choice in given}
    return tuple(name for name in TASKS if name in asked)
