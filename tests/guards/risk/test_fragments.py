from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_guards.risk import Category, Risk, RiskClassifier, RiskLevel
from qiaoban_guards.risk.fragments import assess_after
from qiaoban_guards.text import normalise

_PIECES = st.one_of(
    st.sampled_from(
        ["我想", "死", "自", "杀", "不想", "活了", "i want to", "die", "我爸", "打我", "🔪", ""]
    ),
    st.text(st.characters(codec="utf-8"), max_size=14),
)


def after(previous: str, message: str, *open_: Category) -> Risk:
    shipped = RiskClassifier.shipped()
    return assess_after(shipped, normalise(message), normalise(previous).plain, open_)


def alone(message: str) -> Risk:
    return RiskClassifier.shipped().assess(normalise(message))


@pytest.mark.parametrize(
    ("previous", "message", "category"),
    [
        ("我想", "死", Category.SELF_HARM),
        ("我想", "去死", Category.SELF_HARM),
        ("不想", "活了", Category.SELF_HARM),
        ("我不", "想活了", Category.SELF_HARM),
        ("我爸", "打我", Category.ABUSE),
        ("i want to", "die", Category.SELF_HARM),
        ("i wanna", "die", Category.SELF_HARM),
        ("I want to", "kill myself", Category.SELF_HARM),
    ],
)
def test_a_thought_typed_in_pieces_is_heard(
    previous: str, message: str, category: Category
) -> None:
    risk = after(previous, message)
    assert risk.level >= RiskLevel.HIGH
    assert category in risk.categories


def test_a_single_word_typed_in_pieces_is_at_least_a_concern() -> None:
    assert after("自", "杀").level >= RiskLevel.MODERATE


@pytest.mark.parametrize(
    ("previous", "message"),
    [
        ("我想", "吃饭"),
        ("我想", "妈妈"),
        ("我想", "死党来了"),
        ("我今天", "去公园了"),
        ("爸爸", "打球"),
        ("i want to", "play"),
        ("i want to", "eat"),
        ("hello", "there"),
    ],
)
def test_ordinary_pieces_stay_calm(previous: str, message: str) -> None:
    assert after(previous, message).level < RiskLevel.MODERATE


@settings(deadline=None)
@given(_PIECES, _PIECES)
def test_findings_stand_inside_the_last_message(previous: str, message: str) -> None:
    for finding in after(previous, message).findings:
        assert 0 <= finding.start < finding.end <= len(message)
        assert finding.span == message[finding.start : finding.end]


@settings(deadline=None)
@given(_PIECES, _PIECES)
def test_what_came_before_takes_nothing_away(previous: str, message: str) -> None:
    assert after(previous, message).level >= alone(message).level


@pytest.mark.parametrize(
    ("previous", "message"),
    [
        ("我想跟你说说今天在学校里发生的事情，然后我想", "死"),
        ("i want to tell you about everything at school and i want to", "die"),
        ("我想", "死机的电脑今天终于被爸爸拿去店里修好了"),
    ],
)
def test_a_long_message_is_not_joined(previous: str, message: str) -> None:
    assert after(previous, message) == alone(message)


@pytest.mark.parametrize("message", ["死", "自杀", "吃饭", ""])
def test_the_first_message_is_judged_by_itself(message: str) -> None:
    assert after("", message) == alone(message)


def test_a_grave_message_is_not_held_against_the_next_one() -> None:
    assert after("我想自杀", "嗯") == alone("嗯")


def test_a_message_is_not_judged_milder_for_being_the_second_piece() -> None:
    assert after("我想", "自杀").level >= alone("自杀").level
