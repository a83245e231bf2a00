from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.text import has_han, split_sentences
from qiaoban_guards.text.sentences import CLOSERS, sentence_end

_TEXTS = st.text(st.sampled_from("我好a1 .。！？!?…；;\n”」』）)\"'*~～，"), max_size=60)


@given(st.one_of(st.text(), _TEXTS))
def test_sentences_joined_are_the_text(text: str) -> None:
    sentences = list(split_sentences(text))
    assert "".join(sentence.text for sentence in sentences) == text
    assert all(text[s.start : s.end] == s.text and s.text for s in sentences)


@given(_TEXTS)
def test_no_sentence_begins_with_a_mark_that_closes_the_one_before(text: str) -> None:
    sentences = list(split_sentences(text))
    for earlier, later in itertools.pairwise(sentences):
        if not earlier.text.endswith("\n"):
            assert later.text[0] not in CLOSERS


@given(_TEXTS, st.text(max_size=10))
def test_an_end_once_told_does_not_move_when_more_comes(text: str, more: str) -> None:
    end = sentence_end(text, 0, final=False)
    if end is not None and end < len(text):
        assert sentence_end(text + more, 0, final=False) == end


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("我好难过。你呢？算了！", ["我好难过。", "你呢？", "算了！"]),
        ("I'm sad. Are you? No!", ["I'm sad.", " Are you?", " No!"]),
        ("怎么办……不知道；算了;", ["怎么办……", "不知道；", "算了;"]),
        ("真的吗？！好吧", ["真的吗？！", "好吧"]),
        ("第一行\n第二行", ["第一行\n", "第二行"]),
        ("考了3.5分。", ["考了3.5分。"]),
        ("看example.com吧。", ["看example.com吧。"]),
        ("v1.2.3 is out. Good.", ["v1.2.3 is out.", " Good."]),
        ("他说：“走开。”我哭了。", ["他说：“走开。”", "我哭了。"]),
        ("「不要！」她喊。", ["「不要！」", "她喊。"]),
        ("（真的。）嗯", ["（真的。）", "嗯"]),
        ('He said "go." I left.', ['He said "go."', " I left."]),
        ("**好。** 再来", ["**好。**", " 再来"]),
        ("一，二、三：四", ["一，二、三：四"]),
        ("", []),
    ],
)
def test_where_sentences_end(text: str, sentences: list[str]) -> None:
    assert [sentence.text for sentence in split_sentences(text)] == sentences


@pytest.mark.parametrize(
    "text", ["我好难过", "我好难过。", "我好难过。”", "3.", "He left.", "好\n"]
)
def test_a_text_that_may_go_on_has_no_end_yet(text: str) -> None:
    assert sentence_end(text, 0, final=False) is None
    assert sentence_end(text, 0, final=True) == len(text)


def test_sentence_end_counts_from_its_start() -> None:
    assert sentence_end("一。二。三", 2, final=False) == 4


@pytest.mark.parametrize(
    ("text", "han"), [("a我", True), ("㐀", True), ("\U00020000", True), ("カタ, abc。", False)]
)
def test_has_han(text: str, han: bool) -> None:
    assert has_han(text) is han
