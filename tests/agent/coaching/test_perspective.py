"""A clause said back: pronouns turned round, and nothing that would read as another's words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_agent.coaching.perspective import said_back

TURNED_ZH = [
    ("我的小金鱼死了", "你的小金鱼死了"),
    ("我们班输了比赛", "你们班输了比赛"),
    ("妈妈骂我了", "妈妈骂你了"),
    ("咱们家的猫丢了", "你们家的猫丢了"),
    ("咱俩吵架了", "你们俩吵架了"),
    ("俺爷爷住院了", "你爷爷住院了"),
    ("同桌抢我的橡皮", "同桌抢你的橡皮"),
    ("他们不带我玩", "他们不带你玩"),
    ("我考砸了", "你考砸了"),
    ("爸爸答应我的事没做到", "爸爸答应你的事没做到"),
    ("弟弟撕了我的画", "弟弟撕了你的画"),
    ("我把我的杯子打碎了", "你把你的杯子打碎了"),
    ("我们要搬家了", "你们要搬家了"),
    ("他说我胖", "他说你胖"),
    ("别人都有我没有", "别人都有你没有"),
    ("奶奶养的花枯了", "奶奶养的花枯了"),
]
TURNED_EN = [
    ("my goldfish died", "your goldfish died"),
    ("I lost my bag", "you lost your bag"),
    ("they left me out", "they left you out"),
    ("we lost the game", "you lost the game"),
    ("our dog ran away", "your dog ran away"),
    ("I'm failing maths", "you're failing maths"),
    ("im moving away", "you're moving away"),
    ("I've lost my ring", "you've lost your ring"),
    ("she took mine", "she took yours"),
    ("i hurt myself", "you hurt yourself"),
    ("i was late", "you were late"),
    ("i wasn't invited", "you weren't invited"),
    ("I am stuck at home", "you are stuck at home"),
    ("dad forgot us", "dad forgot you"),
    ("the ball they broke was ours", "the ball they broke was yours"),
    ("MY BROTHER HIT ME", "your brother hit you"),
]
ASKED = [
    ("zh", "我的狗是不是死了"),
    ("zh", "我的狗怎么死了"),
    ("zh", "谁拿了我的笔"),
    ("zh", "我的橡皮在哪里"),
    ("zh", "我迟到了吗"),
    ("zh", "我的狗死了?"),
    ("en", "why did my dog die"),
    ("en", "did my dog die"),
    ("en", "my dog died?"),
    ("en", "who took my pencil"),
    ("en", "are we moving house"),
]
HEDGED_OR_BROKEN = [
    ("zh", "他可能不喜欢我了"),
    ("zh", "好像我迟到了"),
    ("zh", "也许下雨了"),
    ("zh", "我应该考砸了"),
    ("zh", "反正我输了"),
    ("zh", "告诉你我的狗死了"),
    ("zh", "因为下雨所以"),
    ("zh", "他把我的"),
    ("zh", "的小狗死了"),
    ("en", "my dog and my cat are"),
    ("en", "he broke it because"),
    ("en", "and then he hit me"),
    ("en", "because he lost it"),
    ("en", "my little brown dog"),
    ("en", "the whole day alone"),
]
TOO_LONG_OR_SHORT = [
    ("zh", ""),
    ("zh", "  "),
    ("zh", "输了"),
    ("zh", "我的狗" + "跑" * 18),
    ("en", "i lost"),
    ("en", "my dog ran " + "so far " * 10),
    ("en", "my dog ran\naway"),
]
YOU_ZH = ("你", "您", "妳", "你们", "巧板")
YOU_EN = ("you", "your", "yours", "you're", "youre", "u", "ur", "yourself", "YOU", "Your")

said_zh = st.lists(
    st.sampled_from(
        [
            "我",
            "我们",
            "俺",
            "俺们",
            "咱",
            "咱们",
            "他",
            "妈妈",
            "狗",
            "的",
            "把",
            "丢了",
            "骂",
            "，",
            "1",
        ]
    ),
    max_size=10,
).map("".join)
said_en = st.lists(
    st.sampled_from(
        [
            "i",
            "I",
            "me",
            "Me",
            "my",
            "MY",
            "mine",
            "i'm",
            "I'm",
            "im",
            "i've",
            "i'd",
            "we",
            "us",
            "our",
            "am",
            "was",
            "lost",
            "he",
            "it",
            "the",
            "dog,",
            "and",
        ]
    ),
    max_size=12,
).map(" ".join)


@pytest.mark.parametrize(("clause", "turned"), TURNED_ZH)
def test_chinese_pronouns_are_turned_round(clause: str, turned: str) -> None:
    assert said_back(clause, "zh") == turned


@pytest.mark.parametrize(("clause", "turned"), TURNED_EN)
def test_english_pronouns_are_turned_round(clause: str, turned: str) -> None:
    assert said_back(clause, "en") == turned


@pytest.mark.parametrize(("language", "clause"), ASKED)
def test_a_question_is_not_said_back(language: str, clause: str) -> None:
    assert said_back(clause, "zh" if language == "zh" else "en") is None


@pytest.mark.parametrize(("language", "clause"), HEDGED_OR_BROKEN)
def test_a_hedge_or_a_fragment_is_not_said_back(language: str, clause: str) -> None:
    assert said_back(clause, "zh" if language == "zh" else "en") is None


@pytest.mark.parametrize(("language", "clause"), TOO_LONG_OR_SHORT)
def test_what_is_too_long_or_short_is_not_said_back(language: str, clause: str) -> None:
    assert said_back(clause, "zh" if language == "zh" else "en") is None


def test_blanks_around_a_clause_do_not_matter() -> None:
    assert said_back("  my dog died ", "en") == "your dog died"
    assert said_back(" 我的狗死了 ", "zh") == "你的狗死了"


@given(said_zh | st.text(max_size=22))
def test_nothing_said_back_in_chinese_has_the_speakers_own_pronoun(clause: str) -> None:
    turned = said_back(clause, "zh")
    assert turned is None or not re.search("[我俺咱]", turned)


@given(said_en | st.text(st.characters(max_codepoint=0x7F), max_size=70))
def test_nothing_said_back_in_english_has_the_speakers_own_pronoun(clause: str) -> None:
    turned = said_back(clause, "en")
    assert turned is None or not re.search(
        r"\b(?:i|i'm|me|my|mine|myself|we|us|our|ours)\b", turned, re.IGNORECASE
    )


@given(said_zh, st.sampled_from(YOU_ZH), said_zh)
def test_what_speaks_to_the_companion_is_not_said_back_in_chinese(
    before: str, you: str, after: str
) -> None:
    assert said_back(before + you + after, "zh") is None


@given(said_en, st.sampled_from(YOU_EN), said_en)
def test_what_speaks_to_the_companion_is_not_said_back_in_english(
    before: str, you: str, after: str
) -> None:
    assert said_back(f"{before} {you} {after}", "en") is None


@given(said_zh | said_en, st.sampled_from(["zh", "en"]))
def test_what_is_said_back_stays_short(clause: str, language: str) -> None:
    turned = said_back(clause, "zh" if language == "zh" else "en")
    assert turned is None or 0 < len(turned) <= 3 * len(clause)
