from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.text import normalise, read_digits


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("我电话幺三八零零零零幺二三四", "我电话13800001234"),
        ("一三八 1234 五六七八", "138 1234 5678"),
        ("壹叁玖", "139"),
        ("门牌二〇三", "门牌203"),
    ],
)
def test_a_run_of_han_digits_is_read_as_a_number(typed: str, read: str) -> None:
    assert read_digits(normalise(typed)).plain.replace(" ", "") == read.replace(" ", "")


@pytest.mark.parametrize("typed", ["一二年级", "三个人", "十二岁", "我一个人", "hello", ""])
def test_words_with_a_number_in_them_stay(typed: str) -> None:
    text = normalise(typed)
    assert read_digits(text) is text


@given(st.text(st.sampled_from("零一二三幺两138 -年我"), max_size=30))
def test_the_view_keeps_every_offset(typed: str) -> None:
    text = normalise(typed)
    view = read_digits(text)
    assert (view.starts, view.ends, len(view.plain)) == (text.starts, text.ends, len(text.plain))
    assert read_digits(view).plain == view.plain
