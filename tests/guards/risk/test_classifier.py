from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_guards.risk import Category, Risk, RiskClassifier, RiskLevel, Role, Who
from qiaoban_guards.text import normalise


def assess(message: str, *open_: Category) -> Risk:
    return RiskClassifier.shipped().assess(normalise(message), open_)


@pytest.mark.parametrize(
    ("message", "category"),
    [
        ("我不想活了", Category.SELF_HARM),
        ("妈妈打我", Category.ABUSE),
        ("i want to kill myself", Category.SELF_HARM),
        ("my dad hit me with a belt again", Category.ABUSE),
    ],
)
def test_what_is_said_outright_is_high_in_its_category(message: str, category: Category) -> None:
    risk = assess(message)
    assert risk.level >= RiskLevel.HIGH
    assert risk.findings[0].category is category
    assert risk.scores[category] >= 0.9


@pytest.mark.parametrize(
    "message",
    [
        "",
        " ",
        "。。。",
        "😀",
        "123",
        "今天吃了西瓜",
        "妈妈打我电话",
        "my goldfish died",
        "那我该怎么办",
        "好吧",
    ],
)
def test_a_child_just_talking_is_at_most_low(message: str) -> None:
    assert assess(message).level <= RiskLevel.LOW


@pytest.mark.parametrize(
    "message",
    [
        "我不想自杀",
        "我没有想过自杀",
        "笑死我了哈哈哈",
        "想死你了！",
        "i'm not going to kill myself",
        "my mum is gonna kill me",
    ],
)
def test_a_denial_or_an_idiom_alone_never_alarms(message: str) -> None:
    assert assess(message) == Risk()


def test_a_must_rule_holds_whatever_the_model_thinks() -> None:
    """An innocent frame as long as we like does not drown the one clause that matters."""
    around = "今天数学课讲了分数，中午吃了面条，体育课跑步，放学和同学一起坐公交车回家看动画片。"
    assert assess(around * 8 + "我不想活了。" + around * 8).level >= RiskLevel.HIGH


def test_what_the_model_alone_finds_names_the_words() -> None:
    message = "他一喝多，我就知道今晚又要躲阳台了"
    risk = assess(message)
    assert risk.level >= RiskLevel.MODERATE
    for finding in risk.findings:
        assert message[finding.start : finding.end] == finding.span != ""


def test_who_and_role_are_told() -> None:
    finding = assess("我同学说他不想活了").findings[0]
    assert (finding.who, finding.role) == (Who.OTHER, Role.WITNESS)


@pytest.mark.parametrize(
    "message", ["我想自鲨", "我想zs", "wo xiang si", "我，想，死，了", "i want to k1ll mys3lf"]
)
def test_an_evasion_is_read(message: str) -> None:
    risk = assess(message)
    assert risk.level >= RiskLevel.HIGH
    assert risk.findings[0].category is Category.SELF_HARM
    for finding in risk.findings:
        assert message[finding.start : finding.end] == finding.span


def test_an_open_danger_makes_a_place_grave() -> None:
    assert assess("我在楼顶").level < RiskLevel.HIGH
    assert assess("我在楼顶", Category.SELF_HARM).level is RiskLevel.IMMINENT


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=[]), max_size=80))
def test_nothing_raises_and_every_span_is_in_the_message(message: str) -> None:
    risk = assess(message)
    assert risk.level == max((f.level for f in risk.findings), default=RiskLevel.NONE)
    assert all(0 <= score <= 1 for score in risk.scores.values())
    for finding in risk.findings:
        assert 0 <= finding.start < finding.end <= len(message)
        assert message[finding.start : finding.end] == finding.span


def test_threads_see_the_same() -> None:
    messages = ["我想自杀", "今天吃了西瓜", "妈妈打我", "i want to die"] * 50
    alone = [assess(message) for message in messages]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(assess, messages)) == alone


def test_the_artefact_is_small_and_loads_at_once() -> None:
    folder = files("qiaoban_guards") / "risk" / "model"
    size = sum(len(entry.read_bytes()) for entry in folder.iterdir())
    assert size <= 15 * 2**20
    began = time.process_time()
    RiskClassifier.load(folder)
    assert time.process_time() - began < 3  # 0.1 s where nothing else runs


def test_warm_compiles_every_rule() -> None:
    RiskClassifier.shipped().warm()
    assert assess("我不想活了").level is RiskLevel.HIGH
