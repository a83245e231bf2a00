"""The risk of a conversation in one line that a guardian can read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.harms import Harm
from qiaoban_guards.risk.session import Evidence, SessionRisk
from qiaoban_guards.risk.taxonomy import Category

_MOST_TURNS = 5


class _Phrases(Frozen):
    categories: Mapping[Category, str]
    levels: Mapping[str, str]
    nothing: str
    piece: str
    join: str
    several: str
    line: str
    open: str
    fading: str
    model: str
    harms: Mapping[Harm, str]


class _Explanations(Frozen):
    zh: _Phrases
    en: _Phrases


@lru_cache(maxsize=1)
def _explanations() -> _Explanations:
    return load(files("qiaoban_guards") / "risk" / "explanations.yaml", _Explanations)


def explain(risk: SessionRisk, language: str = "zh") -> str:
    """Which dangers were heard in which messages, how grave, and what becomes of it."""
    phrases = _explanations().en if language == "en" else _explanations().zh
    if not risk.evidence and not risk.open:
        return phrases.nothing
    by_category: dict[Category, list[Evidence]] = {}
    for item in sorted(risk.evidence.values(), key=lambda item: (-item.level, item.turn)):
        by_category.setdefault(item.category, []).append(item)
    pieces = [_piece(category, items, phrases) for category, items in by_category.items()]
    return phrases.line.format(
        level=phrases.levels[risk.level.label],
        pieces=phrases.join.join(pieces) or phrases.levels[risk.high_water.label],
        state=phrases.open if risk.open else phrases.fading,
    )


def name_of(harm: Harm, language: str = "zh") -> str:
    """A kind of harm in words."""
    phrases = _explanations().en if language == "en" else _explanations().zh
    return phrases.harms[harm]


def describe_model(harm: Harm, language: str = "zh") -> str:
    """What a model wanted to do to the child, in one line for an adult."""
    phrases = _explanations().en if language == "en" else _explanations().zh
    return phrases.model.format(harm=phrases.harms[harm])


def _piece(category: Category, items: list[Evidence], phrases: _Phrases) -> str:
    turns = sorted({item.turn for item in items})[-_MOST_TURNS:]
    return phrases.piece.format(
        category=phrases.categories[category],
        turns=phrases.several.join(str(turn) for turn in turns),
        level=phrases.levels[max(item.level for item in items).label],
    )
