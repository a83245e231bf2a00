"""What a judge is asked: the criteria and the frame around them, from `content/judges.yaml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from qiaoban_agent.models.base import Message
from qiaoban_finetune.evaluate.items import TaskName
from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.policy.types import Language

Answers = Literal["score", "number", "pair"]
"""The form of the answer: JSON with a score, a number alone, or which of two is better."""


class Criterion(Frozen):
    """One criterion; `sees` says whether the talk before the reply is shown."""

    tasks: tuple[TaskName, ...]
    sees: Literal["reply", "talk"]
    zh: str
    en: str


class Frame(Frozen):
    """The words around a criterion."""

    system: str
    criterion: str
    talk: str
    reply: str
    child: str
    companion: str
    score: str
    number: str
    pair: str
    first: str
    second: str


class Prompts(Frozen):
    """All that judges are told."""

    criteria: Mapping[str, Criterion]
    frame: Mapping[Language, Frame]
    padding: Mapping[Language, tuple[str, ...]]


@lru_cache(maxsize=1)
def prompts() -> Prompts:
    """The prompts that come with the package."""
    return load(files("qiaoban_finetune.evaluate") / "content" / "judges.yaml", Prompts)


def criteria_of(task: TaskName) -> tuple[str, ...]:
    """The criteria that a task's replies are judged by."""
    return tuple(name for name, one in prompts().criteria.items() if task in one.tasks)


def question(
    criterion: str,
    talk: Sequence[tuple[str, str]],
    replies: Sequence[str],
    language: Language,
    answers: Answers,
) -> list[Message]:
    """The messages for a judge; `talk` is (role, words) up to the child's last message.

    Nothing is escaped: the judge reads what the child read.
    """
    asked, frame = prompts().criteria[criterion], prompts().frame[language]
    parts = [frame.criterion + (asked.zh if language == "zh" else asked.en)]
    if asked.sees == "talk":
        names = {"user": frame.child, "assistant": frame.companion}
        mark = "：" if language == "zh" else ": "
        parts.append("\n".join([frame.talk, *(f"{names[r]}{mark}{words}" for r, words in talk)]))
    heads = (frame.reply,) if answers != "pair" else (frame.first, frame.second)
    parts += [f"{head}\n{reply}" for head, reply in zip(heads, replies, strict=True)]
    parts.append(getattr(frame, answers))
    return [
        Message(role="system", content=frame.system),
        Message(role="user", content="\n\n".join(parts)),
    ]
