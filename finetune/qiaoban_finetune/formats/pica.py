"""PICA's multi-task format (github.com/NEU-DataMining/PICA), in both directions.

A record is `task_type, dataset, instruction, instances, is_classification, name`. An instance is
`{input, output}`; of `dia_gen` it may also be `{history, utterance, personas, situation, emotion,
act}`, with the word none for what is not known. What the model reads and learns:

- the instruction, and the personas and the situation behind it, are the system's message;
- `input` is the user's and `output` the assistant's;
- `utterance` is the reply, and the speakers of `history` alternate backwards from it, so that what
  stands before a reply is the user's. `emotion` and `act` are the reply's, kept beside it: shown in
  the prompt they would give away what is to be learnt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

from qiaoban_finetune.dialogue import Dialogue, Message, Role
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats.fields import (
    identity,
    items,
    missing,
    telling,
    text,
    told,
    wrong,
)
from qiaoban_finetune.formats.form import Record, Written
from qiaoban_finetune.reading import Place
from qiaoban_guards.documents import nearest

TASKS = {
    "txt_clf": "classification",
    "dia_clf": "classification",
    "er_abs": "abstract",
    "dia_gen": "generation",
    "dia_inf": "inference",
}
"""The tasks, and how PICA's names of them end: `DATASET-classification`."""
CONTROLS = ("personas", "situation")
"""What a reply may be told beforehand."""
_NONE = "none"
_PLAIN = ("instance", "input")
"""Marks a dia_gen of `input` and `output`, which is otherwise written with its history."""


class _Instance(NamedTuple):
    messages: tuple[Message, ...]
    extra: tuple[tuple[str, str], ...] = ()


def parse(record: Record, place: Place) -> Iterator[Dialogue]:
    """A dialogue for each instance; `ID.2` is the second of several."""
    task = text(record, "task_type", place)
    if task not in TASKS:
        raise place.refused(
            f"{task!r} is none of {', '.join(TASKS)}{nearest(task, TASKS)}", "task_type"
        )
    instruction = text(record, "instruction", place, empty=True)
    if "is_classification" not in record:
        raise missing(record, "is_classification", place)
    classifies: object = record["is_classification"]
    if not isinstance(classifies, bool):
        raise wrong(classifies, "true or false", place, "is_classification")
    source = text(record, "dataset", place, empty=True)
    kept = {**told(record, place), "task": task, "source": source}
    kept.pop("extra", None)
    extra = _unusual(text(record, "name", place, empty=True), classifies, task, source)
    name = identity(record, "id", place)
    instances = items(record, "instances", place, "instances")
    for number, instance in enumerate(instances):
        key = f"instances[{number}]"
        if not isinstance(instance, dict):
            raise wrong(instance, "an object of 'input' and 'output'", place, key)
        messages, more = _read(cast("Record", instance), task, instruction, place, key)
        one = name if len(instances) == 1 else f"{name}.{number + 1}"
        yield Dialogue(one, messages, **kept, extra=(*extra, *more))


def _unusual(name: str, classifies: bool, task: str, source: str) -> tuple[tuple[str, str], ...]:
    """What a record tells that could not be told from its task and its set."""
    return (
        *((("name", name),) if name != _name(task, source) else ()),
        *((("is_classification", str(classifies)),) if classifies != _classifies(task) else ()),
    )


def _name(task: str, source: str) -> str:
    return f"{source}-{TASKS[task]}" if source else TASKS[task]


def _classifies(task: str) -> bool:
    return task.endswith("_clf")


def _read(instance: Record, task: str, instruction: str, place: Place, key: str) -> _Instance:
    if "history" in instance or "utterance" in instance:
        if task != "dia_gen":
            raise place.refused(f"has a history, which is dia_gen's and not {task}'s", key)
        return _conversation(instance, instruction, place, key)
    messages = (
        *_system(instruction, ()),
        Message("user", text(instance, "input", place, prefix=key)),
        Message("assistant", text(instance, "output", place, prefix=key)),
    )
    return _Instance(messages, (_PLAIN,) if task == "dia_gen" else ())


def _conversation(instance: Record, instruction: str, place: Place, key: str) -> _Instance:
    history: object = instance.get("history")
    if not isinstance(history, list) or not history:
        raise place.refused("is no list of what was said before; write it", f"{key}.history")
    said = cast("list[Any]", history)
    for number, one in enumerate(said):
        if not isinstance(one, str) or not one.strip():
            raise wrong(one, "what was said, as text", place, f"{key}.history[{number}]")
    given = {
        name: text(instance, name, place, prefix=key) for name in (*CONTROLS, "emotion", "act")
    }
    emotion, act = ("" if given[name] == _NONE else given[name] for name in ("emotion", "act"))
    controls = tuple((name, given[name]) for name in CONTROLS if given[name] != _NONE)
    turns = (Message(_speaker(number, len(said)), one) for number, one in enumerate(said))
    reply = Message("assistant", text(instance, "utterance", place, prefix=key), emotion, act)
    return _Instance((*_system(instruction, controls), *turns, reply), controls)


def _speaker(number: int, replied_at: int) -> Role:
    return "user" if (replied_at - number) % 2 else "assistant"


def _system(instruction: str, controls: Iterable[tuple[str, str]]) -> tuple[Message, ...]:
    words = instruction + "".join(_control(name, value) for name, value in controls)
    return (Message("system", words),) if words.strip() else ()


def _control(name: str, value: str) -> str:
    return f"\n{name}: {value}"


def dump(dialogues: Iterable[Dialogue], name: str) -> Iterator[Written]:
    """The records of dialogues that have a task; instances that were one record are one again."""
    waiting: list[tuple[Dialogue, Record]] = []
    number = 0
    for dialogue in dialogues:
        record = _record(dialogue)
        if waiting and not _follows(waiting, dialogue, record):
            number += 1
            yield _joined(waiting, f"{name}:{number}")
            waiting = []
        waiting.append((dialogue, record))
    if waiting:
        yield _joined(waiting, f"{name}:{number + 1}")


def _record(dialogue: Dialogue) -> Record:
    """The record of one dialogue, with its one instance."""
    if dialogue.task not in TASKS:
        raise DataError(
            f"dialogue {dialogue.id!r}: its task {dialogue.task!r} is none of {', '.join(TASKS)}; "
            "give it one, as dataclasses.replace(dialogue, task='dia_gen')"
        )
    extra = dict(dialogue.extra)
    controls = [(name, extra.pop(name)) for name in CONTROLS if name in extra]
    kept = {
        key: value
        for key, value in telling(dialogue).items()
        if key not in ("task", "source", "extra")
    }
    usual = str(_classifies(dialogue.task))
    system = dialogue.messages[0].text if dialogue.messages[0].role == "system" else ""
    return {
        "id": dialogue.id,
        **kept,
        "task_type": dialogue.task,
        "dataset": dialogue.source,
        "instruction": system.removesuffix("".join(_control(*one) for one in controls)),
        "instances": [_instance(dialogue, dict(controls))],
        "is_classification": extra.get("is_classification", usual) == "True",
        "name": extra.get("name", _name(dialogue.task, dialogue.source)),
    }


def _instance(dialogue: Dialogue, controls: dict[str, str]) -> Record:
    said = [message for message in dialogue.messages if message.role != "system"]
    reply = said[-1]
    if dialogue.task != "dia_gen" or _PLAIN in dialogue.extra:
        return {"input": said[0].text, "output": reply.text}
    return {
        "history": [message.text for message in said[:-1]],
        "utterance": reply.text,
        **{name: controls.get(name, _NONE) for name in CONTROLS},
        "emotion": reply.emotion or _NONE,
        "act": reply.strategy or _NONE,
    }


def _follows(waiting: list[tuple[Dialogue, Record]], dialogue: Dialogue, record: Record) -> bool:
    """Whether a dialogue is the next instance of the record that is waiting."""
    first, head = waiting[0]
    stem = first.id.removesuffix(".1")
    return (
        first.id == f"{stem}.1"
        and dialogue.id == f"{stem}.{len(waiting) + 1}"
        and _head(head) == _head(record)
    )


def _head(record: Record) -> Record:
    return {key: value for key, value in record.items() if key not in ("id", "instances")}


def _joined(waiting: list[tuple[Dialogue, Record]], unnamed: str) -> Written:
    (first, record), *_ = waiting
    record["instances"] = [one for _, each in waiting for one in each["instances"]]
    if len(waiting) > 1:
        record["id"] = first.id.removesuffix(".1")
    if record["id"] == unnamed:
        del record["id"]
    return record, tuple(dialogue for dialogue, _ in waiting)
