from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.output import Segmenter, is_complete
from qiaoban_guards.text import split_sentences

_TEXTS = st.text(st.sampled_from('我好a1 .。！？!?…；\n”」』）"*~，的呢'), max_size=120)
_ONE_LINE = st.text(st.sampled_from('我好a1 .。！？!?…；”」』）"*~，的呢'), max_size=120)
_LIMITS = st.tuples(st.integers(1, 30), st.integers(1, 20))


def segments(pieces: list[str], longest: int = 120, overlap: int = 40) -> list[str]:
    segmenter = Segmenter(longest, overlap)
    cut = [segment for piece in pieces for segment in segmenter.feed(piece)]
    return [*cut, *segmenter.finish()]


def chunked(text: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[a:b] for a, b in itertools.pairwise(places)]


@given(text=_ONE_LINE, cuts=st.lists(st.integers(0, 1000), max_size=12))
def test_how_a_text_was_cut_changes_no_sentence(text: str, cuts: list[int]) -> None:
    assert segments(chunked(text, cuts)) == segments(list(text)) == segments([text])


@given(text=_TEXTS, cuts=st.lists(st.integers(0, 1000), max_size=12), limits=_LIMITS)
def test_how_the_text_was_cut_changes_nothing(
    text: str, cuts: list[int], limits: tuple[int, int]
) -> None:
    whole = segments([text], *limits)
    assert segments(chunked(text, cuts), *limits) == whole
    assert segments(list(text), *limits) == whole


def test_an_empty_line_is_cut_the_same_however_it_comes() -> None:
    assert segments(list("好\n\n你呢")) == segments(["好\n\n你呢"])


def test_a_sentence_of_the_greatest_length_is_cut_the_same_however_it_comes() -> None:
    text = "我" * 14 + "。" + "你"
    assert segments(list(text), 10, 5) == segments([text], 10, 5)


@given(text=_TEXTS, cuts=st.lists(st.integers(0, 1000), max_size=12), limits=_LIMITS)
def test_segments_joined_are_the_text(text: str, cuts: list[int], limits: tuple[int, int]) -> None:
    parts = segments(chunked(text, cuts), *limits)
    assert "".join(parts) == text
    assert all(parts)


@given(text=_TEXTS, limits=_LIMITS)
def test_no_segment_is_longer_than_longest_and_overlap(text: str, limits: tuple[int, int]) -> None:
    assert all(len(segment) <= sum(limits) for segment in segments([text], *limits))


@given(text=_TEXTS, cuts=st.lists(st.integers(0, 1000), max_size=12), limits=_LIMITS)
def test_what_is_held_back_is_bounded(text: str, cuts: list[int], limits: tuple[int, int]) -> None:
    segmenter = Segmenter(*limits)
    said = ""
    for piece in chunked(text, cuts):
        said += "".join(segmenter.feed(piece))
        assert text.startswith(said + segmenter.pending)
        assert len(segmenter.pending) < sum(limits) + 1


def test_two_thousand_characters_without_an_end_come_in_stretches() -> None:
    parts = segments(list("我" * 2000))
    assert len(parts[0]) == 120
    assert max(map(len, parts)) <= 160
    assert "".join(parts) == "我" * 2000


def test_a_forced_cut_waits_for_the_overlap() -> None:
    segmenter = Segmenter(10, 5)
    assert list(segmenter.feed("我" * 14)) == []
    assert list(segmenter.feed("我我")) == ["我" * 10]
    assert segmenter.pending == "我" * 6


def test_sentences_come_as_soon_as_they_are_whole() -> None:
    segmenter = Segmenter(120, 40)
    assert list(segmenter.feed("我听到了")) == []
    assert list(segmenter.feed("。")) == []  # a closing mark may follow
    assert list(segmenter.feed("你")) == ["我听到了。"]
    assert list(segmenter.feed("还好吗？\n")) == []
    assert list(segmenter.finish()) == ["你还好吗？\n"]


@given(_TEXTS)
def test_short_sentences_are_those_of_split_sentences(text: str) -> None:
    assert segments([text]) == [sentence.text for sentence in split_sentences(text)]


def test_nothing_comes_of_nothing() -> None:
    assert segments([]) == segments([""]) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "好。",
        "好吗？",
        "走吧",
        "你呢",
        "真棒！”",
        "Okay.",
        'She said "no."',
        "抱抱🤗",
        "❤️",
        "**好。**",
        "”",
    ],
)
def test_complete(sentence: str) -> None:
    assert is_complete(sentence)


@pytest.mark.parametrize("sentence", ["好的～", "慢慢来~", "抱抱你～”"])
def test_a_wave_completes(sentence: str) -> None:
    assert is_complete(sentence)


@pytest.mark.parametrize(
    "sentence", ["", "  ", "我觉得", "你可以去找一个", "因为，", "I think", "“我"]
)
def test_not_complete(sentence: str) -> None:
    assert not is_complete(sentence)
