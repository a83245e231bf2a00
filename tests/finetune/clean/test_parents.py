"""An assistant that is taken for a parent is found, rewritten where plain, and else goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from qiaoban_finetune.clean.parents import as_parent
from qiaoban_finetune.formats import read
from tests.finetune.clean.samples import cleaned, record, texts


@pytest.mark.parametrize(
    ("child", "rewritten"),
    [
        ("妈妈，今天老师表扬我了！", "今天老师表扬我了！"),
        ("谢谢妈咪，超级开心！", "谢谢你，超级开心！"),
        ("好的，妈妈！", "好的！"),
        ("好的妈妈，谢谢你！", "好的，谢谢你！"),
        ("我也爱你，妈妈！", "我也爱你！"),
        ("嗯，对了妈妈，我得奖了", "嗯，对了，我得奖了"),
        ("噢，妈妈，我想起来了！", "噢，我想起来了！"),
        ("谢谢你一直支持我，妈妈！", "谢谢你一直支持我！"),
        ("妈，你有空吗？", "你有空吗？"),
    ],
)
def test_a_child_that_addresses_its_parent_addresses_nobody(child: str, rewritten: str) -> None:
    outcome = cleaned(record("我有话说，很长的话", "我在听。", child, "嗯，我听到了。"))
    assert texts(outcome)[2] == rewritten


def test_a_reply_that_speaks_as_the_parent_says_i() -> None:
    said = ["妈妈，我得了第一名！", "妈妈也很开心。", "真的吗？谢谢妈妈！", "当然，跟妈妈说说看。"]
    assert texts(cleaned(record(*said))) == [
        "我得了第一名！",
        "我也很开心。",
        "真的吗？谢谢你！",
        "当然，跟我说说看。",
    ]


@pytest.mark.parametrize(
    "said",
    [
        ("我妈妈今天骂我了", "妈妈骂你，你很委屈吧。", "妈妈说我不听话", "妈妈也许很着急，你呢？"),
        ("爸爸妈妈离婚了", "听起来很难受。", "妈妈不要我了", "妈妈也会想你的，我陪着你。"),
        ("我想妈妈", "你很想妈妈。", "我要跟妈妈说谢谢", "妈妈听了会很高兴的。"),
        (
            "My mum shouted at me",
            "That must have hurt.",
            "mum is always cross",
            "Your mum is cross.",
        ),
    ],
)
def test_a_parent_that_is_talked_about_stays(said: tuple[str, ...]) -> None:
    assert texts(cleaned(record(*said))) == list(said)


@pytest.mark.parametrize(
    "reply",
    ["我永远是你的妈妈。", "作为你的爸爸，我要说你。", "乖女儿，别哭了。"],
)
def test_a_reply_that_claims_to_be_the_parent_goes(reply: str) -> None:
    outcome = cleaned(record("我今天很难过的，真的", "怎么了？", "没什么", reply))
    assert outcome.reason == "speaks as a parent"


def test_a_mum_in_english_goes_and_a_word_of_thanks_is_rewritten() -> None:
    said = ["I feel so sad about it", "What happened?", "thanks, mum", "I'm your mum, dear."]
    assert cleaned(record(*said)).reason == "speaks as a parent"
    assert texts(cleaned(record(*said[:3], "I hear you.")))[2] == "thanks"


def test_it_may_be_dropped_or_kept_as_it_is() -> None:
    said = record("妈妈，我得了第一名！", "真棒，怎么做到的？", "练了很久", "坚持了很久呢。")
    assert cleaned(said, parent="drop").reason == "speaks as a parent"
    assert texts(cleaned(said, parent="keep"))[0] == "妈妈，我得了第一名！"


def test_it_is_found_in_what_qiaoban_published(shared: Path) -> None:
    file = shared / "data" / "qiaoban_child_chat_20.json"
    found = [as_parent(one.messages, "zh") for one in read(file, turns="merge")]
    assert sum(one is not None for one in found) >= 19
