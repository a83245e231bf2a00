"""How hard a sentence is to read, and in which language it is."""

from __future__ import annotations

import re

from qiaoban_guards.policy.types import Language

_PAUSES = re.compile(r"[，。！？；：、,.!?;:\n…—()（）「」“”\"]+")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_WORDS = re.compile(r"[a-z']+")
_VOWELS = re.compile(r"[aeiouy]+")
_SILENT = re.compile(r"(?:[^aeiouyl]e|[^aeiouytd]ed)$")
_FEWEST = 8
"""Letters below which the language of a sentence is not told: OK, WiFi, 3.5."""
_FEWEST_FOREIGN = 4
"""Letters of a third script from which on a sentence is foreign; a name in it is shorter."""
_MOSTLY = 0.7


def hardest_clause(plain: str, language: Language) -> int:
    """The most Han characters (`zh`) or words (`en`) without a pause."""
    unit = _HAN if language == "zh" else _WORDS
    return max((len(unit.findall(clause)) for clause in _PAUSES.split(plain)), default=0)


def long_words(plain: str) -> int:
    """English words of four syllables or more; syllables are counted as groups of vowels."""
    return sum(_syllables(word) >= 4 for word in _WORDS.findall(plain))


def _syllables(word: str) -> int:
    return max(len(_VOWELS.findall(word)) - (_SILENT.search(word) is not None), 1)


def other_language(plain: str, language: Language) -> bool:
    """Whether most of a sentence is in another language; English words count by their number.

    Kana, hangul and letters of any other script are in neither language.
    """
    foreign = sum(c.isalpha() and not (_HAN.match(c) or c.isascii()) for c in plain)
    if foreign >= _FEWEST_FOREIGN:
        return True
    han, words = len(_HAN.findall(plain)), len(_WORDS.findall(plain))
    letters = sum(len(word) for word in _WORDS.findall(plain))
    if han + letters < _FEWEST:
        return False
    share = han / (han + words)
    return share < 1 - _MOSTLY if language == "zh" else share > _MOSTLY
