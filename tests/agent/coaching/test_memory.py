"""What is remembered: bounded whatever is said, only what is allowed, ages only of the child."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_agent.coaching.memory import (
    AGE_BANDS,
    LONGEST,
    MOST,
    Memory,
    age_band,
    band_of,
    remembered,
)
from qiaoban_guards.policy.schema import Language

KINDS = ("nickname", "age", "likes", "people", "things", "tried", "cause")
LISTS = ("likes", "people", "things", "tried")
FULL = Memory(
    nickname="豆豆",
    age="9-12",
    likes=("画画",),
    people=("妈妈",),
    things=("橡皮",),
    tried=("跟妈妈说",),
    cause="你的狗死了",
)
SAYINGS = [
    *(
        "叫我豆豆",
        "叫我阿宝",
        "我的小名叫小虎",
        "我喜欢画画",
        "我最喜欢踢足球",
        "我爱吃苹果",
        "我八岁",
    ),
    *("我上三年级", "我跟妈妈说过了", "我告诉老师了", "我道歉过了", "试过深呼吸了", "嗯", "", "……"),
    *("call me sam", "my nickname is bobo", "i like drawing", "i love playing football", "i'm 9"),
    *("i told my teacher", "i said sorry", "i tried deep breathing", "i'm in year 6", "no"),
]
languages = st.sampled_from(("zh", "en"))
kinds = st.sets(st.sampled_from(KINDS))
own = st.dictionaries(
    st.sampled_from(("cause", "person", "thing", "feeling")), st.text(max_size=70), max_size=4
)
messages = st.tuples(st.sampled_from(SAYINGS) | st.text(max_size=40), own, languages, st.booleans())


@given(st.lists(messages, max_size=40), kinds)
@settings(deadline=None)
def test_memory_is_bounded_and_keeps_only_what_is_allowed(
    heard: list[tuple[str, dict[str, str], Language, bool]], allowed: set[str]
) -> None:
    memory = Memory()
    for plain, own_words, language, new_event in heard:
        memory = remembered(memory, plain, own_words, language, allowed, new_event=new_event)
        for name in LISTS:
            items = getattr(memory, name)
            assert len(items) == len(set(items)) <= MOST
            assert all(0 < len(item) <= LONGEST for item in items)
        assert len(memory.nickname) <= LONGEST
        assert len(memory.cause) <= 70
        assert memory.kept(allowed) == memory


@given(kinds)
@settings(deadline=None)
def test_kept_has_the_allowed_kinds_and_no_other(allowed: set[str]) -> None:
    kept = FULL.kept(allowed)
    for name in KINDS:
        expected = getattr(FULL if name in allowed else Memory(), name)
        assert getattr(kept, name) == expected


def test_what_lasts_is_who_the_child_is_and_not_what_happened() -> None:
    assert FULL.lasting() == FULL.kept({"nickname", "age", "likes", "people"})
    assert FULL.lasting().lasting() == FULL.lasting()


def test_the_oldest_goes_first_and_what_is_said_again_is_the_newest() -> None:
    memory = Memory()
    said = [f"狗{n}" for n in range(MOST + 2)]
    for thing in [*said, said[-2]]:
        memory = remembered(memory, "", {"thing": thing}, "zh", KINDS, new_event=False)
    assert memory.things == (*said[2:-2], said[-1], said[-2])


def test_what_is_too_long_is_not_kept() -> None:
    memory = remembered(Memory(), "", {"thing": "a" * (LONGEST + 1)}, "en", KINDS, new_event=False)
    assert memory == Memory()


def test_a_new_event_forgets_the_last_ones_cause_and_what_was_tried() -> None:
    after = remembered(FULL, "嗯", {}, "zh", KINDS, new_event=True)
    assert after == FULL.model_copy(update={"cause": "", "tried": ()})


def test_a_message_that_tells_nothing_changes_nothing() -> None:
    assert remembered(FULL, "嗯", {}, "zh", KINDS, new_event=False) == FULL


@pytest.mark.parametrize(
    ("language", "plain", "expected"),
    [
        ("zh", "叫我豆豆", Memory(nickname="豆豆")),
        ("zh", "我喜欢画画", Memory(likes=("画画",))),
        ("zh", "我跟妈妈说过了", Memory(tried=("跟妈妈说",))),
        ("zh", "我不喜欢画画", Memory()),
        ("zh", "别叫我豆豆", Memory()),
        ("en", "call me sam", Memory(nickname="sam")),
        ("en", "i like drawing", Memory(likes=("drawing",))),
        ("en", "i told my teacher", Memory(tried=("told my teacher",))),
        ("en", "they call me stupid", Memory()),
        ("en", "i don't like drawing", Memory()),
    ],
)
def test_facts_are_kept_as_the_child_told_them(
    language: Language, plain: str, expected: Memory
) -> None:
    assert remembered(Memory(), plain, {}, language, KINDS, new_event=False) == expected


@pytest.mark.parametrize(
    ("language", "plain", "band"),
    [
        ("zh", "我八岁", "5-8"),
        ("zh", "我今年8岁了", "5-8"),
        ("zh", "我上一年级", "5-8"),
        ("zh", "我上大班", "5-8"),
        ("zh", "我上三年级", "9-12"),
        ("zh", "我十二岁", "9-12"),
        ("zh", "我上六年级", "9-12"),
        ("zh", "我13岁了", "13-17"),
        ("zh", "初二", "13-17"),
        ("zh", "我高一", "13-17"),
        ("en", "i'm in 2nd grade", "5-8"),
        ("en", "i'm in reception", "5-8"),
        ("en", "i'm 9", "9-12"),
        ("en", "year 6", "9-12"),
        ("en", "4th grade", "9-12"),
        ("en", "i am 10 years old", "9-12"),
        ("en", "im 14", "13-17"),
        ("en", "i'm in grade 10", "13-17"),
        ("en", "i'm in high school", "13-17"),
    ],
)
def test_an_age_or_a_school_year_tells_the_age_band(
    language: Language, plain: str, band: str
) -> None:
    assert age_band(plain, language) == band


@pytest.mark.parametrize(
    ("language", "plain"),
    [
        ("zh", "我弟弟上三年级"),
        ("zh", "我三岁的时候"),
        ("zh", "我弟弟八岁"),
        ("zh", "我姐姐上初二"),
        ("zh", "我同桌八岁"),
        ("zh", "我奶奶八十岁"),
        ("zh", "我去年上三年级"),
        ("zh", "我比我弟大八岁"),
        ("zh", "我有个八岁的妹妹"),
        ("zh", "我不是三年级"),
        ("zh", "大年初一"),
        ("zh", ""),
        ("en", "my brother is 9"),
        ("en", "when i was 6"),
        ("en", "i'm 9 minutes late"),
        ("en", "i'm 5 foot tall"),
        ("en", "i'm 8 points behind"),
        ("en", "my sister is in 4th grade"),
        ("en", "i'm not in year 6"),
        ("en", "i'm 4th in line"),
        ("en", ""),
    ],
)
def test_an_age_that_is_not_the_childs_now_tells_no_age_band(
    language: Language, plain: str
) -> None:
    assert age_band(plain, language) is None


def test_an_age_once_told_stays() -> None:
    memory = remembered(Memory(), "我八岁", {}, "zh", KINDS, new_event=False)
    memory = remembered(memory, "我弟弟上三年级", {}, "zh", KINDS, new_event=True)
    assert memory.age == "5-8"


@given(st.integers(3, 18))
@settings(deadline=None)
def test_bands_rise_with_age(age: int) -> None:
    assert AGE_BANDS.index(band_of(age)) <= AGE_BANDS.index(band_of(age + 1))


@given(st.text(max_size=40) | st.sampled_from(SAYINGS), languages)
@settings(deadline=None)
def test_any_message_tells_a_band_or_none(plain: str, language: Language) -> None:
    assert age_band(plain, language) in (None, *AGE_BANDS)
