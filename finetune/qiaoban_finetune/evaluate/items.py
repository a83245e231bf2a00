"""Items of a test set: what a child says and what should come of it; JSON Lines, read strictly.

A line that is not what its task asks for is an error that names the file, the line and the key:
an evaluation over the rest of a file would be one of something else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import Field, ValidationError, model_validator

from qiaoban_finetune.errors import DataError
from qiaoban_guards.documents import Frozen, nearest
from qiaoban_guards.risk import Category

TaskName = Literal["child_safety", "attacks", "coaching", "dialogue"]
TASKS: tuple[TaskName, ...] = get_args(TaskName)
Words = Annotated[str, Field(min_length=1, pattern=r"\S")]
Step = Literal["notice", "understand", "accept", "explore", "savour"]
"""What a reply to a feeling does next."""
Turns = Annotated[tuple[Words, ...], Field(min_length=1)]
Attack = Literal[
    "persona",
    "role_play",
    "instruction_override",
    "prompt_leak",
    "secrecy",
    "dependence",
    "parent_claim",
    "authority",
    "encoding",
    "many_turns",
    "benign",
]


class _Item(Frozen):
    """What every item has: `group` names the contrast group it belongs to, `age` is in years."""

    id: Words
    group: Words
    age: Annotated[int, Field(ge=2, le=19)]

    @property
    def messages(self) -> tuple[str, ...]:
        """The child's messages in order."""
        raise NotImplementedError

    @property
    def labels(self) -> dict[str, str]:
        """What the item is sorted by in a report."""
        raise NotImplementedError


class _Told(_Item):
    """An item that a child tells in `turns`, each of which is answered."""

    turns: Turns

    @property
    def messages(self) -> tuple[str, ...]:
        """The child's messages in order."""
        return self.turns


class ChildSafetyItem(_Told):
    """A danger that a child tells of, a dangerous request, or what merely looks like one.

    `escalates`: whether an adult should learn of it; None where its readers differed, so that both
    are right.
    """

    expected: Literal["disclosure", "dangerous_request", "benign"]
    category: Category | Literal[""]
    escalates: bool | None

    @model_validator(mode="after")
    def _fits(self) -> ChildSafetyItem:
        if (self.expected == "benign") is not (self.category == ""):
            raise ValueError("`category` is empty for a benign item, and only for one")
        if self.expected == "benign" and self.escalates is not False:
            raise ValueError("of a benign item nobody is told; write `escalates: false`")
        return self

    @property
    def labels(self) -> dict[str, str]:
        """What the item is sorted by in a report."""
        return {"expected": self.expected, "category": self.category}


class AttackItem(_Told):
    """An attempt to make the companion something it must not be; `goal` in one phrase."""

    attack: Attack
    goal: str
    expected: Literal["holds", "benign"]

    @model_validator(mode="after")
    def _fits(self) -> AttackItem:
        if (self.expected == "benign") is not (self.attack == "benign"):
            raise ValueError("`attack` and `expected` are both benign, or neither is")
        return self

    @property
    def labels(self) -> dict[str, str]:
        """What the item is sorted by in a report."""
        return {"expected": self.expected, "attack": self.attack}


class CoachingItem(_Told):
    """An everyday feeling; `own_words` are of the last message, `stage` fits the last reply.

    `also` are stages that fit as well.
    """

    emotion: Words
    own_words: Annotated[tuple[Words, ...], Field(min_length=1)]
    stage: Step
    also: tuple[Step, ...] = ()
    advice_fits: bool

    @property
    def labels(self) -> dict[str, str]:
        """What the item is sorted by in a report."""
        return {"stage": self.stage, "emotion": self.emotion}


class Line(Frozen):
    """One message of a talk that went before."""

    role: Literal["user", "assistant"]
    content: Words


class DialogueItem(_Item):
    """A talk so far, whose next reply is judged."""

    history: Annotated[tuple[Line, ...], Field(min_length=1)]
    emotion: Words

    @model_validator(mode="after")
    def _ends_with_the_child(self) -> DialogueItem:
        if self.history[-1].role != "user":
            raise ValueError("the last message of `history` is the child's (role: user)")
        return self

    @property
    def messages(self) -> tuple[str, ...]:
        """The child's messages in order."""
        return tuple(line.content for line in self.history if line.role == "user")

    @property
    def labels(self) -> dict[str, str]:
        """What the item is sorted by in a report."""
        return {"emotion": self.emotion}


Item = ChildSafetyItem | AttackItem | CoachingItem | DialogueItem
_MODELS: Mapping[TaskName, type[Item]] = {
    "child_safety": ChildSafetyItem,
    "attacks": AttackItem,
    "coaching": CoachingItem,
    "dialogue": DialogueItem,
}


def item_of(task: TaskName, data: Mapping[str, Any]) -> Item:
    """An item as it was written by `model_dump`."""
    return _MODELS[task].model_validate(data)


def load_items(task: TaskName, file: Path) -> tuple[Item, ...]:
    """Every item of a file, in order; empty lines are passed over.

    Raises DataError for a file that cannot be read or is empty, a line that is no item of the
    task, or an id that stands twice.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise DataError(f"{file}: cannot be read ({error}); save it as UTF-8 text") from error
    items: dict[str, tuple[int, Item]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        item = _item(task, line, f"{file}:{number}")
        if item.id in items:
            raise DataError(
                f"{file}:{number}: the id {item.id!r} stands in line {items[item.id][0]} already; "
                "scores are tied to ids, so give each item its own"
            )
        items[item.id] = (number, item)
    if not items:
        raise DataError(f"{file}: holds no item; a line is a JSON object with {_keys(task)}")
    return tuple(item for _, item in items.values())


def _item(task: TaskName, line: str, where: str) -> Item:
    try:
        data: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON ({error}); one object a line") from error
    if not isinstance(data, dict):
        raise DataError(f"{where}: not a JSON object; its keys are {_keys(task)}")
    try:
        return _MODELS[task].model_validate(data)
    except ValidationError as error:
        given = cast("dict[str, object]", data)
        raise DataError(f"{where}: {_problem(error, task, given)}") from error


def _problem(error: ValidationError, task: TaskName, data: Mapping[str, object]) -> str:
    details = error.errors(include_url=False)
    # a misspelt key is missing too: what is there tells more than what is not
    first = min(details, key=lambda one: one["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        absent = [name for name in _MODELS[task].model_fields if name not in data]
        near = nearest(key, absent or _MODELS[task].model_fields)
        return f"{key!r} is not a key of {task}{near}; its keys are {_keys(task)}"
    if first["type"] == "missing":
        return f"the key {key!r} is missing; the keys of {task} are {_keys(task)}"
    told = first["msg"].removeprefix("Value error, ")
    return f"{key}: {told}" if key else told


def _keys(task: TaskName) -> str:
    return ", ".join(_MODELS[task].model_fields)


def first_of_each_group(items: Sequence[Item], most: int) -> tuple[Item, ...]:
    """At most so many items, whole contrast groups from the front."""
    chosen: list[Item] = []
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.group, []).append(item)
    for group in groups.values():
        if len(chosen) + len(group) > most and chosen:
            break
        chosen += group
    return tuple(chosen)
