"""The language of a dialogue, as far as it matters here: Chinese, English, or another."""

from __future__ import annotations

import re
from collections.abc import Iterable

from qiaoban_guards.policy.types import Language

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_OTHER = re.compile(
    r"[\u3040-\u30ff\uac00-\ud7af\u0400-\u04ff\u0590-\u06ff\u0e00-\u0e7f\u0900-\u097f]"
)
_WORD = re.compile(r"[a-zà-öø-ÿ']+")
_LETTERS_OF_A_HAN = 4
"""A Han character says about as much as so many Latin letters."""
_ENGLISH = frozenset(
    """
    the a an i you it is are was and to of in that my me your do don't not so but for with have
    what how when she he they we be this feel can just like at on no yes
    """.split()  # noqa: SIM905 - read more easily than a list
)
_SHARE = 0.2
"""Of the words of English, at least so many are among these; of other languages a tenth at most."""


def language_of(texts: Iterable[str]) -> Language | None:
    """The language that most of the texts is in; None for another one, and for no words."""
    text = "\n".join(texts).lower()
    han = len(_HAN.findall(text)) * _LETTERS_OF_A_HAN
    other = len(_OTHER.findall(text)) * _LETTERS_OF_A_HAN
    words = _WORD.findall(text)
    latin = sum(map(len, words))
    if han > max(latin, 4 * other):
        return "zh"
    if latin > max(han, other) and sum(map(_ENGLISH.__contains__, words)) >= _SHARE * len(words):
        return "en"
    return None
