from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qiaoban_guards.text import Text, normalise
from qiaoban_guards.text.evasions import unmask

_EVASIONS = [
    ("自鲨", "自杀"),
    ("zs", "自杀"),
    ("zisha", "自杀"),
    ("zi sha", "自杀"),
    ("Zi Sha", "自杀"),
    ("zì shā", "自杀"),
    ("自sha", "自杀"),
    ("自.杀", "自杀"),
    ("自,杀", "自杀"),
    ("自 * 杀", "自杀"),
    ("自/杀", "自杀"),
    ("歹匕", "死"),
    ("自乂木", "自杀"),
    ("想4", "想死"),
    ("割碗", "割腕"),
    ("tiao楼", "跳楼"),
]
_ENGLISH = [
    ("k1ll", "kill"),
    ("mys3lf", "myself"),
    ("k*ill", "kill"),
    ("s u i c i d e", "suicide"),
    ("s.u.i.c.i.d.e", "suicide"),
    ("S-U-I-C-I-D-E", "suicide"),
    ("suic1de", "suicide"),
    ("kms", "kill myself"),
    ("unalive", "kill"),
    ("d1e", "die"),
]
_PIECES = st.one_of(
    st.sampled_from([typed for typed, _ in (*_EVASIONS, *_ENGLISH)]),
    st.sampled_from(["🔪", "💊", "哈哈哈哈", "死死死死", "我想", "了", "4", "紫砂壶", "妈"]),
    st.sampled_from(list(" .,*-_、，。\n\u200b\u0336\u3000")),
    st.text(max_size=3),
)
_MESSAGES = st.one_of(st.text(), st.lists(_PIECES, max_size=8).map("".join))


def read_back(typed: str) -> str:
    return unmask(normalise(typed)).plain


def typed_for(text: Text, meaning: str) -> str:
    """What was typed where `meaning` is read."""
    found = text.plain.index(meaning)
    start, end = text.span(found, found + len(meaning))
    return text.original[start:end]


@given(_MESSAGES)
@example("我.想.死.")
@example("zs🔪想4了")
@example("\ud800zs\udfff")
def test_every_character_points_into_the_original(message: str) -> None:
    text = unmask(normalise(message))
    assert text.original == message
    assert len(text.starts) == len(text.ends) == len(text.plain)
    assert list(text.starts) == sorted(text.starts)
    assert list(text.ends) == sorted(text.ends)
    for start, end in zip(text.starts, text.ends, strict=True):
        assert 0 <= start < end <= len(message)


@given(_MESSAGES)
def test_the_view_is_the_same_each_time(message: str) -> None:
    assert unmask(normalise(message)) == unmask(normalise(message))


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x4EFF), max_size=8))
def test_nothing_to_read_back_is_the_text_itself(message: str) -> None:
    text = normalise(message)
    seen = unmask(text)
    assert seen is text or seen.plain != text.plain


@pytest.mark.parametrize(("typed", "meaning"), _EVASIONS)
@pytest.mark.parametrize(
    "around", ["{}", "我觉得{}吧", "，{}。", "😀{}！！", "ﬁ㎏ {} ok", "昨天\n{}"]
)
def test_a_hidden_chinese_word_is_read_back_where_it_was_typed(
    typed: str, meaning: str, around: str
) -> None:
    text = unmask(normalise(around.format(typed)))
    assert typed_for(text, meaning) == typed


@pytest.mark.parametrize(("typed", "meaning"), _ENGLISH)
@pytest.mark.parametrize(
    "around", ["{}", "i will {} now", "({})", "😀 {}。", "ﬁ㎏ {} ok", "我{}啊"]
)
def test_a_hidden_english_word_is_read_back_where_it_was_typed(
    typed: str, meaning: str, around: str
) -> None:
    text = unmask(normalise(around.format(typed)))
    assert typed_for(text, meaning) == typed


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("想4了", "想死了"),
        ("我好想4", "我好想死"),
        ("k1ll mys3lf", "kill myself"),
        ("killll", "kill"),
        ("I want to k!ll myself", "i want to kill myself"),
        ("我.想.自.杀", "我想自杀"),
        ("我、想、去、死", "我想去死"),
        ("我想死死死死", "我想死"),
        ("bu xiang huo le", "不想活了"),
        ("他da我", "他打我"),
        ("我想歹匕", "我想死"),
        ("扌丁我", "打我"),
        ("自\u200b鲨", "自杀"),
        ("自鯊", "自杀"),
        ("ｋ１ｌｌ", "kill"),
    ],
)
def test_the_whole_view(typed: str, plain: str) -> None:
    assert read_back(typed) == plain


@pytest.mark.parametrize(("around", "meaning"), [("我想拿{}", "刀"), ("i want the {}", "knife")])
def test_a_picture_is_read_in_the_language_around_it(around: str, meaning: str) -> None:
    text = unmask(normalise(around.format("🔪")))
    assert typed_for(text, meaning) == "🔪"


@pytest.mark.parametrize(
    "message",
    [
        "紫砂壶",
        "爷爷有一把紫砂壶，很贵",
        "我4岁了",
        "4楼",
        "我家住4楼4号",
        "4个苹果",
        "想4天也想不出来",
        "歌手",
        "我想当歌手",
        "表达我的想法",
        "我妈骂,我走了",
        "打人不对,我不打",
        "嗯,好,走",
        "我想吃饭,去公园",
        "自己",
        "马路上有很多车",
        "想啥呢",
        "晚上掉了一颗牙",
        "哈哈哈哈",
        "呜呜呜呜呜",
        "嘿嘿嘿",
        "13812345678",
        "138 1234 5678",
        "0571-8888-4444",
        "我的电话是13844444444",
        "corn",
        "class",
        "assess",
        "pass",
        "skill",
        "skull",
        "grass",
        "butter",
        "diet",
        "hello mississippi",
        "i cut the cake",
        "i skipped class",
        "i.e. this one",
        "a b c d e f g",
        "see you l8r",
        "gr8 b4 4ever",
        "ha ha ha",
        "nihao",
        "ni hao",
        "xiexie",
        "lao shi hao",
        "pengyou",
        "wo xihuan ni",
        "shi zi",
        "chi fan",
        "pinyin",
        "",
        " ",
        "。。。。",
        "1234567",
        "4444",
    ],
)
def test_ordinary_text_is_left_alone(message: str) -> None:
    text = normalise(message)
    assert unmask(text) is text


@pytest.mark.parametrize("word", ["zs", "kms", "gw", "od"])
@pytest.mark.parametrize("around", ["a{}", "{}a", "x{}y", "3{}", "{}5"])
def test_initials_within_a_longer_word_are_left_alone(word: str, around: str) -> None:
    assert read_back(around.format(word)) == around.format(word)


def _seconds(text: Text) -> float:
    times: list[float] = []
    for _ in range(7):
        started = time.perf_counter()
        unmask(text)
        times.append(time.perf_counter() - started)
    return min(times)


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        "我想吃饭，",
        "自 * 杀 ",
        "我.想.死.",
        "s.u.i.c.i.d.e ",
        "bu xiang huo l ",
        "z . i . s . h ",
        "kms ",
        "歹匕",
        "想4了",
        "🔪",
        "aaaa",
        "a.",
        "abcde ",
    ],
)
def test_time_grows_linearly(piece: str) -> None:
    count = 6_000 // len(piece)
    # Four times the text takes four times as long; a quadratic step would take 16 times.
    assert _seconds(normalise(piece * (4 * count))) < 10 * _seconds(normalise(piece * count))
