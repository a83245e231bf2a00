"""The child's own words for its story: what happened, who, which thing, and how it feels.

A curated line has slots for them. Whatever is said back has its pronouns turned round; what would
not read well, or may be personal, is left out and a line without a slot is said instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Annotated

from pydantic import BeforeValidator

from qiaoban_agent.coaching.perspective import is_addressed, said_back
from qiaoban_agent.coaching.reading import Reading
from qiaoban_agent.coaching.wordlists import WordList
from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.errors import DocumentError
from qiaoban_guards.policy.schema import Language
from qiaoban_guards.text import Text, expand

SLOTS = ("cause", "person", "thing", "feeling")


def _surfaces(value: object) -> object:
    """A list of words, each alone or with how it is said back, as one mapping."""
    if not isinstance(value, list):
        return value
    mapping: dict[str, str] = {}
    for entry in value:  # pyright: ignore[reportUnknownVariableType]
        pairs = entry.items() if isinstance(entry, dict) else [(entry, entry)]  # pyright: ignore
        mapping |= {str(surface): str(said) for surface, said in pairs}  # pyright: ignore
    return mapping


_Words = Annotated[Mapping[str, str], BeforeValidator(_surfaces)]
FACTS = ("tried", "likes", "nickname", "age", "grade")


class _File(Frozen):
    macros: Mapping[str, str] = {}
    people: _Words
    things: _Words
    feelings: _Words
    tried: tuple[str, ...]
    likes: tuple[str, ...]
    nickname: tuple[str, ...]
    age: tuple[str, ...]
    grade: tuple[str, ...]


class Vocabulary:
    """The words of one language that a child's world is told in."""

    def __init__(self, language: Language) -> None:
        source = files("qiaoban_agent") / "coaching" / "lexicon" / language / "own_words.yaml"
        file = load(source, _File)
        edges = language == "en"
        self.people = WordList(file.people, edges=edges)
        self.things = WordList(file.things, edges=edges)
        self.feelings = WordList(file.feelings, edges=edges)
        self._facts = {
            name: [re.compile(expand(e, file.macros)) for e in getattr(file, name)]
            for name in FACTS
        }
        for expressions in self._facts.values():
            for expression in expressions:
                if "it" not in expression.groupindex:
                    raise DocumentError(
                        f"{expression.pattern!r} has no group `it`", source=str(source)
                    )

    @classmethod
    @lru_cache(maxsize=2)
    def shipped(cls, language: Language) -> Vocabulary:
        """The vocabulary that comes with the package, read once."""
        return cls(language)

    def fact(self, name: str, plain: str) -> str | None:
        """What the first of a fact's expressions that matches has as `it`."""
        matches = (expression.search(plain) for expression in self._facts[name])
        return next((match["it"] for match in matches if match and match["it"]), None)


def own_words(text: Text, reading: Reading, language: Language) -> dict[str, str]:
    """What can be said back of a message, by slot."""
    plain, vocabulary = text.plain, Vocabulary.shipped(language)
    found: dict[str, str] = {}
    if is_addressed(plain, language):  # 你妈妈 is not the child's
        return found
    if reading.cause is not None and (cause := _cause(text, reading, language)):
        found["cause"] = cause
    people = list(vocabulary.people.found(plain))
    # A noun beside the story is not what the child is concerned with.
    story = plain[reading.cause.start : reading.cause.end] if reading.cause else plain
    things = list(vocabulary.things.found(story))
    feelings = list(vocabulary.feelings.found(plain))
    if people:
        found["person"] = people[0]
    if things:
        found["thing"] = things[-1]
    if feelings and reading.said:
        found["feeling"] = feelings[-1]
    return found


def _cause(text: Text, reading: Reading, language: Language) -> str | None:
    assert reading.cause is not None  # noqa: S101 - asked by the caller
    start, end = reading.cause
    if end <= start:
        return None
    original = text.original[text.starts[start] : text.ends[end - 1]]
    clause = original if language == "en" else text.plain[start:end]
    return said_back(clause, language)
