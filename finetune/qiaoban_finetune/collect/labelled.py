"""PICA's five tasks made of labelled sets, in its unified format.

What is learnt is never shown: of `dia_gen` the reply's own label stays beside it, a control that
names that label is left out, and a dialogue that says its reply before is passed over; of `dia_inf`
one in which the situation is said word for word. Who speaks is told by name, not by counting turns.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter

from qiaoban_finetune.collect.drawing import drawn
from qiaoban_finetune.collect.labelled_config import FieldsConfig, SetConfig, Task, TasksConfig
from qiaoban_finetune.collect.labelled_turns import all_turns, told_so
from qiaoban_finetune.collect.templates import CONTENT
from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.formats import write
from qiaoban_finetune.formats.fields import items, optional, text
from qiaoban_finetune.formats.form import Record
from qiaoban_finetune.reading import Place, opened, records
from qiaoban_guards.documents import nearest, parse, read
from qiaoban_guards.pii.finder import finder_of
from qiaoban_guards.pii.redact import Redactor, Style
from qiaoban_guards.policy.types import Language

_INSTRUCTIONS = "instructions.yaml"


def convert(config: TasksConfig) -> dict[str, int]:
    """Write every set's instances, and tell how many there are of each, and what was passed over.

    Raises DataError for a record that cannot be used and ConfigError for a set without an
    instance; nothing is written then.
    """
    counts: Counter[str] = Counter()
    write(_instances(config, counts), config.output, "pica")
    return dict(counts)


def _instances(config: TasksConfig, counts: Counter[str]) -> Iterator[Dialogue]:
    redactor = _redactor(config)
    for place, one in enumerate(config.sets):
        name = f"{one.dataset} {one.task}"
        for number, dialogue in enumerate(instances(one, config.seed, counts)):
            counts[name] += 1
            hidden = _hidden(dialogue, redactor)
            yield replace(hidden, id=f"{one.dataset}-{one.task}-{place}-{number:06d}")
        if not counts[name]:
            raise ConfigError(
                f"{one.path}: nothing of it can be learnt as {one.task}; look at its fields"
            )


def instances(config: SetConfig, seed: int, counts: Counter[str]) -> Iterator[Dialogue]:
    """The instances of one set; `counts` grows by those that are passed over, by reason."""
    made = {
        "txt_clf": _text_class,
        "dia_clf": _turn_classes,
        "er_abs": _causes,
        "dia_gen": _replies,
        "dia_inf": _situation,
    }[config.task]
    for number, (record, place) in enumerate(_records(config.path)):
        if number == config.count:
            return
        instruction = _instruction(config, seed, number)
        for dialogue in made(record, place, config, counts):
            told = Message("system", instruction + _controls(dialogue))
            yield replace(
                dialogue,
                messages=(told, *dialogue.messages),
                task=config.task,
                source=config.dataset,
                licence=config.licence,
            )


def _controls(dialogue: Dialogue) -> str:
    """What a reply is told beforehand, as PICA's format writes it."""
    return "".join(f"\n{name}: {value}" for name, value in dialogue.extra)


def _text_class(
    record: Record, place: Place, config: SetConfig, counts: Counter[str]
) -> Iterator[Dialogue]:
    del counts
    said = text(record, config.fields.text, place)
    yield _pair(said, _label(text(record, config.fields.label, place), config, place))


def _turn_classes(
    record: Record, place: Place, config: SetConfig, counts: Counter[str]
) -> Iterator[Dialogue]:
    """An instance for each turn that has a label, with all that was said up to it."""
    del counts
    turns = all_turns(record, config.fields, place)
    for number, turn in enumerate(turns, 1):
        if turn.label:
            yield _pair(told_so(turns[:number]), _label(turn.label, config, place))


def _causes(
    record: Record, place: Place, config: SetConfig, counts: Counter[str]
) -> Iterator[Dialogue]:
    del counts
    fields, said = config.fields, text(record, config.fields.text, place)
    several = fields.pairs in record
    pairs: list[Any] = items(record, fields.pairs, place, "pairs") if several else [record]
    colon = "：" if config.language == "zh" else ": "
    lines: list[str] = []
    for number, pair in enumerate(pairs):
        if not isinstance(pair, dict):
            raise place.refused("is no object of a label and a cause", f"{fields.pairs}[{number}]")
        one = cast("Record", pair)
        label = text(one, fields.label, place)
        named = _label(label, config, place) if config.labels else label
        lines.append(f"{named}{colon}{text(one, fields.cause, place)}")
    yield _pair(said, "\n".join(dict.fromkeys(lines)))


def _replies(
    record: Record, place: Place, config: SetConfig, counts: Counter[str]
) -> Iterator[Dialogue]:
    """An instance for each turn of the speaker who is learnt from."""
    turns = all_turns(record, config.fields, place)
    speakers = {turn.speaker for turn in turns}
    if config.reply_by not in speakers:
        near = nearest(config.reply_by, speakers)
        raise place.refused(f"nobody in it is called {config.reply_by!r}{near}", "reply_by")
    if len(speakers) > 2:
        counts["passed over: more than two speakers"] += 1
        return
    told = _told(record, config.fields, place)
    for number, turn in enumerate(turns):
        if turn.speaker != config.reply_by or not number:
            continue
        before = turns[:number]
        if any(turn.text in value for value in (*told.values(), *(one.text for one in before))):
            counts["passed over: the reply is said before"] += 1
            continue
        label = _label(turn.label, config, place) if turn.label and config.labels else turn.label
        controls = {name: v for name, v in told.items() if not label or label not in v}
        counts["controls left out: they name the label"] += len(told) - len(controls)
        yield Dialogue(
            "",
            (
                *(
                    Message("assistant" if one.speaker == turn.speaker else "user", one.text)
                    for one in before
                ),
                Message("assistant", turn.text, label, turn.act),
            ),
            extra=tuple(controls.items()),
        )


def _situation(
    record: Record, place: Place, config: SetConfig, counts: Counter[str]
) -> Iterator[Dialogue]:
    said = told_so(all_turns(record, config.fields, place))
    situation = text(record, config.fields.situation, place)
    if situation in said:
        counts["passed over: the situation is said in the dialogue"] += 1
        return
    yield _pair(said, situation)


def _told(record: Record, fields: FieldsConfig, place: Place) -> dict[str, str]:
    """What the speaker may know beforehand: who speaks, and the situation."""
    personas: object = record.get(fields.personas)
    if isinstance(personas, list):
        listed = cast("list[object]", personas)
        personas = " ".join(str(one) for one in listed)
    found = {
        "personas": str(personas or "").strip(),
        "situation": optional(record, fields.situation, place).strip(),
    }
    return {name: value for name, value in found.items() if value and value != "none"}


def _pair(asked: str, answer: str) -> Dialogue:
    return Dialogue("", (Message("user", asked), Message("assistant", answer)))


def _label(label: str, config: SetConfig, place: Place) -> str:
    names = config.names
    if label not in names:
        near = nearest(label, names)
        raise place.refused(f"{label!r} is none of the labels{near}; add it to `labels`", "label")
    return names[label]


def _instruction(config: SetConfig, seed: int, number: int) -> str:
    """One wording of the task's instruction, with every label in an order of its own."""
    draw = drawn(seed, f"{config.dataset} {config.task}", number)
    labels = list(dict.fromkeys(config.names.values()))
    draw.shuffle(labels)
    between = "、" if config.language == "zh" else ", "
    wording = draw.choice(_instructions()[config.language][config.task])
    return wording.format(labels=between.join(labels))


@lru_cache(maxsize=1)
def _instructions() -> Mapping[Language, Mapping[Task, tuple[str, ...]]]:
    source = CONTENT / _INSTRUCTIONS
    return TypeAdapter(dict[Language, dict[Task, tuple[str, ...]]]).validate_python(
        parse(read(source), source=str(source))
    )


def _records(path: Path) -> Iterator[tuple[Record, Place]]:
    """The records of a file, whichever of the four it is."""
    if path.suffix.lower() in (".csv", ".tsv"):
        with opened(path) as raw:
            lines = (line.decode("utf-8-sig" if not at else "utf-8") for at, line in enumerate(raw))
            rows = csv.DictReader(lines, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            for number, row in enumerate(rows, 1):
                told: dict[Any, Any] = row
                yield told, Place(path, rows.line_num, number)
        return
    for record, place in records(path):
        if not isinstance(record, dict):
            raise place.refused("is no object of keys; a record is one")
        yield cast("Record", record), place


def _redactor(config: TasksConfig) -> Redactor | None:
    if config.personal_data == "keep":
        return None
    return Redactor(finder_of().find, Style(config.personal_data))


def _hidden(dialogue: Dialogue, redactor: Redactor | None) -> Dialogue:
    """The dialogue without personal data; its instruction has none, its controls may."""
    if redactor is None:
        return dialogue
    values = [value for _, value in dialogue.extra]
    said = [message.text for message in dialogue.messages[1:]]
    texts = redactor.redact([*values, *said]).texts
    extra = tuple((name, value) for (name, _), value in zip(dialogue.extra, texts, strict=False))
    system = dialogue.messages[0]
    instruction = system.text.removesuffix(_controls(dialogue))
    hidden = replace(dialogue, extra=extra)
    messages = zip(dialogue.messages[1:], texts[len(values) :], strict=True)
    return replace(
        hidden,
        messages=(
            replace(system, text=instruction + _controls(hidden)),
            *(replace(message, text=one) for message, one in messages),
        ),
    )
