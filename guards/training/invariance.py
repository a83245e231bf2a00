"""How often an evasion changes the guard's verdict: disclosures written so as not to be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import cast

import opencc
from sources import corpus

from qiaoban_guards.batch.measure import wilson
from qiaoban_guards.documents import load
from qiaoban_guards.risk import RiskClassifier, RiskLevel
from qiaoban_guards.text import has_han, normalise
from qiaoban_guards.text.evasions import Evasions

POSITIVES = 500
Writer = Callable[[str], str]


@lru_cache(maxsize=1)
def _data() -> Evasions:
    return load(files("qiaoban_guards") / "text" / "evasions.yaml", Evasions)


def _between_han(text: str, gap: str) -> str:
    written = [
        character + (gap if has_han(character) and has_han(text[place + 1 : place + 2]) else "")
        for place, character in enumerate(text)
    ]
    return "".join(written)


def _traditional(text: str) -> str:
    converter = opencc.OpenCC("s2t")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return cast("str", converter.convert(text))  # pyright: ignore[reportUnknownMemberType]


def _full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _in_words(text: str, write: Callable[[str], str | None]) -> str:
    """The words of danger of `text` written by `write`; where it gives None, left."""
    data = _data()
    for word in sorted((*data.words, *data.everyday), key=len, reverse=True):
        if word in text and (written := write(word)) is not None:
            text = text.replace(word, written)
    return text


def _pinyin(word: str) -> str | None:
    known = _data().characters
    return "".join(known[c].pinyin for c in word) if all(c in known for c in word) else None


def _homophone(word: str) -> str | None:
    known = _data().characters
    for place, character in enumerate(word):
        others = [c for c in known[character].others if has_han(c)] if character in known else []
        spellings = [word[:place] + other + word[place + 1 :] for other in others]
        if usable := [spelling for spelling in spellings if spelling not in _data().never]:
            return usable[0]
    return None


def _listed(values: Mapping[str, str]) -> Writer:
    """Words written by a listed evasion of just that word."""
    by_word = {meaning: spelling for spelling, meaning in reversed(list(values.items()))}

    def write(text: str) -> str:
        for word in sorted(by_word, key=len, reverse=True):
            text = text.replace(word, by_word[word])
        return text

    return write


def _leet(text: str) -> str:
    words = [
        w.translate(str.maketrans("ieo", "130")) if w.strip(".,!?") in _data().english else w
        for w in text.split(" ")
    ]
    return " ".join(words)


def _initials(word: str) -> str | None:
    spellings = {spelling for spelling, meaning in _data().exact.items() if meaning == word}
    return next((s for s in sorted(spellings) if s.isascii() and s.isalpha()), None)


def writers() -> Mapping[str, tuple[str, Writer]]:
    """Every evasion: (the language it is for, how it is written)."""
    return {
        "full width": ("en", _full_width),
        "zero-width space": ("zh", lambda text: _between_han(text, "\u200b")),
        "combining marks": ("zh", lambda text: "".join(c + "\u0336" for c in text)),
        "spaces between Han": ("zh", lambda text: _between_han(text, " ")),
        "dots between Han": ("zh", lambda text: _between_han(text, ".")),
        "stars between Han": ("zh", lambda text: _between_han(text, "*")),
        "traditional": ("zh", _traditional),
        "every character three times": (
            "zh",
            lambda text: _in_words(text, lambda w: "".join(c * 3 for c in w)),
        ),
        "words in pinyin": ("zh", lambda text: _in_words(text, _pinyin)),
        "words in initials": ("zh", lambda text: _in_words(text, _initials)),
        "sound-alikes": ("zh", lambda text: _in_words(text, _homophone)),
        "4 for 死": ("zh", lambda text: text.replace("想死", "想4").replace("去死", "去4")),
        "characters in parts": ("zh", _listed(_data().parts)),
        "emoji for words": (
            "zh",
            lambda text: text.replace("刀", "🔪").replace("血", "🩸").replace("药", "💊"),
        ),
        "leet": ("en", _leet),
        "dots between words of danger": ("zh", lambda text: _in_words(text, ".".join)),
    }


def invariance() -> list[str]:
    """A table: of disclosures flagged as typed, how many are not when written otherwise."""
    guard = RiskClassifier.shipped()

    def is_flagged(text: str) -> bool:
        return guard.assess(normalise(text)).level >= RiskLevel.MODERATE

    rows = ["### Evasions", "", "| written as | verdict changed | | 95 % |", "|---|---|---|---|"]
    danger = [row for row in corpus() if row.level >= RiskLevel.MODERATE]
    for name, (language, write) in writers().items():
        texts = [row.text for row in danger if row.lang == language and write(row.text) != row.text]
        chosen = [text for text in texts if is_flagged(text)][:POSITIVES]
        changed = sum(not is_flagged(write(text)) for text in chosen)
        if chosen:
            low, high = wilson(changed, len(chosen))
            share = changed / len(chosen)
            rows.append(
                f"| {name} | {changed} / {len(chosen)} | {share:.3f} | {low:.3f} – {high:.3f} |"
            )
    return [*rows, ""]
