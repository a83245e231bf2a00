"""Word lists: the longest word at each place, none inside another, at a cost of the message."""

from __future__ import annotations

from typing import SupportsIndex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_agent.coaching.wordlists import WordList

WORDS = st.lists(st.text("ab c", min_size=2, max_size=5), max_size=12)


def of(*words: str, edges: bool = False) -> WordList[str]:
    return WordList({word: word for word in words}, edges=edges)


class Counted(str):
    """A message that counts how often it is looked into."""

    looks = 0

    def __getitem__(self, key: SupportsIndex | slice, /) -> str:
        Counted.looks += 1
        return super().__getitem__(key)

    def startswith(self, *args: object) -> bool:
        Counted.looks += 1
        return super().startswith(*args)  # type: ignore[arg-type]  # pyright: ignore


def looks(words: WordList[str], message: str) -> int:
    Counted.looks = 0
    assert list(words.found(Counted(message))) == []
    return Counted.looks


def alone(text: str, start: int, end: int) -> bool:
    return not any(c.isalnum() for c in (*text[:start][-1:], *text[end : end + 1]))


def by_hand(words: list[str], text: str, *, edges: bool) -> list[str]:
    """The longest word at each place, tried one by one."""
    found: list[str] = []
    place = 0
    while place < len(text):
        fitting = [
            word
            for word in words
            if text.startswith(word, place) and (not edges or alone(text, place, place + len(word)))
        ]
        if fitting:
            found.append(max(fitting, key=len))
            place += len(found[-1])
        else:
            place += 1
    return found


@given(WORDS, st.text("ab c", max_size=40), st.booleans())
def test_finds_what_trying_every_word_at_every_place_finds(
    words: list[str], text: str, edges: bool
) -> None:
    assert list(of(*words, edges=edges).found(text)) == by_hand(words, text, edges=edges)


@given(WORDS, st.text("ab c", max_size=40), st.booleans())
def test_words_found_stand_one_after_the_other(words: list[str], text: str, edges: bool) -> None:
    place = 0
    for word in of(*words, edges=edges).found(text):
        place = text.index(word, place) + len(word)
    assert place <= len(text)


def test_the_longest_word_at_a_place_is_found() -> None:
    words = of("妈妈", "妈妈的妹妹", "妹妹")
    assert list(words.found("妈妈的妹妹来了")) == ["妈妈的妹妹"]
    assert list(words.found("妈妈和妹妹来了")) == ["妈妈", "妹妹"]


def test_no_word_is_found_inside_another() -> None:
    assert list(of("小金鱼", "金鱼").found("我的小金鱼")) == ["小金鱼"]


@pytest.mark.parametrize("text", ["scatter", "cats", "1cat", "cat2", "concat", "écat", "caté"])
def test_an_english_word_inside_another_is_not_found(text: str) -> None:
    assert list(of("cat", edges=True).found(text)) == []


@pytest.mark.parametrize("text", ["cat", "my cat.", "(cat)", "cat's", "dog-cat", "a cat\nran"])
def test_an_english_word_is_found_at_word_edges(text: str) -> None:
    assert list(of("cat", edges=True).found(text)) == ["cat"]


def test_a_shorter_word_is_found_where_the_longer_one_has_no_edge() -> None:
    assert list(of("best friend", "best", edges=True).found("best friends")) == ["best"]


def test_a_chinese_word_needs_no_edges() -> None:
    assert list(of("妹妹").found("小妹妹们")) == ["妹妹"]


def test_a_longer_list_costs_no_more_lookups() -> None:
    letters = [chr(0x4E00 + n) for n in range(2000)]
    short = of(*(letter + "甲乙" for letter in letters[:20]))
    long = of(*(letter + "甲乙" for letter in letters))
    message = "我今天在学校里和同桌一起画画" * 5
    assert looks(short, message) == looks(long, message) > 0


def test_the_lookups_grow_in_step_with_the_message() -> None:
    words = of("甲乙", "丙丁戊")
    once, thrice = looks(words, "甲丙" * 50), looks(words, "甲丙" * 150)
    assert once < thrice <= 3 * once + 3


def test_values_need_not_be_the_words() -> None:
    assert list(WordList({"my mum": 1, "mum": 2}, edges=True).found("mum and my mum")) == [2, 1]


@given(st.text(max_size=40))
def test_an_empty_list_finds_nothing(text: str) -> None:
    assert list(of().found(text)) == []
