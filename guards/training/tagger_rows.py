"""What the tagger learns from: sentences in tokens with their labels, and their variations.

A variation of a sentence has other names, addresses, schools in the places of its own: what is
learnt is where such things stand and how they look, not which ones the corpus has.
"""

from __future__ import annotations

import random
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from personal_data_rows import Sentence

from qiaoban_guards.pii.finder import Finder
from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Reading
from qiaoban_guards.pii.tagger.network import OUTSIDE, TAGGED
from qiaoban_guards.pii.tagger.tokens import Find, features_of, tokens_of
from qiaoban_guards.text import normalise

LABELS = (OUTSIDE, *(f"{edge}-{kind}" for kind in TAGGED for edge in "BI"))
_NUMBER = {label: number for number, label in enumerate(LABELS)}
_HAN = re.compile(r"[\u3400-\u9fff]")
_HAN_ONLY = re.compile(r"[\u3400-\u9fff]+")
_FORMS = 6000
_SWAPPED = 0.8
_CROSSED = 0.6


@dataclass(frozen=True, slots=True)
class Row:
    """A sentence's features, the token that each belongs to, and a label for each token.

    `column` is 0 for the token itself, 1 and 2 for its pairs with the one before and behind,
    3 for all else.
    """

    feature: NDArray[np.int64]
    token: NDArray[np.int64]
    column: NDArray[np.int64]
    label: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)


def row_of(sentence: Sentence, rules: Finder | None) -> Row | None:
    """A sentence as the network sees it, with what `rules` find in it; None if it is empty."""
    text = normalise(sentence.text)
    reading = Reading(text)
    tokens = tokens_of(reading)
    if not tokens:
        return None
    features = features_of(reading, tokens, _finds(text.starts, rules, sentence.text))
    label = np.zeros(len(tokens), np.int64)
    spans = [text.span(token.start, token.end) for token in tokens]
    for kind, start, end in sentence.entities:
        inside = [n for n, (first, last) in enumerate(spans) if first < end and last > start]
        if kind in TAGGED and inside:
            label[inside] = _NUMBER[f"I-{kind}"]
            label[inside[0]] = _NUMBER[f"B-{kind}"]
    return _row(features, label)


def unmarked_rows(texts: Iterable[str]) -> list[Row]:
    """Rows of texts without marks; a token's label is the number of its form, 0 for rare ones."""
    read: list[tuple[list[list[int]], list[str]]] = []
    count: Counter[str] = Counter()
    for text in texts:
        reading = Reading(normalise(text))
        tokens = tokens_of(reading)
        if tokens:
            forms = [token.form for token in tokens]
            count.update(forms)
            read.append((features_of(reading, tokens, ()), forms))
    number = {form: n for n, (form, _) in enumerate(count.most_common(_FORMS), 1)}
    return [
        _row(features, np.asarray([number.get(form, 0) for form in forms], np.int64))
        for features, forms in read
    ]


def _finds(starts: Sequence[int], rules: Finder | None, text: str) -> list[Find]:
    if rules is None:
        return []
    return [
        (e.kind, bisect_left(starts, e.start), bisect_left(starts, e.end)) for e in rules.find(text)
    ]


def _row(features: Sequence[Sequence[int]], label: NDArray[np.int64]) -> Row:
    counts = [len(its) for its in features]
    return Row(
        np.concatenate([np.asarray(its, np.int64) for its in features]),
        np.repeat(np.arange(len(features)), counts),
        np.concatenate([np.minimum(np.arange(count), 3) for count in counts]),
        label,
    )


class Swaps:
    """The values that may stand for one another, of all kinds."""

    def __init__(self, those: Iterable[Sentence], seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - variations, not secrets
        self._values: defaultdict[tuple[Kind, str], list[str]] = defaultdict(list)
        for one in those:
            for kind, start, end in one.entities:
                value = one.text[start:end]
                self._values[kind, _look(kind, value)].append(value)

    def varied(self, sentence: Sentence) -> Sentence:
        """The sentence with other values, most of the time."""
        text, position = "", 0
        entities: list[tuple[Kind, int, int]] = []
        for kind, start, end in sorted(sentence.entities, key=lambda entity: entity[1]):
            text += sentence.text[position:start]
            value = self._other(kind, sentence.text[start:end])
            entities.append((kind, len(text), len(text) + len(value)))
            text += value
            position = end
        return Sentence(sentence.group, text + sentence.text[position:], tuple(entities))

    def _other(self, kind: Kind, value: str) -> str:
        if kind is Kind.PHOTO or kind not in TAGGED or self._chance.random() > _SWAPPED:
            return value
        look = _look(kind, value)
        others = self._values[kind, look]
        other = self._chance.choice(others)
        if look in ("Han 2", "Han 3") and self._chance.random() < _CROSSED:
            return other[0] + self._chance.choice(others)[1:]  # one's family name, another's given
        return other


def _look(kind: Kind, value: str) -> str:
    if kind is not Kind.NAME:
        return "Han" if _HAN.search(value) else "Latin"
    if _HAN_ONLY.fullmatch(value):
        return f"Han {min(len(value), 4)}"
    return f"Latin {min(value.count(' '), 2)} {value[:1].isupper()}"
