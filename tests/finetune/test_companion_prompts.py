"""Dialogues are learnt behind what a companion asks its model with, and nothing else is learnt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.companion_prompts import PROMPTS, as_asked, prompted
from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.encoding import IGNORED, LEARN_LAST, Encoder
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.formats import read
from tests.finetune import runs

SAID, REPLY = "我的小金鱼死了。", "小金鱼陪了你那么久，它不在了，你一定很难过。"
THEN, AGAIN = "我昨天还给它换水了。", "你给它换水，是因为你在乎它。它平时是什么样子？"
PLAIN = Dialogue(
    "goldfish",
    (
        Message("user", SAID),
        Message("assistant", REPLY),
        Message("user", THEN),
        Message("assistant", AGAIN),
    ),
    licence="CC0-1.0",
)


def configured(folder: Path, *dialogues: Dialogue, **data: Any) -> TrainingConfig:
    file = folder / "plain.jsonl"
    rows = [
        {"messages": [{"role": m.role, "content": m.text} for m in each.messages]}
        for each in dialogues
    ]
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return runs.configured(folder, file, data={"companion": "default", **data})


def test_each_reply_stands_behind_what_the_companion_asked_with() -> None:
    first, second = as_asked([PLAIN], "default")
    assert [m.role for m in first.messages] == ["system", "user", "assistant"]
    assert [m.text for m in first.messages[1:]] == [SAID, REPLY]
    assert [m.role for m in second.messages] == ["system", *["user", "assistant"] * 2]
    assert [m.text for m in second.messages[3:]] == [THEN, AGAIN]
    assert second.messages[2].text.endswith(REPLY), "what was said, a notice before it"
    assert first.messages[0].text != second.messages[0].text, "each names its own step"
    assert (first.id, second.id) == ("goldfish#1", "goldfish#3")
    assert {each.licence for each in (first, second)} == {"CC0-1.0"}


def test_what_it_asks_with_is_what_it_asks_a_model_with() -> None:
    dialogue = Dialogue("a", (Message("user", runs.SAID), Message("assistant", runs.TAUGHT)))
    (asked,) = as_asked([dialogue], "default")
    assert [{"role": m.role, "content": m.text} for m in asked.messages[:-1]] == runs.prompt(
        runs.SAID
    )


def test_a_dialogue_with_a_system_message_is_as_it_was() -> None:
    own = Dialogue("own", (Message("system", "你是我。"), *PLAIN.messages))
    assert list(as_asked([own], "default")) == [own]


def test_a_reply_that_no_model_is_asked_for_is_left_out() -> None:
    danger = Dialogue("d", (Message("user", "我不想活了。"), Message("assistant", "别这样。")))
    assert not list(as_asked([danger], "default"))


@pytest.mark.models
def test_only_the_last_reply_is_learnt(fresh: Path) -> None:
    transformers: Any = pytest.importorskip("transformers")
    encoder = Encoder(transformers.AutoTokenizer.from_pretrained(fresh), "qiaoban", 2000)
    first, second = as_asked([PLAIN], "default")
    for dialogue in (first, second):
        assert LEARN_LAST in dialogue.extra
        (example,) = encoder.examples(dialogue)
        learnt = [label for label in example.labels if label != IGNORED]
        assert example.labels[-len(learnt) :] == tuple(learnt)
        assert encoder.tokenizer.decode(learnt[:-1]) == dialogue.messages[-1].text


def test_the_files_of_a_run_are_written_once_and_can_be_read(tmp_path: Path) -> None:
    config = configured(tmp_path, PLAIN)
    (source,) = prompted(config).data.train
    assert source.path.parent == config.output / PROMPTS
    assert source.licence == config.data.train[0].licence
    assert [each.extra for each in read(source.path, source.format)] == [(LEARN_LAST,)] * 2
    before = source.path.stat().st_mtime_ns
    assert prompted(config).data.train == (source,)
    assert source.path.stat().st_mtime_ns == before
    other = configured(tmp_path, PLAIN, companion="cn-school").data
    assert prompted(config.model_copy(update={"data": other})).data.train != (source,)


def test_a_run_without_it_has_its_data_as_it_stands(tmp_path: Path) -> None:
    config = configured(tmp_path, PLAIN, companion=None)
    assert prompted(config) is config


def test_a_policy_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.companion: "):
        prompted(configured(tmp_path, PLAIN, companion="nobody"))
