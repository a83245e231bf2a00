from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qiaoban_guards.pii.finder import finder_of
from qiaoban_guards.pii.kinds import Kind
from tests.guards.pii.rules.trials import PLACES_AND_PEOPLE, assert_linear

found, found_and_marked = PLACES_AND_PEOPLE.found, PLACES_AND_PEOPLE.found_and_marked


@pytest.mark.parametrize(
    "sentence",
    [
        "我同学[[name:刘浩然]]把我的笔弄坏了",
        "我妈叫[[name:张丽]]，我爸叫[[name:李建国]]",
        "老师叫[[name:王秀英]]，教语文",
        "我的名字是[[name:欧阳子墨]]",
        "我喜欢[[name:陈思远]]，他坐我前面",
        "[[name:周雨桐]]和[[name:何佳怡]]不跟我玩",
        "我和[[name:李明]]、[[name:王小红]]去公园",
        "今天[[name:马天宇]]被老师骂了",
        "我的好朋友是[[name:林晓雯]]",
        "班长[[name:徐子涵]]老是告状",
        "[[name:赵小刚]]同学今天请假",
        "你好，我是[[name:孙浩]]",
        "我叫[[name:乐乐]]",
        "我小名叫[[name:圆圆]]",
        "他说他叫[[name:郑强]]，是体育老师",
        "收件人：[[name:钱多多]]",
        "我的同桌[[name:买买提·艾力]]",
        "我们班有个叫[[name:吴昊天]]的男生",
        "邻居家的[[name:陈浩]]打我",
        "我跟[[name:韩梅]]吵架了",
        "[[name:李子轩]]他妈妈是老师",
        "我姐姐[[name:杨若曦]]今年高考",
        "我的英语老师是[[name:Lucy]]",
        "被[[name:张浩宇]]推倒了",
        "数学老师[[name:黄志强]]好凶",
        "班主任[[name:郭丽华]]说要请家长",
        "我的闺蜜叫[[name:苏小米]]",
        "他叫[[name:蒋宇航]]，老抢我的零食",
        "[[name:冯子墨]]偷了我的橡皮",
        "我和[[name:程诺]]是同桌",
        "今天和[[name:高飞]]打球了",
        "我偷偷喜欢[[name:沈佳宜]]",
        "[[name:唐糖]]和我绝交了",
        "我爸[[name:王建军]]又喝酒了",
        "我要举报[[name:张磊]]，他打人",
        "@[[name:李思琪]] 你作业写完没",
        "我是[[name:范晓萱]]的妈妈",
        "我表弟[[name:罗小宝]]今年[[age:6岁]]",
        "我同学[[name:曾志伟]]",
        "他的名字叫[[name:方志远]]",
        "同班的[[name:许佳琪]]把我拉黑了",
        "我最好的朋友叫[[name:邓梓萱]]，她转学了",
        "我弟叫[[name:王小宝]]，才[[age:4岁]]",
        "[[name:高子航]]今天又逃课",
        "老师表扬了[[name:丁俊杰]]",
        "班主任姓李，叫[[name:李春燕]]",
        "我是[[name:谢雨欣]]，[[age:10岁]]，女",
        "群里有个叫[[name:孟浩]]的加我",
        "他真名叫[[name:宋志远]]",
        "我把秘密告诉[[name:叶子晴]]了",
        "爸爸的名字是[[name:史建华]]",
        "我和[[name:林可儿]]约好周六见面",
        "[[name:韩晓东]]、[[name:秦朗]]还有我一组",
        "爷爷叫[[name:龚福生]]",
        "今天[[name:魏子豪]]又欺负我",
        "欺负我的人叫[[name:邱天宇]]",
        "[[name:贺俊]]老师教我们体育",
        "帮我骂[[name:曾凯]]",
        "语文课代表[[name:石佳怡]]收作业",
        "我爱[[name:夏晓楠]]",
        "我哥[[name:金鑫]]打游戏很厉害",
        "妈妈说我不如[[name:汪子怡]]",
        "我们组有[[name:任豪]]、[[name:尹思涵]]和我",
        "我的名字叫[[name:龙飞]]",
        "[[name:毛晓彤]]的妈妈来接她",
        "我暗恋[[name:江一帆]]两年了",
        "填写地址：[[address:陕西省西安市雁塔区小寨东路11号]]，收件人[[name:白晓芸]]",
        "新来的同学[[name:江子昂]]好帅",
        "我讨厌[[name:杜雨泽]]！他撕我本子",
        "姐姐叫[[name:程小雨]]，我叫[[name:程小雪]]",
        "我跟[[name:卢思源]]说了秘密",
        "[[name:曹文博]]和我打架了，老师只骂我",
        "你认识[[name:顾晓彤]]吗",
        "我被[[name:郝仁杰]]推下楼梯",
        "他们都不理[[name:姜柔]]",
        "[[name:廖凯文]]你给我等着",
        "本人[[name:司徒敏]]，爱好看书",
        "楼上[[name:陈伟业]]天天拖椅子",
        "上课的时候[[name:钱宇航]]把我的卷子撕了",
        "[[name:小雨]]是我闺蜜",
        "我堂哥叫[[name:李靖]]",
        "[[name:邹雪晴]] 女 三班",
        "历史笔记我借给[[name:苏念]]了",
    ],
)
def test_a_name_is_found_by_what_is_said_around_it(sentence: str) -> None:
    seen, marked = found_and_marked(sentence)
    assert seen == marked


@pytest.mark.parametrize(
    "sentence",
    [
        "我叫他别走他不听",
        "妈妈叫我吃饭",
        "老师叫家长来学校",
        "我叫外卖了",
        "王老师今天表扬我了",
        "我最喜欢周杰伦的歌",
        "李白是唐朝诗人",
        "高兴的时候我会唱歌",
        "方便面真好吃",
        "周末我想睡觉",
        "我家小狗叫旺财",
        "我的仓鼠叫王小胖",
        "马上就要考试了",
        "黄色的书包",
        "课文里的小兵张嘎好勇敢",
        "我姓王",
        "我网名叫风中少年",
        "一百岁的老奶奶讲故事",
        "我叫高兴不起来",
        "老师叫安静一点",
        "小明和小红去买苹果",
        "孙悟空打白骨精",
        "我是黄种人",
        "我是江苏人",
        "我是白羊座",
        "张老师和李老师都很好",
        "妈妈叫我名字的时候我怕",
        "我叫了三声没人应",
        "万一迟到怎么办",
        "于是我哭了",
        "安全第一",
        "石头剪刀布",
        "常常做噩梦",
        "白天睡觉晚上玩",
        "任何人都不理我",
        "成绩下来了",
        "王者荣耀我上分了",
        "小说里的主角叫李逍遥",
        "我们去找老师",
        "妈妈高兴得跳起来",
        "我喜欢海边",
        "放假我去舅舅家",
        "我喜欢王一博",
        "张飞的皮肤好贵",
        "毛毛虫变成蝴蝶",
        "钱不够花",
        "关门声吓我一跳",
        "金鱼死了",
        "熊孩子真烦",
        "时间过得好快",
        "花钱大手大脚",
        "我不想和好",
        "程序写不出来",
        "范围太大了复习不完",
        "姑姑叫我起床",
        "老师叫同桌站起来",
        "他叫了车",
        "我妈叫我大名就是生气了",
        "水星金星火星",
        "任务做不完",
        "江湖再见",
        "于老师的课",
        "常州好玩吗",
        "白雪公主真好看",
        "安全出口在哪",
        "我对花粉过敏",
        "连续三天没睡好",
        "高数太难",
        "常见的单词",
        "左右为难",
        "汤好烫",
        "贾宝玉和林黛玉",
        "我最崇拜钟南山",
        "孙子兵法",
        "项羽和刘邦",
        "万圣节快乐",
        "方老师和周老师吵架",
        "严肃点",
        "我妈姓黄，我随我爸姓",
        "高老师好凶，金老师温柔",
        "常言道知足常乐",
        "方便的话帮我改作文",
        "夏天好热",
        "许愿池里有硬币",
        "曹操和刘备谁厉害",
        "我爸妈吵架了",
        "沈石溪写的书我看哭了",
        "哪吒的爸爸叫李靖",
        "他是书里的黄少天",
        "江里有好多鱼",
        "拍了张作业给你看",
    ],
)
def test_words_that_begin_like_a_name_and_famous_persons_are_no_names(sentence: str) -> None:
    assert found(sentence) == []


family = st.sampled_from("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗")
given_name = st.text(
    st.sampled_from("伟芳娜敏静丽强磊洋艳勇军杰娟涛超霞平刚浩子涵轩"), min_size=2, max_size=2
)
around = st.sampled_from(["", "你好，", "哈哈 ", "😀", "hi ", "老师问我，"])
behind = st.sampled_from(["", "。", "，今年上学", " 你呢", "!!", "😀"])


@given(around, family, given_name, behind)
def test_a_full_name_that_is_introduced_is_found_whole(
    front: str, surname: str, first: str, rest: str
) -> None:
    assume(surname + first[0] != "胡子")  # a word; the sentence tells, which no rule reads
    assert ("name", surname + first) in found(f"{front}我叫{surname}{first}{rest}")


def test_a_name_that_begins_like_a_word_is_read_off_the_sentence() -> None:
    said = "我叫胡子萱，今年上三年级"
    names = [one for one in finder_of().find(said) if one.kind is Kind.NAME]
    assert [said[one.start : one.end] for one in names] == ["胡子萱"]


@given(family, st.sampled_from(["老师", "阿姨", "叔叔", "医生", "校长"]))
def test_a_family_name_with_a_title_is_no_name(surname: str, title: str) -> None:
    assert found(f"我找{surname}{title}说了") == []


def test_spaces_end_a_name_where_a_child_writes_no_punctuation() -> None:
    assert found("我叫李明 明天去玩") == [("name", "李明")]


def test_spaces_between_all_characters_end_nothing() -> None:
    assert found("我 叫 李 小 明") == [("name", "李 小 明")]


@pytest.mark.parametrize("part", ["我叫", "王", "李明和", "张伟、", "同桌", "我 "])
def test_long_runs_take_time_in_proportion_to_their_length(part: str) -> None:
    assert_linear(lambda text: PLACES_AND_PEOPLE.search(text, Kind.NAME), part)
