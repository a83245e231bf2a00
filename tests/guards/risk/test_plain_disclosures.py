"""Danger told in the fewest words, and the sentences that share those words and tell of none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_guards.risk import Category, Risk, RiskClassifier, RiskLevel
from qiaoban_guards.text import normalise

SHORT = Path(__file__).parents[2] / "data" / "risk" / "short_held_out.jsonl"
OUTSIDERS = ("继父", "老师", "教练", "邻居叔叔", "表哥", "校长", "舅舅", "妈妈的男朋友", "保安")


def assess(text: str) -> Risk:
    return RiskClassifier.shipped().assess(normalise(text))


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in SHORT.read_text(encoding="utf-8").splitlines()]


@settings(deadline=None)  # rules are compiled when they are first needed
@given(
    who=st.sampled_from(OUTSIDERS),
    how=st.sampled_from(["", "老", "总是", "晚上", "偷偷"]),
    end=st.sampled_from(["", "了", "。", "，我好怕", "怎么办", "我不喜欢"]),
)
def test_a_hand_of_anybody_outside_the_family_is_high(who: str, how: str, end: str) -> None:
    risk = assess(f"{who}{how}摸我{end}")
    assert risk.level >= RiskLevel.HIGH
    assert Category.SEXUAL in risk.categories


@settings(deadline=None)
@given(
    who=st.sampled_from(["妈妈", "奶奶", "老师", "爸爸", "医生"]),
    what=st.sampled_from(["的头", "的额头", "的脸说我瘦了", "的书包", "的成绩单"]),
)
def test_a_hand_on_the_head_or_on_a_thing_is_not(who: str, what: str) -> None:
    assert assess(f"{who}摸我{what}").level < RiskLevel.MODERATE


@settings(deadline=None)
@given(
    when=st.sampled_from(["", "刚刚", "晚自习的时候", "考完以后"]),
    where=st.sampled_from(["手上", "手臂上", "手腕上", "胳膊上", "腿上"]),
    how=st.sampled_from(["划了一道", "割了两下", "又划了好几道"]),
)
def test_a_cut_in_the_own_skin_is_high_wherever_it_is(when: str, where: str, how: str) -> None:
    risk = assess(f"{when}我在{where}{how}")
    assert risk.level >= RiskLevel.HIGH
    assert Category.SELF_HARM in risk.categories


@settings(deadline=None)
@given(
    who=st.sampled_from(["我", "弟弟", "我刚才", "妹妹"]),
    whose=st.sampled_from(["外公", "姑姑", "妈妈", "姥姥"]),
    end=st.sampled_from(["", "，有点甜", "，一共五粒"]),
)
def test_somebody_elses_medicine_in_a_childs_stomach_is_high(
    who: str, whose: str, end: str
) -> None:
    assert assess(f"{who}吃了{whose}的药片{end}").level >= RiskLevel.HIGH
    assert assess(f"{whose}给我吃了药片{end}").level < RiskLevel.MODERATE


@pytest.mark.parametrize("pet", ["仓鼠", "乌龟", "小狗", "兔子"])
def test_a_pet_that_does_not_wake_needs_no_ambulance_and_a_father_does(pet: str) -> None:
    assert assess(f"我的{pet}叫不醒").level < RiskLevel.HIGH
    assert assess(f"{pet}一直叫，爸爸倒在地上叫不醒").level is RiskLevel.IMMINENT


@settings(deadline=None)
@given(
    who=st.sampled_from(["老师", "教练", "体育老师", "阿姨"]),
    what=st.sampled_from(["脱了鞋再上垫子", "把袜子脱了", "脱掉外套跑步", "先脱鞋"]),
)
def test_shoes_and_coats_are_taken_off_without_alarm(who: str, what: str) -> None:
    assert assess(f"{who}让我{what}").level < RiskLevel.MODERATE


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("爸爸晚上来我床上", Category.SEXUAL),
        ("叔叔要我脱光", Category.SEXUAL),
        ("哥哥给我看黄片", Category.SEXUAL),
        ("老师打我", Category.ABUSE),
        ("老师扇我耳光", Category.ABUSE),
        ("宿管踢我", Category.ABUSE),
        ("爸爸拿刀", Category.ABUSE),
        ("两天没给我饭吃", Category.ABUSE),
        ("我吃完就吐", Category.EATING),
        ("我带刀了", Category.VIOLENCE),
        ("my uncle touched my private parts", Category.SEXUAL),
        ("my brother made me touch him", Category.SEXUAL),
        ("my teacher pinches me", Category.ABUSE),
        ("dad said he will kill me", Category.ABUSE),
        ("im running away tonight", Category.RUNAWAY),
    ],
)
def test_what_an_adult_must_know_today_is_high(text: str, category: Category) -> None:
    risk = assess(text)
    assert risk.level >= RiskLevel.HIGH
    assert category in risk.categories


@pytest.mark.parametrize(
    "text",
    ["我觉得活着没意思", "要是没有我就好了", "我不想明天醒过来", "我不敢回家", "我今晚就走"],
)
def test_a_wish_not_to_be_and_a_wish_to_be_gone_are_moderate(text: str) -> None:
    assert assess(text).level is RiskLevel.MODERATE


@pytest.mark.parametrize(
    "text",
    [
        "老师摸底考试",
        "爷爷摸麻将",
        "摸鱼",
        "爸爸晚上来我房间讲故事",
        "老师打我电话",
        "老师打我分数好低",
        "老师踢我出群",
        "弟弟打我一下",
        "爸爸拿刀切西瓜",
        "奶奶让我把湿衣服脱了",
        "没意思的电影",
        "我今晚就走 去外婆家",
        "tag! he touched me, im it",
        "teacher hit me with so much homework",
        "dad has a knife for fishing",
    ],
)
def test_the_same_words_without_a_danger_alarm_nobody(text: str) -> None:
    assert assess(text).level < RiskLevel.MODERATE


def test_most_short_disclosures_that_no_rule_was_mended_from_are_flagged() -> None:
    told = [row for row in rows() if row["level"] not in ("none", "low")]
    found = sum(assess(row["text"]).level >= RiskLevel.MODERATE for row in told)
    assert found >= 0.84 * len(told)


def test_few_of_their_harmless_twins_are() -> None:
    harmless = [row for row in rows() if row["level"] in ("none", "low")]
    found = sum(assess(row["text"]).level >= RiskLevel.MODERATE for row in harmless)
    assert found <= 0.16 * len(harmless)
