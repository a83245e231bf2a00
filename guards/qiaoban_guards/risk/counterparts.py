"""Our categories beside those of MLCommons, Llama Guard, Qwen3Guard and OpenAI moderation.

They name harmful text, we name a child in danger, so that little of it is the same. What a remote
guard's answer becomes stands in `remote/tables`; this is the map for people who know the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.risk.taxonomy import Category


class Names(Frozen):
    """The names of some categories, by whose they are."""

    mlcommons: tuple[str, ...] = ()
    llama_guard: tuple[str, ...] = ()
    qwen3guard: tuple[str, ...] = ()
    openai_moderation: tuple[str, ...] = ()


class Counterparts(Frozen):
    """What others call one of our categories.

    `mapped` names are read as this category; `partial` ones touch it, and are read as another one
    or mean much else besides.
    """

    mapped: Names = Names()
    partial: Names = Names()
    note: str


class _Book(Frozen):
    categories: Mapping[Category, Counterparts]
    outside: Names


@lru_cache(maxsize=1)
def _book() -> _Book:
    return load(files("qiaoban_guards") / "risk" / "counterparts.yaml", _Book)


def counterparts(category: Category) -> Counterparts:
    """What others call this category; both parts empty where they have no word for it."""
    return _book().categories[category]


def outside() -> Names:
    """Categories of others that are no danger to the child who writes."""
    return _book().outside
