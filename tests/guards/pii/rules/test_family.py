from __future__ import annotations

import pytest

from qiaoban_guards.pii.kinds import Kind
from tests.guards.pii.rules.trials import PLACES_AND_PEOPLE, assert_linear

found, found_and_marked = PLACES_AND_PEOPLE.found, PLACES_AND_PEOPLE.found_and_marked


@pytest.mark.parametrize(
    "sentence",
    [
        "我爸爸在[[workplace:比亚迪]]上班",
        "我妈妈是[[workplace:市第二医院]]的护士",
        "我妈在[[workplace:建设路的沃尔玛]]当收银员",
        "我一个人在[[location:人民公园]]",
        "我现在在[[location:汽车南站]]，没人接我",
        "我给你发[[photo:我的照片]]好不好",
        "要不要看[[photo:我的自拍]]",
        "我爸在[[workplace:城南汽修厂]]修车，手总是黑的",
        "我现在在[[location:地铁2号线人民广场站B口]]，妈妈还没来",
        "我们[[photo:视频通话]]吧",
        "我爸在[[workplace:中石化]]上班",
        "妈妈在[[workplace:阳光幼儿园]]当老师",
        "我一个人在[[location:东方广场]]等妈妈",
        "我现在在[[location:宜家二楼]]",
        "我爸爸在[[workplace:攀钢]]拧螺丝",
        "我妈是[[workplace:东街派出所]]的",
        "姑姑开了家美甲店，叫[[workplace:指尖时光]]",
        "我躲在[[location:体育馆更衣室]]",
        "我们住[[location:海景酒店1203房]]",
        "迷路了，这里是[[location:世纪公园北门]]",
        "我给你打[[photo:视频电话]]",
        "他要我的照片，[[photo:我的自拍]]我马上发",
    ],
)
def test_a_place_of_work_a_whereabouts_and_an_offered_picture_are_found(sentence: str) -> None:
    seen, marked = found_and_marked(sentence)
    assert seen == marked


@pytest.mark.parametrize(
    "sentence",
    [
        "我爸在工地上班",
        "我爸爸在外地打工",
        "我妈妈在家做饭",
        "我在家写作业",
        "我在学校",
        "老师发照片了",
        "我看到一张照片",
        "他让我发我的照片",
        "我不敢给你发我的照片",
        "昨天我在中心公园看到一只鸟",
        "爸爸是医生",
        "我一个人在楼顶",
        "现在在马路边",
        "他们在器材室门口等我",
        "妈妈在超市买排骨",
        "我爸在银行取钱",
        "他让我发照片我没发",
        "同学把我的照片传了",
    ],
)
def test_what_many_share_and_what_others_ask_for_is_none(sentence: str) -> None:
    assert found(sentence) == []


@pytest.mark.parametrize("kind", [Kind.WORKPLACE, Kind.LOCATION, Kind.PHOTO])
@pytest.mark.parametrize("part", ["我爸爸在", "我现在在", "给你发我", "我把", "在", "的"])
def test_long_runs_take_time_in_proportion_to_their_length(part: str, kind: Kind) -> None:
    assert_linear(lambda text: PLACES_AND_PEOPLE.search(text, kind), part)
