from __future__ import annotations

import pytest

from qiaoban_guards.pii.kinds import Kind
from tests.guards.pii.rules.trials import PLACES_AND_PEOPLE, assert_linear

found, found_and_marked = PLACES_AND_PEOPLE.found, PLACES_AND_PEOPLE.found_and_marked


@pytest.mark.parametrize(
    "sentence",
    [
        "我读[[school:滨江实验小学]]，[[school:三（2）班]]",
        "我是[[school:北京市第八十中学]]的学生",
        "我在[[school:二小]]上学",
        "我弟弟在[[school:红星幼儿园中一班]]",
        "考上了[[school:衡水中学]]",
        "我是[[school:初一（6）班]]的",
        "我哥在[[school:市一中高三5班]]",
        "我以前在[[school:朝阳小学]]，现在转到[[school:育红小学]]了",
        "我在[[school:师大附中]]读初二",
        "我是[[school:4班]]的",
        "我在[[school:东方红小学]]读[[school:五年级三班]]",
        "我们班是[[school:六年级（1）班]]",
        "我读的是[[school:成都七中]]",
        "妹妹在[[school:童心幼儿园]]",
        "我在[[school:希望小学]]读书",
        "我下学期要去[[school:华南师大附小]]读",
        "他是[[school:外国语学校初二3班]]的",
        "我在[[school:县实验小学]]",
        "我读[[school:金水区文化路第一小学]]",
        "我是[[school:育才中学初三（2）班]]的，我们班很吵",
        "我弟在[[school:小太阳幼儿园]]，我在[[school:解放路小学五(2)班]]",
        "从[[school:明德小学]]转过来的",
        "我们[[school:三年级五班]]得了第一名",
        "教我们[[school:七年级四班]]的数学老师走了",
        "我读[[school:县二中]]，成绩垫底",
        "儿子在[[school:光明小学四年级]]",
        "我们是[[school:初二7班]]的",
        "他在[[school:育英学校]]念书",
        "妹妹今年刚上[[school:大地幼儿园小二班]]",
        "我考进[[school:省实验中学]]了",
        "我在[[school:301班]]",
        "[[school:东湖小学四（3）班]]的小朋友都来了",
        "我转到[[school:新城实验学校]]以后没朋友",
        "我爸以前也在[[school:铁路中学]]读书",
        "我读[[school:高二（8）班]]，压力山大",
        "我在[[school:番禺实验中学附属小学]]上四年级",
        "表哥在[[school:铁一中]]读高二",
        "[[school:实小五（4）班]]的都知道",
        "他[[school:八中]]的，打球可厉害",
        "这个[[school:首都师大附中初一3班]]没人理我",
    ],
)
def test_a_school_is_found_with_its_grade_and_class(sentence: str) -> None:
    seen, marked = found_and_marked(sentence)
    assert seen == marked


@pytest.mark.parametrize(
    "sentence",
    [
        "我上五年级了",
        "我们学校今天运动会",
        "我不想上小学",
        "小学生不能玩手机吧",
        "全国中学生作文比赛",
        "明天去实验室做实验",
        "我在学校",
        "我跟隔壁三班",
        "小学数学好难",
        "我想考重点高中",
        "我在哈利波特的霍格沃茨魔法学校",
        "放学后去培训学校",
        "弟弟今天第一天上小学",
        "我们学校跟隔壁学校比赛",
        "三班倒的工作很累",
        "下学期升六年级",
        "初中好难啊",
        "附近有一所小学",
        "这所中学建于1950年",
        "小学毕业那天我哭了",
        "我们今天学了朱自清的背影",
        "高一开学了",
        "高中生都很忙",
        "小学三年级的时候我转学",
        "我是三年级的",
        "学校门口的奶茶好喝",
        "上高中以后妈妈管得更严",
        "我们学校食堂难吃",
        "教官骂我们连幼儿园都不如",
        "今天幼儿园都放假",
        "我的目标是明德中学",
        "我想考进外国语学校",
        "老师说小学和初中不一样",
        "小学没朋友怕初中也这样",
    ],
)
def test_a_kind_of_school_or_a_grade_alone_is_no_school(sentence: str) -> None:
    assert found(sentence) == []


@pytest.mark.parametrize("part", ["在读", "小学", "阳光", "三年级", "一中", "(3)班"])
def test_long_runs_take_time_in_proportion_to_their_length(part: str) -> None:
    assert_linear(lambda text: PLACES_AND_PEOPLE.search(text, Kind.SCHOOL), part)
