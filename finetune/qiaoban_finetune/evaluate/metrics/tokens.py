"""Cutting text into tokens, Chinese without blanks among it."""

from __future__ import annotations

import re
import unicodedata
from importlib import import_module
from typing import Any, Literal

from qiaoban_guards.errors import MissingExtraError

Cut = Literal["characters", "jieba"]
"""`characters`: every Han character is a token; `jieba`: words as jieba cuts them."""
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_TOKEN = re.compile(rf"[{_HAN}]|[^\W_{_HAN}]+")
_LETTER = re.compile(r"[^\W_]")


def tokens(text: str, cut: Cut = "characters") -> list[str]:
    """The tokens of a text, in lower case and NFKC; punctuation is none.

    A run of other letters or digits is one token whichever way Chinese is cut. Raises
    MissingExtraError where jieba is asked for and not installed.
    """
    plain = unicodedata.normalize("NFKC", text).lower()
    if cut == "characters":
        return _TOKEN.findall(plain)
    return [word for word in _jieba().lcut(plain) if _LETTER.search(word)]


def _jieba() -> Any:
    try:
        jieba: Any = import_module("jieba")
    except ImportError as error:
        raise MissingExtraError("cutting Chinese into words", "evaluate") from error
    jieba.setLogLevel("ERROR")
    return jieba
