from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.pii.introductions import introduction
from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match, Reading, Rule
from qiaoban_guards.text import normalise
from tests.guards.pii.rules.numbers import NUMBERS
from tests.guards.pii.rules.trials import assert_linear

_UNITS = [
    "1", "1 ", "1-", "一", "a", "a.", "a1", "a@", "www.", "a-", "https://a", "京a", "密码1", "qq1 ",
    "微信a1 ", "按1", "(0571)", "+86", "a#1", "抖音号叫", "身份证1", "电话1 ", "是", "，",
]  # fmt: skip


@pytest.mark.parametrize("unit", _UNITS)
def test_time_grows_with_the_length_and_no_faster(unit: str) -> None:
    assert_linear(NUMBERS.finder.find, unit)


@given(st.text(st.sampled_from("0138一二三八 -.@#abq微信密码是号我京a/:"), max_size=60))
def test_what_is_found_lies_in_the_message_and_apart(text: str) -> None:
    found = NUMBERS.finder.find(text)
    ends = [0, *(entity.end for entity in found)]
    assert all(0 <= e.start < e.end <= len(text) and 0 < e.score <= 1 for e in found)
    assert all(end <= entity.start for end, entity in zip(ends, found, strict=False))


def test_every_rule_is_named_after_its_kind_and_once() -> None:
    names = [rule.id for rule in NUMBERS.rules]
    assert len(set(names)) == len(names)
    assert all(rule.id.partition(".")[0] == rule.kind.value for rule in NUMBERS.rules)


@pytest.mark.parametrize(
    ("text", "topic", "direct"),
    [
        ("手机密码是123456", "password", True),
        ("QQ是123456", "qq", True),
        ("QQ空间里看到123456", "qq", False),
        ("快递的订单号是123456", "other", True),
        ("QQ是98765。然后123456", "", False),
        ("123456是我家门的密码", "door_code", True),
        ("家里123456", "", False),
    ],
)
def test_the_nearest_word_says_what_a_value_is(text: str, topic: str, direct: bool) -> None:
    reading = Reading(normalise(text))
    match = re.search("123456", reading.plain)
    assert match is not None
    said = introduction(Match(reading, match, *match.span()))
    assert (said.topic, said.direct) == (topic, direct)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("13812345678一起玩", "13812345678一起玩"),
        ("一三八一二三四五六七八一起", "13812345678一起"),
        ("八13812345678", "八13812345678"),
        ("138一二三四5678", "13812345678"),
        ("二零一三年", "2013年"),
    ],
)
def test_han_digits_of_words_are_no_part_of_a_number(text: str, read: str) -> None:
    assert Reading(normalise(text)).digits == read


def test_a_rule_without_a_check_has_its_own_score() -> None:
    rule = Rule("phone.test", Kind.PHONE, r"\d{3}", 0.4)
    assert list(rule.find(Reading(normalise("a123")))) == [(1, 4, 0.4)]
