"""Rules of the risk lexicon: what they say, how they are read, and where they are kept compiled.

A rule is written in YAML with macros. For the package all rules are expanded into one JSON file
(see `guards/training`), whose expressions are compiled when a message first needs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.resources.abc import Traversable
from typing import Literal, Self, cast

from pydantic import ValidationInfo, model_validator

from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.expressions import (
    LAZY,
    Expressions,
    check_unique,
    load_expressions,
    load_folder,
    with_head,
)
from qiaoban_guards.risk.taxonomy import Category, Level, RiskLevel, Role, When, Who
from qiaoban_guards.text import Pattern

FrameName = Literal["negated", "fiction", "past", "third_person"]


class RiskRule(Expressions):
    """One kind of utterance that is a reason for concern.

    `must` rules are never overruled: what they find, holds. Any other is a clue that the
    statistical model weighs. `open_level` takes the place of `level` while a danger of the same
    category is open in the conversation: “我在楼顶” means something else after “我不想活了”. A rule
    of level none is silent until then. `second` is a category that the hit belongs to as well: who
    asks a child for its address takes its privacy, and is a stranger who comes near.
    """

    id: str
    category: Category
    second: Category | None = None
    level: Level
    must: bool = False
    open_level: Level | None = None
    who: Who = Who.SELF
    role: Role = Role.AT_RISK
    when: When = When.NOW
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    frames: tuple[FrameName, ...] = ("negated", "fiction", "past", "third_person")
    note: str = ""

    @model_validator(mode="after")
    def _conditions_compile(self, info: ValidationInfo) -> Self:
        context = cast("Mapping[str, object]", info.context or {})
        if not context.get(LAZY):
            _ = self.needed, self.spoiler  # compiled here, so that an error names this rule
        return self

    @property
    def silent(self) -> bool:
        """Whether the rule says nothing until a danger of its category is open."""
        return self.level is RiskLevel.NONE

    @cached_property
    def needed(self) -> Pattern | None:
        """What else the sentence must have."""
        return Pattern(self.needs) if self.needs else None

    @cached_property
    def spoiler(self) -> Pattern | None:
        """What the sentence must not have."""
        return Pattern(self.unless) if self.unless else None


class Frames(Frozen):
    """How a hit may have been meant, in one language."""

    negated: Expressions
    fiction: Expressions
    past: Expressions
    third_person: Expressions
    first_person: Expressions
    macros: Mapping[str, str] = {}


class Rules(Frozen):
    """The rules and frames of one language, and the grams by which rules are found.

    What is `calm` is a whole message that never alarms, whatever else would be read in it.
    """

    frames: Frames
    calm: Expressions
    rules: tuple[RiskRule, ...]
    grams: Mapping[str, tuple[int, ...]] = {}
    always: tuple[int, ...] = ()
    also: Mapping[int, tuple[tuple[str, ...], ...]] = {}


class _Shared(Frozen):
    macros: Mapping[str, str] = {}


class _File(Frozen):
    category: Category
    macros: Mapping[str, str] = {}
    rules: tuple[RiskRule, ...]

    @model_validator(mode="before")
    @classmethod
    def _category_of_the_file(cls, data: object) -> object:
        """Give every rule the category that stands at the head of its file."""
        return with_head(data, "category")


def read_rules(folder: Traversable) -> Rules:
    """Read `_shared.yaml`, `_frames.yaml`, `_calm.yaml` and every category's file of one language.

    Raises DocumentError that names file, line and key.
    """
    shared = dict(load(folder / "_shared.yaml", _Shared).macros)
    frames = load_expressions(folder / "_frames.yaml", Frames, shared)
    calm = load_expressions(folder / "_calm.yaml", Expressions, shared)
    rules = [rule for file in load_folder(folder, _File, shared) for rule in file.rules]
    check_unique((rule.id for rule in rules), folder)
    return Rules(frames=frames, calm=calm, rules=tuple(rules))
