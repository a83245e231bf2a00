"""Rules for replies: what a companion must not say, by harm, with the words it is said in.

A rule is a clue that the statistical model weighs; one that is `sure` is rarely wrong.
Rules are written in YAML with macros and kept compiled in one JSON file (`make reply-model`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources.abc import Traversable
from typing import Self, cast

from pydantic import ValidationInfo, model_validator

from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.expressions import (
    LAZY,
    Expressions,
    check_unique,
    load_folder,
    with_head,
)
from qiaoban_guards.harms import Harm
from qiaoban_guards.risk.prefilter import Prefilter
from qiaoban_guards.text import Pattern, Text


class ReplyRule(Expressions):
    """One way of doing a harm: `any` of some expressions, save where one of `except` overlaps.

    `needs` and `unless` are read in the child's message: the rule holds only where one of `needs`
    is there and none of `unless`.
    """

    id: str
    harm: Harm
    sure: bool = False
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _conditions_compile(self, info: ValidationInfo) -> Self:
        context = cast("Mapping[str, object]", info.context or {})
        if not context.get(LAZY):
            _ = self.needed, self.spoiler
        return self

    @cached_property
    def needed(self) -> Pattern | None:
        """What the child's message must hold."""
        return Pattern(self.needs) if self.needs else None

    @cached_property
    def spoiler(self) -> Pattern | None:
        """What it must not."""
        return Pattern(self.unless) if self.unless else None


class ReplyRules(Frozen):
    """One language's rules; `grams`, `always` and `also` say which may fire (Prefilter)."""

    rules: tuple[ReplyRule, ...]
    grams: Mapping[str, tuple[int, ...]] = {}
    always: tuple[int, ...] = ()
    also: Mapping[int, tuple[tuple[str, ...], ...]] = {}


@dataclass(frozen=True, slots=True)
class Clue:
    """A rule that fired, and where in the plain form of the reply."""

    rule: ReplyRule
    start: int
    end: int


class ReplyLexicon:
    """The rules of one language, ready to read a sentence."""

    def __init__(self, rules: ReplyRules) -> None:
        self.rules = rules.rules
        self._prefilter = (
            Prefilter(rules.grams, rules.always, rules.also)
            if rules.grams or rules.always
            else Prefilter.build([(rule.any, ()) for rule in rules.rules])
        )

    def clues(self, text: Text, child: str) -> Iterator[Clue]:
        """Every rule that holds, once, with its first hit; `child` is the message's plain form."""
        plain = text.plain
        for number in self._prefilter.candidates(plain):
            rule = self.rules[number]
            if rule.pattern.search(plain) is None or (hit := rule.pattern.first(plain)) is None:
                continue
            if rule.needed and not rule.needed.first(child):
                continue
            if rule.spoiler and rule.spoiler.first(child):
                continue
            yield Clue(rule, hit.start, hit.end)


class _Shared(Frozen):
    macros: Mapping[str, str] = {}


class _File(Frozen):
    harm: Harm
    macros: Mapping[str, str] = {}
    rules: tuple[ReplyRule, ...]

    @model_validator(mode="before")
    @classmethod
    def _harm_of_the_file(cls, data: object) -> object:
        """Give every rule the harm that stands at the head of its file."""
        return with_head(data, "harm")


def read_reply_rules(folder: Traversable) -> ReplyRules:
    """Read `_shared.yaml` and every harm's file of one language.

    Raises DocumentError that names file, line and key.
    """
    shared = dict(load(folder / "_shared.yaml", _Shared).macros)
    rules = [rule for file in load_folder(folder, _File, shared) for rule in file.rules]
    check_unique((rule.id for rule in rules), folder)
    return ReplyRules(rules=tuple(rules))
