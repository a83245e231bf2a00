from __future__ import annotations

import random
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qiaoban_guards.text import normalise
from qiaoban_guards.text.normalise import mapped

_MARKS = st.characters(categories=["Mn", "Me"])
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e"
_GAPS = st.text(alphabet=_INVISIBLE + " \u3000\t", max_size=3)
_ANYTHING = st.characters(exclude_categories=["Cs"])
_HAN = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)
_MESSAGES = st.one_of(
    st.text(_ANYTHING),
    st.text(_HAN),
    st.text(st.one_of(_HAN, _MARKS, st.sampled_from(_INVISIBLE + " \t\n\u3000"), _ANYTHING)),
)


@given(_MESSAGES)
@example("自\u0336杀\u0336")
@example("İ ﷺ ½ ㎏ ﾞ ﬁ")
@example("가\u1100\u1161")
def test_plain_of_plain_is_the_same(message: str) -> None:
    plain = normalise(message).plain
    assert normalise(plain).plain == plain


@given(_MESSAGES)
@example("妳好，ABC１２３")
@example("我 想 回家 now")
def test_where_each_character_stays_one_the_quick_way_gives_the_same(message: str) -> None:
    assert normalise(message) == mapped(message)


def test_the_quick_way_gives_the_same_for_every_character() -> None:
    for code in range(0x3400):
        if not unicodedata.category(chr(code)).startswith("C"):
            assert normalise(f"好{chr(code)}") == mapped(f"好{chr(code)}"), hex(code)


@given(_MESSAGES)
def test_every_plain_character_points_into_the_original(message: str) -> None:
    text = normalise(message)
    assert len(text.starts) == len(text.ends) == len(text.plain)
    assert list(text.starts) == sorted(text.starts)
    assert list(text.ends) == sorted(text.ends)
    for start, end in zip(text.starts, text.ends, strict=True):
        assert 0 <= start < end <= len(message)


@given(_MESSAGES)
def test_no_invisible_character_is_left(message: str) -> None:
    assert not set(normalise(message).plain) & set(_INVISIBLE)


@given(
    word=st.sampled_from(["我想自杀", "妈妈打我", "离家出走", "不想活了", "想從樓頂跳下去"]),
    gaps=st.lists(_GAPS, min_size=7, max_size=7),
    before=st.sampled_from(["", "昨天，", "hi! ", "😀", "ﬁ㎏", "…\n"]),
    after=st.sampled_from(["", "。", " ok", "！！", "\n然后"]),
)
def test_span_covers_a_word_from_its_first_to_its_last_character(
    word: str, gaps: list[str], before: str, after: str
) -> None:
    spaced = "".join(
        character + (gap if place < len(word) - 1 else "")
        for place, (character, gap) in enumerate(zip(word, gaps, strict=False))
    )
    text = normalise(before + spaced + after)
    wanted = normalise(word).plain
    found = text.plain.index(wanted)
    start, end = text.span(found, found + len(wanted))
    assert (start, text.original[start:end]) == (len(before), spaced)


def test_span_takes_the_marks_of_its_last_character_along() -> None:
    text = normalise("想死\u0336\u0336了")
    assert text.plain == "想死了"
    assert text.original[slice(*text.span(0, 2))] == "想死\u0336\u0336"


def test_span_of_a_part_of_a_ligature_is_the_ligature() -> None:
    text = normalise("a㎏b")
    assert text.plain == "akgb"
    assert text.span(1, 2) == text.span(2, 3) == (1, 2)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("媽媽打我", "妈妈打我"),
        ("我不想活著了", "我不想活着了"),
        ("爸爸罵我沒用", "爸爸骂我没用"),
        ("妳唔好話俾佢聽", "你不好话给他听"),
        ("Ｉ ＷＡＮＴ　ｔｏ　ｄｉｅ", "i want to die"),
        ("１３８－１２３４", "138-1234"),
        ("自 杀", "自杀"),
        ("自\u3000 \t杀", "自杀"),
        ("自\u200b\u200d杀", "自杀"),
        ("自\u0336杀\u20e3", "自杀"),
        ("don’t “go”", 'don\'t "go"'),
        ("I don't", "i don't"),
        ("ok 我 好", "ok 我好"),
        ("第一行\n第二行", "第一行\n第二行"),
        ("", ""),
        ("\u200b\u200d", ""),
    ],
)
def test_plain_form(typed: str, plain: str) -> None:
    assert normalise(typed).plain == plain


def _seconds(text: str) -> float:
    times: list[float] = []
    for _ in range(7):
        started = time.perf_counter()
        normalise(text)
        times.append(time.perf_counter() - started)
    return min(times)


@pytest.mark.slow
@pytest.mark.parametrize(
    "alphabet", ["我想自杀不要告诉妈妈，", "我 \u200b", "媽媽打我", "\u0301", "ab c"]
)
def test_time_grows_linearly(alphabet: str) -> None:
    chooser = random.Random(5)
    long = "".join(chooser.choices(alphabet, k=40_000))
    # Ten times the text takes 10 to 12 times as long; a quadratic step would take 100 times.
    assert _seconds(long) <= 20 * _seconds(long[:4_000])


@pytest.mark.parametrize("typed", ["他把我的手打坏了", "你这个坏子"])
def test_simplified_chinese_is_left_alone(typed: str) -> None:
    assert normalise(typed).plain == typed


@pytest.mark.parametrize("typed", ["藉著", "薴", "一壞"])
def test_plain_of_plain_is_the_same_for_chained_variants(typed: str) -> None:
    plain = normalise(typed).plain
    assert normalise(plain).plain == plain


@pytest.mark.parametrize("typed", ["我不想活了\ud83d", "\udc00"])
def test_half_an_emoji_does_not_raise(typed: str) -> None:
    assert normalise(typed).original == typed
