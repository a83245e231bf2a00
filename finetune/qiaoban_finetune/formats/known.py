"""The formats by name, and which of them a record looks like."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from qiaoban_finetune.formats import alpaca, counselling, pica, prompted, psyqa
from qiaoban_finetune.formats.form import Format, Record
from qiaoban_finetune.formats.listed import BELLE, OPENAI, QIAOBAN, SHAREGPT, SMILE


def _has(*keys: str) -> frozenset[str]:
    return frozenset(keys)


def _is_sharegpt(record: Record) -> bool:
    return "conversations" in record and not _is_belle(record)


def _is_belle(record: Record) -> bool:
    entries: object = record.get("conversations")
    found = cast("list[object]", entries) if isinstance(entries, list) else []
    speakers = [cast("Record", one).get("from") for one in found if isinstance(one, dict)]
    return bool(speakers) and all(speaker in BELLE.roles for speaker in speakers)


def _is_openai(record: Record) -> bool:
    return "messages" in record and not counselling.looks(record)


_KNOWN = (
    Format(
        "qiaoban",
        "QiaoBan's dialogues: dialog_id, emotion, topic, dialog of 孩子 and 智能助手",
        lambda record: "dialog" in record,
        QIAOBAN.parse,
        QIAOBAN.dump,
        array=True,
    ),
    Format(
        "qiaoban_input",
        "QiaoBan's training file: input, a text of turns that 孩子： and 智能助手： begin",
        prompted.looks,
        prompted.parse,
    ),
    Format(
        "belle",
        "BELLE: id, conversations of human and assistant",
        _is_belle,
        BELLE.parse,
        BELLE.dump,
    ),
    Format(
        "alpaca",
        "Alpaca: instruction, input, output, optionally system and history",
        lambda record: record.keys() >= _has("instruction", "output"),
        alpaca.parse,
    ),
    Format(
        "sharegpt",
        "ShareGPT: conversations of human and gpt, optionally a system's message",
        _is_sharegpt,
        SHAREGPT.parse,
        SHAREGPT.dump,
        array=True,
    ),
    Format(
        "openai",
        "OpenAI's chat format: messages of user and assistant, optionally a system's",
        _is_openai,
        OPENAI.parse,
        OPENAI.dump,
    ),
    Format(
        "psyqa",
        "PsyQA: question, description, keywords, answers with strategies",
        lambda record: record.keys() >= _has("question", "answers"),
        psyqa.parse,
    ),
    Format(
        "smile",
        "SMILE and CPsyCounD: messages of client and counselor",
        counselling.looks,
        counselling.parse,
        SMILE.dump,
    ),
    Format(
        "pica",
        "PICA's five tasks: task_type, dataset, instruction, instances, is_classification, name",
        lambda record: "task_type" in record or "instances" in record,
        pica.parse,
        pica.dump,
    ),
)
FORMATS: Mapping[str, Format] = MappingProxyType({form.name: form for form in _KNOWN})
"""Every format that can be read."""


def like(record: object) -> Format | None:
    """The format that a record looks like, None where it looks like none."""
    if not isinstance(record, dict):
        return None
    fields = cast("Record", record)
    return next((form for form in _KNOWN if form.looks(fields)), None)
