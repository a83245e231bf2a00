"""The embedded risk guard: patterns per category, read from data files, with frames.

A rule finds a stretch of the message; frames then ask how it was meant: negated, told of
somebody else, of the past, or out of a story. `Lexicon.assess` is pure, deterministic and
linear in the length of the message.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal, Self

from pydantic import model_validator

from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.errors import DocumentError
from qiaoban_guards.expressions import Expressions, load_expressions
from qiaoban_guards.risk.taxonomy import (
    Category,
    Finding,
    Level,
    Risk,
    RiskLevel,
    Role,
    When,
    Who,
)
from qiaoban_guards.text import Hit, Pattern, Sentence, Text, has_han, split_sentences

FrameName = Literal["negated", "fiction", "past", "third_person"]
_REACH = 150
"""How far from a hit its meaning is looked for; keeps the cost linear without punctuation."""
_LATIN = re.compile(r"[a-z]")


class RiskRule(Expressions):
    """One kind of utterance that is a reason for concern.

    `open_level` takes the place of `level` while a danger of the same category is open in the
    conversation: “我在楼顶” means something else after “我不想活了”. A rule of level none is
    silent until then.
    """

    id: str
    level: Level
    open_level: Level | None = None
    who: Who = Who.SELF
    role: Role = Role.AT_RISK
    when: When = When.NOW
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    frames: tuple[FrameName, ...] = ("negated", "fiction", "past", "third_person")
    note: str = ""

    @model_validator(mode="after")
    def _conditions_compile(self) -> Self:
        _ = self.needed, self.spoiler  # compiled here, so that an error names this rule
        return self

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


class _Shared(Frozen):
    macros: Mapping[str, str] = {}


class _File(Frozen):
    category: Category
    macros: Mapping[str, str] = {}
    rules: tuple[RiskRule, ...]


class LanguageLexicon:
    """The rules and frames of one language."""

    def __init__(self, rules: tuple[tuple[Category, RiskRule], ...], frames: Frames) -> None:
        self.rules, self.frames = rules, frames

    @classmethod
    def load(cls, folder: Traversable) -> LanguageLexicon:
        """Read `_shared.yaml`, `_frames.yaml` and every category's file of one language."""
        shared = dict(load(folder / "_shared.yaml", _Shared).macros)
        frames = load_expressions(folder / "_frames.yaml", Frames, shared)
        rules: list[tuple[Category, RiskRule]] = []
        for source in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if source.name.endswith(".yaml") and not source.name.startswith("_"):
                file = load_expressions(source, _File, shared)
                rules += [(file.category, rule) for rule in file.rules]
        ids = [rule.id for _, rule in rules]
        if twice := {one for one in ids if ids.count(one) > 1}:
            raise DocumentError(f"rule ids stand twice: {sorted(twice)}", source=str(folder))
        return cls(tuple(rules), frames)

    def findings(self, text: Text, open_: Collection[Category] = ()) -> Iterator[Finding]:
        """Yield what every rule finds, at most one finding a rule."""
        sentences = tuple(split_sentences(text.plain))
        for category, rule in self.rules:
            opened = rule.open_level if category in open_ else None
            if opened is None and rule.level is RiskLevel.NONE:
                continue
            finding = self._first_finding(category, rule, text, sentences)
            if finding is not None and opened is not None:
                finding = finding.model_copy(update={"level": max(opened, finding.level)})
            if finding is not None:
                yield finding

    def _first_finding(
        self, category: Category, rule: RiskRule, text: Text, sentences: tuple[Sentence, ...]
    ) -> Finding | None:
        for hit in rule.pattern.hits(text.plain):
            sentence = _around(hit, sentences)
            if rule.needed and not rule.needed.first(sentence.text):
                continue
            if rule.spoiler and rule.spoiler.first(sentence.text):
                continue
            if (finding := self._framed(category, rule, text, hit, sentence)) is not None:
                return finding
        return None

    def _framed(
        self, category: Category, rule: RiskRule, text: Text, hit: Hit, sentence: Sentence
    ) -> Finding | None:
        before = text.plain[sentence.start : hit.start]
        if "negated" in rule.frames and self.frames.negated.pattern.first(before):
            return None
        if "fiction" in rule.frames and self.frames.fiction.pattern.first(sentence.text):
            return None
        level, who, role, when = rule.level, rule.who, rule.role, rule.when
        if "past" in rule.frames and self.frames.past.pattern.first(before):
            level, when = RiskLevel(max(level - 1, RiskLevel.LOW)), When.PAST
        if "third_person" in rule.frames and self._is_about_another(before, text, hit):
            who, role = Who.OTHER, Role.WITNESS
        start, end = text.span(hit.start, hit.end)
        return Finding(
            category=category,
            level=level,
            who=who,
            role=role,
            when=when,
            span=text.original[start:end],
            start=start,
            end=end,
            source=rule.id,
        )

    def _is_about_another(self, before: str, text: Text, hit: Hit) -> bool:
        """Whether the nearest person named before the hit is not the child who writes."""
        own = self.frames.first_person.pattern.first(text.plain[hit.start : hit.end])
        if own is not None and own.start == 0:
            return False
        others = [hit.end for hit in self.frames.third_person.pattern.hits(before)]
        selves = [hit.end for hit in self.frames.first_person.pattern.hits(before)]
        return bool(others) and max(others) > max(selves, default=-1)


def _around(hit: Hit, sentences: tuple[Sentence, ...]) -> Sentence:
    """The sentence of a hit, no more of it than `_REACH` characters to either side."""
    index = bisect_right(sentences, hit.start, key=lambda sentence: sentence.start) - 1
    sentence = sentences[index]
    start = max(sentence.start, hit.start - _REACH)
    end = max(min(sentence.end, hit.end + _REACH), hit.start + 1)
    text = sentence.text[start - sentence.start : end - sentence.start]
    return Sentence(text=text, start=start, end=end)


class Lexicon:
    """The embedded risk guard, Chinese and English together."""

    def __init__(self, zh: LanguageLexicon, en: LanguageLexicon) -> None:
        self._zh, self._en = zh, en

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> Lexicon:
        """The lexicon that comes with the package, read once."""
        root = files("qiaoban_guards") / "risk" / "lexicon"
        return cls(LanguageLexicon.load(root / "zh"), LanguageLexicon.load(root / "en"))

    def assess(self, text: Text, open_: Collection[Category] = ()) -> Risk:
        """The risk of one message; `open_` are the dangers already open in the conversation."""
        findings: list[Finding] = []
        if has_han(text.plain):
            findings += self._zh.findings(text, open_)
        if _LATIN.search(text.plain):
            findings += self._en.findings(text, open_)
        return Risk.of(findings)
