"""What rules find in a sentence, and numbers that are right in themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hypothesis import strategies as st

from qiaoban_guards.pii.kinds import Kind
from tests.guards.pii.rules.trials import Trial

NUMBERS = Trial("phones", "identity", "cards", "accounts", "web", "vehicles", "secrets")
found = NUMBERS.found
HAN_DIGITS = str.maketrans("0123456789", "零幺二三四五六七八九")
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


def _as_typed(number: str) -> str:
    return number


def _in_han(number: str) -> str:
    return number.translate(HAN_DIGITS)


def _in_full_width(number: str) -> str:
    return number.translate(FULL_WIDTH)


Spelling = Callable[[str], str]
spellings: st.SearchStrategy[Spelling] = st.sampled_from([_as_typed, _in_han, _in_full_width])
"""How a child writes digits."""
han = st.text(st.sampled_from("我妈说好的呀他喜欢吃饭和跑着玩哦，。！"), max_size=12)
"""Han text that speaks of no number."""


def of(kind: Kind, values: Iterable[str]) -> list[tuple[str, str]]:
    """The finds that a sentence with these values has."""
    return [(kind.value, value) for value in values]


def resident_check(seventeen: str) -> str:
    """The check character of GB 11643, by its definition: ISO 7064, MOD 11-2."""
    remainder = 0
    for digit in seventeen:
        remainder = (remainder + int(digit)) * 2 % 11
    return "0123456789X"[(12 - remainder) % 11]


def luhn_check(digits: str) -> str:
    """The digit that makes a number right by ISO/IEC 7812-1."""
    doubled = [int(d) * 2 if place % 2 == 0 else int(d) for place, d in enumerate(digits[::-1])]
    return str(-sum(n // 10 + n % 10 for n in doubled) % 10)
