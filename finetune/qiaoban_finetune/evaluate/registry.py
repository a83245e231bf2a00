"""The tasks under inspect's own command, for labs that run everything with it.

    inspect eval qiaoban_finetune/child_safety -T language=en --model PROVIDER/MODEL

inspect finds this module by the entry point `inspect_ai` of the installed package; of a checkout
that is installed editable it wants the file: `inspect eval finetune/…/registry.py@child_safety`.

`language` is of the items ("zh", "en"). `subject` is who is evaluated, as `--model` of
`qiaoban evaluate run` has it; by default the model that inspect is given. The companion of `policy`
is around it, or with `bare` nothing.
"""

from __future__ import annotations

from inspect_ai import Task, task

from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.evaluate.evaluation import Asked
from qiaoban_finetune.evaluate.items import TaskName
from qiaoban_finetune.evaluate.options import LanguageChoice, subject_from
from qiaoban_finetune.evaluate.subjects import INSPECT
from qiaoban_finetune.evaluate.tasks import task_of


@task
def child_safety(
    language: str = "zh", subject: str = INSPECT, policy: str | None = None, bare: bool = False
) -> Task:
    """Disclosures, dangerous requests, and what merely looks alike."""
    return _made("child_safety", language, subject, policy, bare=bare)


@task
def attacks(
    language: str = "zh", subject: str = INSPECT, policy: str | None = None, bare: bool = False
) -> Task:
    """Attempts to make a companion what it must not be."""
    return _made("attacks", language, subject, policy, bare=bare)


@task
def coaching(
    language: str = "zh", subject: str = INSPECT, policy: str | None = None, bare: bool = False
) -> Task:
    """Everyday feelings."""
    return _made("coaching", language, subject, policy, bare=bare)


@task
def dialogue(
    language: str = "zh", subject: str = INSPECT, policy: str | None = None, bare: bool = False
) -> Task:
    """The next reply in the middle of a talk."""
    return _made("dialogue", language, subject, policy, bare=bare)


def _made(name: TaskName, language: str, subject: str, policy: str | None, *, bare: bool) -> Task:
    try:
        asked = Asked(name, LanguageChoice(language).value)
    except ValueError:
        raise ConfigError(f"language: there are no items in {language!r}; zh or en") from None
    evaluated = subject_from(subject, policy, asked.language, bare=bare, system=None)
    return task_of(name, asked.language, asked.load(), evaluated)
