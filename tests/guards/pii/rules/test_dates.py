from __future__ import annotations

import pytest

from qiaoban_guards.pii.kinds import Kind
from tests.guards.pii.rules.trials import PLACES_AND_PEOPLE, assert_linear

found, found_and_marked = PLACES_AND_PEOPLE.found, PLACES_AND_PEOPLE.found_and_marked


@pytest.mark.parametrize(
    "sentence",
    [
        "我生日是[[birthday:5月6日]]",
        "[[birthday:6月1号]]是我生日",
        "我[[birthday:2012年3月5日]]出生",
        "我的生日是[[birthday:农历八月十五]]",
        "我今年[[age:9岁]]",
        "弟弟[[age:3岁]]",
        "我[[age:十岁半]]",
        "快[[age:八岁]]了",
        "我表弟[[name:罗小宝]]今年[[age:6岁]]",
        "我生日[[birthday:2014.8.19]]，狮子座",
        "我读初二，今年[[age:14]]，男",
        "[[birthday:腊月二十三]]是我生日",
        "我是[[birthday:2010年2月28号]]出生的",
        "我生日在[[birthday:腊月初八]]",
        "我哥[[age:十六岁]]，我[[age:十二岁]]",
        "妈妈[[age:38岁]]了还像小孩",
        "生日写[[birthday:20140217]]",
        "我[[birthday:十月廿三]]生日",
        "我生日是[[birthday:3月9日]]，我哥[[birthday:3月10日]]",
        "我是[[birthday:2012.11.25]]的射手座",
        "我[[age:九岁]]，你几岁",
        "虚岁[[age:十二]]，实际没到",
        "本人女[[age:15]]",
        "我[[age:11岁]]生日那天下雪了",
    ],
)
def test_a_birthday_and_an_age_are_found(sentence: str) -> None:
    seen, marked = found_and_marked(sentence)
    assert seen == marked


@pytest.mark.parametrize(
    "sentence",
    [
        "我生日快到了",
        "5月6号考试",
        "生日会在周六",
        "三岁小孩都会",
        "五岁以上才能玩",
        "我比他大两岁",
        "小明今年8岁，爸爸比他大28岁，爸爸几岁",
        "鲁迅1881年9月25日出生，要背吗",
        "我家狗叫豆豆 3岁了",
        "期末考了95，班里第3",
        "压岁钱没收了",
        "比分是3.5比4.6",
        "国庆节是祖国妈妈的生日，10月1日",
        "我生日快到了，6月1号放假",
    ],
)
def test_other_dates_and_numbers_of_years_are_neither(sentence: str) -> None:
    assert found(sentence) == []


@pytest.mark.parametrize("kind", [Kind.BIRTHDAY, Kind.AGE])
@pytest.mark.parametrize("part", ["岁3", "生日2013.", "二十", "我今年都", "5月6号", "1"])
def test_long_runs_take_time_in_proportion_to_their_length(part: str, kind: Kind) -> None:
    assert_linear(lambda text: PLACES_AND_PEOPLE.search(text, kind), part)
