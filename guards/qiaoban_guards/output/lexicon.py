"""Rules for replies: what a companion must not say, by harm, with the words it is said in.

A rule is a clue that the statistical model weighs; one that is `sure` is rarely wrong.
Rules are written in YAML with macros and kept compiled in one JSON file (`make reply-model`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources.abc import Traversable
from typing import Any, Self, cast

from pydantic import ValidationInfo, model_validator

from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.errors import DocumentError
from qiaoban_guards.expressions import LAZY, Expressions, load_expressions
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
        if not isinstance(data, dict):
            return data
        file = cast("dict[str, Any]", data)
        if not isinstance(file.get("rules"), list):
            return file
        rules = cast("Sequence[object]", file["rules"])
        of_rules: list[object] = [
            {**cast("dict[str, object]", rule), "harm": file.get("harm")}
            if isinstance(rule, dict)
            else rule
            for rule in rules
        ]
        return {**file, "rules": of_rules}


def read_reply_rules(folder: Traversable) -> ReplyRules:
    """Read `_shared.yaml` and every harm's file of one language.

    Raises DocumentError that names file, line and key.
    """
    shared = dict(load(folder / "_shared.yaml", _Shared).macros)
    rules: list[ReplyRule] = []
    for source in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if source.name.endswith(".yaml") and not source.name.startswith("_"):
            rules += load_expressions(source, _File, shared).rules
    ids = [rule.id for rule in rules]
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise DocumentError(f"rule ids stand twice: {sorted(twice)}", source=str(folder))
    return ReplyRules(rules=tuple(rules))
