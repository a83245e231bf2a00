"""Records of any layout are mended where that is no guessing, and each change is noted."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.clean.source import parts, raw_records, records_of
from qiaoban_finetune.errors import DataError
from tests.finetune.clean.samples import CALM, cleaned, record, texts, write_lines

PAIRS = list(zip(("孩子", "智能助手") * 2, CALM, strict=True))


@pytest.mark.parametrize(
    "value",
    [
        {"dialog_id": 5, "dialog": [{"speaker": who, "text": said} for who, said in PAIRS]},
        {"id": "a", "conversations": [{"from": w, "value": s} for w, s in PAIRS]},
        {"messages": [{"role": w, "content": s} for w, s in PAIRS]},
        {"instances": [], "turns": [{"speaker": w, "content": s} for w, s in PAIRS]},
    ],
)
def test_reads_every_layout(value: dict[str, Any]) -> None:
    outcome = cleaned(value)
    assert texts(outcome) == CALM
    assert outcome.dialogue is not None
    assert [one.role for one in outcome.dialogue.messages] == ["user", "assistant"] * 2


@pytest.mark.parametrize(
    ("text", "mended", "what"),
    [
        ("你还好吗？</s>", "你还好吗？", "template tokens left out"),
        ("<|im_start|>assistant\n你还好吗？<|im_end|>", "你还好吗？", "template tokens left out"),
        ("智能助手：智能助手：你还好吗？", "你还好吗？", "a speaker's tag left out"),
        ("你还好吗？\n孩子：不好", "你还好吗？", "the other side's words cut off"),
        ("你&quot;还好&quot;吗？", '你"还好"吗？', "HTML was unescaped"),
        ("你\u200b还好\x00吗？", "你还好吗？", "control characters left out"),
    ],
)
def test_mends_a_message(text: str, mended: str, what: str) -> None:
    outcome = cleaned(record(CALM[0], text, *CALM[2:]))
    assert texts(outcome)[1] == mended
    assert what in [note.what for note in outcome.notes]


def test_letters_that_look_like_an_end_of_sequence_are_not_eaten() -> None:
    said = ["I miss my class", "That sounds sad.", "yes it does", "I hear you, tell me more <s"]
    assert texts(cleaned(record(*said))) == said


def test_makes_turns_alternate_from_the_child_to_a_reply() -> None:
    messages = [
        {"role": "assistant", "content": "你好"},
        *(
            {"role": role, "content": text}
            for role, text in zip("uauua", "甲乙丙丁戊", strict=True)
        ),
        {"role": "user", "content": "好"},
        {"role": "user", "content": " "},
    ]
    names = {"u": "user", "a": "assistant"}
    value = {"messages": [{**one, "role": names.get(one["role"], one["role"])} for one in messages]}
    outcome = cleaned(value, least_characters=0)
    assert texts(outcome) == ["甲", "乙", "丙\n丁", "戊"]
    assert {note.what for note in outcome.notes} == {
        "an id was given",
        "an assistant's opening left out",
        "turns of one speaker joined",
        "a last message without a reply left out",
        "empty messages left out",
    }


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1], "no dialogue"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "no dialogue"),
        ({"id": 1, "text": "x"}, "no dialogue"),
        (record(*CALM[:2]), "too few messages"),
        (record("a", "b", "c", "d"), "too short"),
        (record(*CALM[:3], "长" * 2001), "a message too long"),
        (record(*["今日は学校でとても悲しいことがありました"] * 4), "another language"),
        (record(*["Je suis très triste parce que mon ami est parti"] * 4), "another language"),
    ],
)
def test_says_why_a_record_goes(value: object, reason: str) -> None:
    outcome = cleaned(value)
    assert outcome.dialogue is None
    assert outcome.reason == reason


def test_a_line_that_is_no_json_is_one_record_that_goes(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "d.jsonl", [record(*CALM)])
    file.write_text(file.read_text() + '{"messages": [\n\n' + file.read_text(), encoding="utf-8")
    found = list(raw_records(file))
    assert [(one.line, one.number) for one in found] == [(1, 1), (2, 2), (4, 3)]


def test_parts_of_files_hold_every_record_under_its_own_number(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "a.jsonl", [record(*CALM, id=f"d{n}") for n in range(20)])
    lines.write_text(lines.read_text().replace("\n", "\n\n", 7) + "{torn", encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps([record(*CALM)] * 3), encoding="utf-8")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(lines.read_bytes()))
    whole = list(raw_records(tmp_path))
    cut = list(parts(tmp_path, 700))
    assert len(cut) > 8
    assert [raw for part in cut for raw in records_of(part)] == whole
    assert [one.number for one in whole] == list(range(1, 46))


def test_a_source_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        list(raw_records(tmp_path / "none.jsonl"))
