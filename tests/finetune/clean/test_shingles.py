"""Likeness is measured right for Chinese, where peers' tokenizers see nothing."""

from __future__ import annotations

from qiaoban_finetune.clean.shingles import jaccard, shingles, tokens


def alike(one: str, other: str) -> float:
    return jaccard(shingles([one]), shingles([other]))


def test_two_identical_chinese_sentences_are_the_same() -> None:
    assert alike("我今天很难过，不想上学。", "我今天很难过，不想上学。") == 1.0


def test_two_that_share_a_latin_word_only_are_not() -> None:
    assert alike("我被诊断为BPD，睡不着", "他说BPD是一个缩写而已") == 0.0


def test_punctuation_width_case_and_traditional_forms_are_no_difference() -> None:
    assert alike("我喜歡ＡＢＣ！！", "我喜欢abc。") == 1.0


def test_a_han_character_and_a_word_are_tokens() -> None:
    assert tokens("我爱my cat2") == ["我", "爱", "my", "cat2"]
    assert alike("the cat sat on the mat", "the cat sat on the hat") == 0.6


def test_nothing_is_like_nothing() -> None:
    assert jaccard(set(), set()) == 1.0
    assert alike("好", "好的") == 0.0
