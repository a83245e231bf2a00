"""Dialogues are read out of answers however models lay them out, and never guessed."""

from __future__ import annotations

import pytest

from qiaoban_finetune.collect.asking import Answer, End, Malformed
from qiaoban_finetune.collect.templates import speakers
from qiaoban_finetune.collect.transcript import turns_of

ZH, EN = speakers("zh"), speakers("en")
LAYOUTS = [
    "孩子：我好烦\n智能助手：怎么了？\n孩子：不想说\n智能助手：好，我陪着你。",
    "好的，以下是对话：\n\n孩子: 我好烦\n\n智能助手: 怎么了？\n\n"
    "孩子: 不想说\n\n智能助手: 好，我陪着你。\n",
    "**孩子**：我好烦\n**智能助手**：怎么了？\n**孩子：**不想说\n**智能助手：**好，我陪着你。",
    "1. 孩子：我好烦\n2. 助手：怎么了？\n3. 小朋友：不想说\n4. AI：好，我陪着你。",
    "- 【孩子】：我好烦\n- 【智能助手】：怎么了？\n- 孩子：不想说\n- 智能助手：好，我陪着你。\n---",
    "孩子：我好烦\n智能助手：怎么了？\n孩子：不想说\n智能助手：好，我陪着你。\n孩子：嗯",
]


@pytest.mark.parametrize("text", LAYOUTS)
def test_reads_every_layout_as_the_same_dialogue(text: str) -> None:
    turns = turns_of(Answer(text), ZH)
    assert not isinstance(turns, Malformed)
    assert [(turn.role, turn.text) for turn in turns] == [
        ("user", "我好烦"),
        ("assistant", "怎么了？"),
        ("user", "不想说"),
        ("assistant", "好，我陪着你。"),
    ]


def test_reads_english_and_what_stands_in_brackets() -> None:
    turns = turns_of(Answer("Child: I'm sad\nAssistant (Restatement): You are sad."), EN)
    assert not isinstance(turns, Malformed)
    assert turns[1].note == "Restatement"
    assert turns[0].text == "I'm sad"


def test_joins_turns_of_one_speaker() -> None:
    turns = turns_of(Answer("孩子：我\n孩子：好烦\n智能助手：嗯"), ZH)
    assert not isinstance(turns, Malformed)
    assert turns[0].text == "我\n好烦"


def test_drops_the_turn_in_which_an_answer_was_cut_short() -> None:
    text = "孩子：我好烦\n智能助手：怎么了？\n孩子：就是\n智能助手：我在"
    turns = turns_of(Answer(text, "cut_short"), ZH)
    assert not isinstance(turns, Malformed)
    assert [turn.text for turn in turns] == ["我好烦", "怎么了？"]


@pytest.mark.parametrize(
    ("text", "end", "reason"),
    [
        ("我不能写这样的对话。", "whole", "no speakers"),
        ("", "refused", "refused by the server's filter"),
        ("智能助手：你好\n孩子：嗨\n智能助手：嗯", "whole", "begins with the assistant"),
        ("孩子：我好烦\n\n（他低下了头）\n智能助手：嗯", "whole", "narration between turns"),
        ("孩子：我好烦", "whole", "no whole exchange"),
        ("孩子：我好烦\n智能助手：怎", "cut_short", "no whole exchange"),
    ],
)
def test_says_why_an_answer_is_malformed(text: str, end: End, reason: str) -> None:
    found = turns_of(Answer(text, end), ZH)
    assert isinstance(found, Malformed)
    assert found.reason == reason
