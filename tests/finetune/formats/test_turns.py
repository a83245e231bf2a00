"""Consecutive messages of one speaker: refused, merged or kept, as the configuration says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.dialogue import Message
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import read
from tests.finetune.formats.samples import lines_of

RECORD: dict[str, Any] = {
    "id": "twice",
    "messages": [
        {"role": "user", "content": "他抢我的球。", "emotion": "angry"},
        {"role": "user", "content": "我哭了。", "emotion": "sad"},
        {"role": "assistant", "content": "球被抢走了。"},
        {"role": "assistant", "content": "你又气又难过。", "strategy": "label"},
    ],
}


def test_they_are_refused_by_default(tmp_path: Path) -> None:
    file = lines_of(tmp_path / "a.jsonl", RECORD)
    told = (
        r"a.jsonl:1 \(record 1\): dialogue 'twice': messages 1 and 2 are both the user's; .*merge"
    )
    with pytest.raises(DataError, match=told):
        list(read(file))


def test_merging_joins_texts_and_keeps_both_notes(tmp_path: Path) -> None:
    (dialogue,) = read(lines_of(tmp_path / "a.jsonl", RECORD), turns="merge")
    assert dialogue.messages == (
        Message("user", "他抢我的球。\n我哭了。", "angry, sad"),
        Message("assistant", "球被抢走了。\n你又气又难过。", strategy="label"),
    )


def test_keeping_changes_nothing(tmp_path: Path) -> None:
    (dialogue,) = read(lines_of(tmp_path / "a.jsonl", RECORD), turns="keep")
    said = [(m.text, m.emotion, m.strategy) for m in dialogue.messages]
    assert said == [
        (m["content"], m.get("emotion", ""), m.get("strategy", "")) for m in RECORD["messages"]
    ]
