"""Every format is read into the same row, recognised, and not taken for another."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import FORMATS, read
from qiaoban_finetune.formats.psyqa import Span, strategies
from tests.finetune.formats.samples import (
    ASKED,
    DIALOGUES,
    RECORDS,
    TOLD,
    array_of,
    lines_of,
)

READS_TOO = {("belle", "sharegpt")}
"""(whose record, read as what): ShareGPT files have `assistant` for `gpt` now and then."""


def test_there_is_a_sample_of_every_format() -> None:
    assert set(RECORDS) == set(DIALOGUES) == set(FORMATS)


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("form", ["auto", "named"])
@pytest.mark.parametrize("layout", [lines_of, array_of], ids=["lines", "array"])
def test_a_record_is_read(tmp_path: Path, name: str, form: str, layout: object) -> None:
    write = lines_of if layout is lines_of else array_of
    file = write(tmp_path / "data.jsonl", RECORDS[name])
    assert list(read(file, name if form == "named" else form)) == DIALOGUES[name]


@pytest.mark.parametrize(("name", "other"), list(permutations(RECORDS, 2)))
def test_the_wrong_format_is_told_which_one_it_is(tmp_path: Path, name: str, other: str) -> None:
    file = lines_of(tmp_path / "data.jsonl", RECORDS[name])
    if (name, other) in READS_TOO:
        assert list(read(file, other)) == DIALOGUES[name]
        return
    with pytest.raises(DataError, match=rf"it looks like {name}: write format: {name}"):
        list(read(file, other))


def test_a_record_like_no_format_shows_its_keys(tmp_path: Path) -> None:
    file = lines_of(tmp_path / "data.jsonl", {"text": "你好", "label": 1})
    with pytest.raises(DataError, match=r"data.jsonl:1 .*like none of .*there are text, label"):
        list(read(file))


@pytest.mark.parametrize("name", ["belle", "sharegpt", "openai", "smile", "qiaoban"])
def test_what_a_record_tells_beside_its_messages_is_kept(tmp_path: Path, name: str) -> None:
    told = {"emotion": "angry", "topic": "玩具", "task": "t", "source": "s", "licence": "CC0"}
    file = lines_of(tmp_path / "data.jsonl", {**RECORDS[name], **told, "extra": {"a": "b"}})
    (dialogue,) = read(file, name)
    assert {key: getattr(dialogue, key) for key in told} == told
    assert dialogue.extra == (("a", "b"),)


def test_a_licence_is_that_of_dialogues_that_tell_none(tmp_path: Path) -> None:
    record = RECORDS["belle"]
    file = lines_of(tmp_path / "d.jsonl", record, {**record, "id": "b-2", "licence": "MIT"})
    assert [d.licence for d in read(file, licence="CC0")] == ["CC0", "MIT"]


def test_alpaca_has_its_input_behind_the_instruction_and_a_history(tmp_path: Path) -> None:
    record = {
        "instruction": "改写下面的话",
        "input": "我很生气",
        "output": "我感到生气",
        "system": "你很温和。",
        "history": [["你好", "你好呀"]],
    }
    (dialogue,) = read(lines_of(tmp_path / "d.jsonl", record))
    assert [(m.role, m.text) for m in dialogue.messages] == [
        ("system", "你很温和。"),
        ("user", "你好"),
        ("assistant", "你好呀"),
        ("user", "改写下面的话\n我很生气"),
        ("assistant", "我感到生气"),
    ]


@pytest.mark.parametrize(
    "text", ["孩子：你好。</s>智能助手：你好呀。", "孩子：你好。</s>\n智能助手：你好呀。</s>\n"]
)
def test_qiaobans_text_may_lack_its_last_end_and_have_lines(tmp_path: Path, text: str) -> None:
    (dialogue,) = read(lines_of(tmp_path / "d.jsonl", {"id": 7, "input": text}))
    said = (Message("user", "你好。"), Message("assistant", "你好呀。"))
    assert dialogue == Dialogue("7", said)


def test_openai_content_may_be_in_parts_of_text(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "搭了那么久，"}, {"type": "text", "text": "你一定很难过。"}]
    messages = [{"role": "user", "content": ASKED.text}, {"role": "assistant", "content": parts}]
    (dialogue,) = read(lines_of(tmp_path / "d.jsonl", {"messages": messages}))
    assert dialogue.messages == (ASKED, TOLD)


def test_strategies_of_psyqa_are_read_again_from_a_message() -> None:
    reply = DIALOGUES["psyqa"][1].messages[1]
    spans = strategies(reply)
    assert spans == [Span("Restatement", 0, 6), Span("Approval and Reassurance", 6, 13)]
    assert [reply.text[span.start : span.end] for span in spans] == [
        "搭了那么久，",
        "你一定很难过。",
    ]
    assert strategies(DIALOGUES["psyqa"][0].messages[1]) == []


def test_smile_has_one_array_of_messages_for_each_dialogue(tmp_path: Path) -> None:
    for number in (2, 10):
        array_of(tmp_path / f"{number}.json", *RECORDS["smile"]["messages"])
    expected = [Dialogue(name, (ASKED, TOLD)) for name in ("10", "2")]
    assert list(read(tmp_path)) == expected
    assert list(read(tmp_path, "smile")) == expected


def test_cpsycound_has_a_text_for_each_dialogue(tmp_path: Path) -> None:
    file = tmp_path / "case_3.txt"
    file.write_text(
        "来访者：老师，我睡不着。\n\n心理咨询师：多久了？\n你在担心什么？\n\n来访者：考试。\n",
        encoding="utf-8",
    )
    said = (
        Message("user", "老师，我睡不着。"),
        Message("assistant", "多久了？\n你在担心什么？"),
        Message("user", "考试。"),
    )
    assert list(read(file)) == list(read(tmp_path, "smile")) == [Dialogue("case_3", said)]


def test_a_text_without_speakers_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "topics.txt"
    file.write_text("动物园、运动会\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"topics.txt:1: begins with no speaker; write 来访者"):
        list(read(file))


def test_a_folder_is_read_file_by_file_and_each_file_by_its_own_format(tmp_path: Path) -> None:
    array_of(tmp_path / "a.json", RECORDS["qiaoban"])
    lines_of(tmp_path / "b.jsonl", RECORDS["belle"])
    (tmp_path / "README.md").write_text("no data", encoding="utf-8")
    assert [dialogue.id for dialogue in read(tmp_path)] == ["5", "b-1"]


def test_qiaobans_published_dialogues_are_read(shared: Path) -> None:
    file = shared / "data/qiaoban_child_chat_20.json"
    with pytest.raises(DataError, match=r":2 \(record 1\): dialogue '5': messages 7 and 8 are"):
        list(read(file))
    kept, merged = list(read(file, turns="keep")), list(read(file, turns="merge"))
    assert [sum(len(d.messages) for d in found) for found in (kept, merged)] == [317, 313]
    assert {d.emotion for d in kept} <= {"happy", "sad", "fear", "angry", "surprise", "disgust"}
    texts = ["".join(m.text for m in d.messages) for d in kept]
    assert ["".join(m.text for m in d.messages).replace("\n", "") for d in merged] == texts


def test_psyqas_public_sample_is_read_with_its_strategies(shared: Path) -> None:
    file = shared / "data/psyqa_example_100.json"
    dialogues = list(read(file))
    records = json.loads(file.read_text(encoding="utf-8"))
    answers = [answer for record in records for answer in record["answers"]]
    assert [d.messages[1].text for d in dialogues] == [a["answer_text"] for a in answers]
    for dialogue, answer in zip(dialogues, answers, strict=True):
        labels: list[dict[str, Any]] = answer["labels_sequence"] or []
        assert strategies(dialogue.messages[1]) == [
            (label["type"], label["start"], label["end"]) for label in labels
        ]
    assert dialogues[0].topic == "恋爱,恋爱经营"


def test_cpsycound_is_read_without_what_two_clients_left_unsaid(shared: Path) -> None:
    file = shared / "data/cpsycound_dialogues.jsonl"
    dialogues = list(read(file))
    assert len(dialogues) == 3_084
    assert sum(len(d.messages) for d in dialogues) == 49_171 - 2
    shortened = next(d for d in dialogues if d.id == "case_983")
    assert len(shortened.messages) == 60
    assert shortened.messages[-1].role == "assistant"
