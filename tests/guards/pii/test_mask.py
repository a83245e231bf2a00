from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.pii import mask
from qiaoban_guards.policy import load_policy

ALL = load_policy().personal_data.hide


@pytest.mark.parametrize(
    ("message", "masked"),
    [
        ("我的手机是13812345678", "我的手机是<phone>"),
        ("打138 1234 5678找我", "打<phone>找我"),
        ("138-1234-5678", "<phone>"),
        ("+8613812345678", "<phone>"),
        ("电话+86 138-1234-5678。", "电话<phone>。"),
        ("１３８１２３４５６７８是我妈的", "<phone>是我妈的"),
        ("138\u200b1234\u200b5678", "<phone>"),
        ("家里电话010-62345678", "家里电话<phone>"),
        ("0755-88888888", "<phone>"),
        ("call 415-555-2671 ok", "call <phone> ok"),
        ("(415) 555-2671", "<phone>"),
        ("我的邮箱是ming@qq.com哦", "我的邮箱是<email>哦"),
        ("发到Ming.Li+1@mail.example.com.cn，谢谢", "发到<email>，谢谢"),
        ("身份证110105201203071234", "身份证<identity_number>"),
        ("11010520120307123Ｘ", "<identity_number>"),
        ("my ssn is 123-45-6789", "my ssn is <identity_number>"),
        ("我的QQ号是123456789", "我的QQ号是<messenger>"),
        ("qq：12345678", "qq：<messenger>"),
        ("加我微信xiaoming_88吧", "加我微信<messenger>吧"),
        ("加 V信 abc12345", "加 V信 <messenger>"),
        ("wx: abc12345", "wx: <messenger>"),
        ("我家住在阳光小区3号楼502室", "我家住在<address>"),
        ("我住中山路十二号", "我住<address>"),
        ("地址是北京市海淀区中关村大街27号", "地址是<address>"),
        ("我住在锦绣花园12栋1203", "我住在<address>"),
        ("住在和平街5号，旁边有超市", "住在<address>，旁边有超市"),
        ("I live at 12 Oak Lane", "I live at <address>"),
    ],
)
def test_what_identifies_a_child_is_masked(message: str, masked: str) -> None:
    assert mask(message, ALL)[0] == masked


@pytest.mark.parametrize(
    "message",
    [
        "我家住在幸福里6栋2单元301室",
        "地址是中山路12号3栋502",
        "住在朝阳路8号院2号楼3单元501，来吧",
        "我住3号楼502",
    ],
)
def test_the_number_of_a_flat_is_masked_with_its_house(message: str) -> None:
    masked, _ = mask(message, ALL)
    assert not any(character.isdecimal() for character in masked)


@pytest.mark.parametrize(
    "message",
    [
        "我考了98.5分",
        "全班第13名，138分",
        "今天是2012-03-07",
        "我2012年3月7日出生",
        "这本书39.80元",
        "条形码6901234567892",
        "9787302123456",
        "1314520",
        "5201314，我爱你",
        "我的学号20230101",
        "游戏里我叫abc12345",
        "游戏等级12345678",
        "14:30到15:45",
        "圆周率3.14159265358979",
        "13812345678901",
        "25000000000",
        "12:34 5678",
        "微信运动走了12345步",
        "我的微信被妈妈没收了",
        "QQ飞车好玩",
        "我住在三楼",
        "我住在奶奶家",
        "我在12号那天过生日",
        "住院了，3号床",
        "他跑了第12号",
        "@小明 你好",
        "1 2 3 4 5 6 7 8 9",
    ],
)
def test_what_only_looks_like_it_stays(message: str) -> None:
    assert mask(message, ALL) == (message, ())


def test_the_kinds_found_are_told_once_and_in_order() -> None:
    message = "我叫小明，电话13812345678，妈妈的是13912345678，邮箱a@b.com"
    masked, kinds = mask(message, ALL)
    assert masked == "我叫小明，电话<phone>，妈妈的是<phone>，邮箱<email>"
    assert kinds == ("phone", "email")


def test_only_the_kinds_asked_for_are_masked() -> None:
    message = "13812345678 a@b.com"
    assert mask(message, []) == (message, ())
    assert mask(message, ["email"]) == ("13812345678 <email>", ("email",))


def test_a_number_given_as_a_messenger_name_is_masked_once() -> None:
    masked, kinds = mask("我微信是13812345678", ALL)
    assert "138" not in masked
    assert masked.count("<") == len(kinds) == 1


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_mask_never_raises_and_keeps_what_has_no_digit_or_at(message: str) -> None:
    masked, kinds = mask(message, ALL)
    if not kinds:
        assert masked == message


@given(
    before=st.text("我的号码是，。 ", max_size=8),
    after=st.text("哦，。谢谢 ", max_size=8),
    gap=st.sampled_from(["", " ", "-", "\u200b"]),
    number=st.from_regex(r"\A1[3-9][0-9]{9}\Z"),
)
def test_no_digit_of_a_mobile_number_is_left(
    before: str, after: str, gap: str, number: str
) -> None:
    typed = gap.join((number[:3], number[3:7], number[7:]))
    assert mask(before + typed + after, ALL) == (f"{before}<phone>{after}", ("phone",))


@pytest.mark.slow
@pytest.mark.parametrize("text", ["1", "13812 ", "住在我", "a@a.", "微信 ", "1 a b ", "a-"])
def test_time_grows_linearly(text: str) -> None:
    def seconds(length: int) -> float:
        message = (text * length)[:length]
        times: list[float] = []
        for _ in range(5):
            started = time.perf_counter()
            mask(message, ALL)
            times.append(time.perf_counter() - started)
        return min(times)

    # Ten times the text takes 10 to 13 times as long; a quadratic step would take 100 times.
    assert seconds(40_000) <= 25 * seconds(4_000)
