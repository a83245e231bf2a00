"""Labelled sets become PICA's tasks, and what is to be learnt is never shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.collect.labelled import convert
from qiaoban_finetune.collect.labelled_config import TasksConfig
from qiaoban_finetune.dialogue import Dialogue
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import read

TURNS = [
    {"speaker": "A", "text": "我的猫丢了", "label": "sad"},
    {"speaker": "A", "text": "找了三天", "label": "sad"},
    {"speaker": "B", "text": "你一定很想它", "label": "caring", "act": "empathy"},
    {"speaker": "A", "text": "嗯", "label": ""},
    {"speaker": "B", "text": "我陪你等", "label": "caring"},
]
DIALOGUE = {"turns": TURNS, "situation": "养了两年的小猫走失", "personas": ["喜欢猫"]}


def written(tmp_path: Path, records: list[Any], **told: Any) -> list[Dialogue]:
    """What is read again of a converted set."""
    source, output = tmp_path / told.pop("name", "set.jsonl"), tmp_path / "pica.jsonl"
    if records:
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
        source.write_text("\n".join(lines), encoding="utf-8")
    one = {"path": source, "dataset": "SET", **told}
    convert(TasksConfig.model_validate({"sets": [one], "output": output}))
    return list(read(output, "pica"))


def test_a_text_and_its_label(tmp_path: Path) -> None:
    records = [{"text": "好开心", "label": "joy"}, {"text": "好难过", "label": "sad"}]
    labels = {"joy": "高兴", "sad": "难过"}
    found = written(tmp_path, records, task="txt_clf", labels=labels)
    assert [one.messages[-1].text for one in found] == ["高兴", "难过"]
    assert all("高兴" in one.messages[0].text and "难过" in one.messages[0].text for one in found)
    assert {(one.task, one.source) for one in found} == {("txt_clf", "SET")}


def test_an_unknown_label_is_told_and_not_made_a_class_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"set.jsonl:1 .*'jyo' is none of the labels, did you mean"):
        written(tmp_path, [{"text": "好", "label": "jyo"}], task="txt_clf", labels=["joy"])
    assert not (tmp_path / "pica.jsonl").exists()


def test_a_csv_is_read_under_its_own_names(tmp_path: Path) -> None:
    (tmp_path / "set.csv").write_text("sentence,emo\n好开心,joy\n", encoding="utf-8-sig")
    fields = {"text": "sentence", "label": "emo"}
    (one,) = written(
        tmp_path, [], name="set.csv", task="txt_clf", labels=["joy", "sad"], fields=fields
    )
    assert [message.text for message in one.messages[1:]] == ["好开心", "joy"]


def test_every_labelled_turn_is_an_instance_and_shows_no_label(tmp_path: Path) -> None:
    found = written(tmp_path, [DIALOGUE], task="dia_clf", labels=["sad", "caring"])
    assert [one.messages[-1].text for one in found] == ["sad", "caring", "caring"]
    assert found[1].messages[1].text == "A: 我的猫丢了\n找了三天\nB: 你一定很想它"


def test_emotions_and_their_causes_one_pair_a_line(tmp_path: Path) -> None:
    pairs = [{"label": "难过", "cause": "猫丢了"}, {"label": "害怕", "cause": "天黑了"}]
    (one,) = written(tmp_path, [{"text": "猫丢了，天又黑了", "pairs": pairs}], task="er_abs")
    assert one.messages[-1].text == "难过：猫丢了\n害怕：天黑了"


def test_replies_are_told_by_their_speaker_and_their_label_is_never_shown(tmp_path: Path) -> None:
    found = written(tmp_path, [DIALOGUE], task="dia_gen", reply_by="B")
    assert [one.messages[-1].text for one in found] == ["你一定很想它", "我陪你等"]
    assert [message.role for message in found[1].messages] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
    ]
    for one in found:
        shown = "".join(message.text for message in one.messages[:-1])
        assert "caring" not in shown
        assert "empathy" not in shown
        assert "situation: 养了两年的小猫走失" in one.messages[0].text
        assert one.messages[-1].emotion == "caring"


def test_a_control_that_names_the_label_is_left_out(tmp_path: Path) -> None:
    record = {**DIALOGUE, "situation": "feeling caring about a cat"}
    found = written(tmp_path, [record], task="dia_gen", reply_by="B")
    assert all("situation" not in one.messages[0].text for one in found)


def test_a_reply_that_was_said_before_is_passed_over(tmp_path: Path) -> None:
    record = {**DIALOGUE, "situation": "我陪你等，她说"}
    found = written(tmp_path, [record], task="dia_gen", reply_by="B")
    assert [one.messages[-1].text for one in found] == ["你一定很想它"]


def test_an_unknown_speaker_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nobody in it is called 'C'"):
        written(tmp_path, [DIALOGUE], task="dia_gen", reply_by="C")


def test_the_situation_behind_a_dialogue(tmp_path: Path) -> None:
    (one,) = written(tmp_path, [DIALOGUE], task="dia_inf")
    assert one.messages[-1].text == "养了两年的小猫走失"
    assert "走失" not in one.messages[1].text


def test_personal_data_is_hidden_everywhere(tmp_path: Path) -> None:
    turns = [{**TURNS[0], "text": "打我电话13812345678"}, TURNS[2]]
    record = {"turns": turns, "situation": "电话是13812345678"}
    (one,) = written(tmp_path, [record], task="dia_gen", reply_by="B")
    assert "13812345678" not in "".join(message.text for message in one.messages)
    assert "situation: 电话是<phone>" in one.messages[0].text


def test_instructions_are_worded_differently_and_the_same_each_time(tmp_path: Path) -> None:
    records = [{"text": f"好{n}", "label": "joy"} for n in range(30)]
    once = written(tmp_path, records, task="txt_clf", labels=["joy", "sad"])
    again = written(tmp_path, records, task="txt_clf", labels=["joy", "sad"])
    assert once == again
    assert len({one.messages[0].text for one in once}) > 3
