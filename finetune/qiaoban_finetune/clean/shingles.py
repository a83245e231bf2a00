"""What two texts are compared by: runs of three tokens, right for Chinese and for English.

A Han character (kana and hangul alike) is a token, and so is a run of Latin letters or digits;
punctuation, case, width and traditional forms are no difference. A tokenizer that drops what is
not Latin takes two Chinese sentences for the same, or for nothing alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from qiaoban_guards.text import normalise

SIZE = 3
"""Tokens of a shingle."""
_TOKEN = re.compile(
    r"[\u3400-\u4dbf\u4e00-\u9fff\u3040-\u30ff\uac00-\ud7af\U00020000-\U0003ffff]|[^\W_]+?(?="
    r"[\u3400-\u4dbf\u4e00-\u9fff\u3040-\u30ff\uac00-\ud7af\U00020000-\U0003ffff]|[\W_]|$)"
)


def tokens(text: str) -> list[str]:
    """The tokens of a text in its plain form."""
    return _TOKEN.findall(normalise(text).plain)


def shingles(texts: Iterable[str], size: int = SIZE) -> set[str]:
    """The runs of tokens of each text; a text that is shorter is one itself."""
    found: set[str] = set()
    for text in texts:
        parts = tokens(text)
        if parts and len(parts) < size:
            found.add("\x1f".join(parts))
        found.update("\x1f".join(parts[at : at + size]) for at in range(len(parts) - size + 1))
    return found


def jaccard(one: set[str], other: set[str]) -> float:
    """How much of both is in both; two empty ones are the same."""
    together = len(one | other)
    return len(one & other) / together if together else 1.0
