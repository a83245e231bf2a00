"""The embedded risk rules: patterns per category, with frames.

A rule finds a stretch of the message; frames then ask how it was meant: negated, told of
somebody else, of the past, or out of a story. `findings` is pure, deterministic and linear in the
length of the message.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator
from importlib.resources.abc import Traversable
from typing import TypeAlias

from qiaoban_guards.risk.prefilter import Prefilter
from qiaoban_guards.risk.rules import RiskRule, Rules, read_rules
from qiaoban_guards.risk.taxonomy import Category, Finding, RiskLevel, Role, When, Who
from qiaoban_guards.text import Hit, Sentence, Text, split_sentences

Search: TypeAlias = "Callable[[str], re.Match[str] | None]"
_LONGEST_CALM = 60
_TAIL = " 。.!！?？~～…,，、哈嘿呵嘻啊呀呜"
_REACH = 150
"""How far from a hit its meaning is looked for; keeps the cost linear without punctuation."""


class Lexicon:
    """The rules and frames of one language."""

    def __init__(self, rules: Rules) -> None:
        self.rules, self.frames = rules.rules, rules.frames
        self._calm = rules.calm
        self.opening = frozenset(rule.id for rule in rules.rules if rule.open_level is not None)
        self.must = frozenset(rule.id for rule in rules.rules if rule.must)
        self.second = {rule.id: rule.second for rule in rules.rules if rule.second}
        self._searches: list[Search | None] = [None] * len(rules.rules)
        self._prefilter = (
            Prefilter(rules.grams, rules.always, rules.also)
            if rules.grams or rules.always
            else Prefilter.build([(rule.any, rule.needs) for rule in rules.rules])
        )

    @classmethod
    def load(cls, folder: Traversable) -> Lexicon:
        """The lexicon whose YAML files stand in `folder`."""
        return cls(read_rules(folder))

    def is_calm(self, plain: str) -> bool:
        """Whether the whole message is a denial or an idiom that must never alarm."""
        return len(plain) <= _LONGEST_CALM and self._calm.pattern.matches_whole(
            plain.rstrip(_TAIL).lstrip(_TAIL)
        )

    def findings(self, text: Text, open_: Collection[Category] = ()) -> Iterator[Finding]:
        """Yield what every rule finds, at most one finding a rule.

        `open_` are the dangers already open in the conversation.
        """
        candidates = self._prefilter.candidates(text.plain)
        sentences = tuple(split_sentences(text.plain)) if candidates else ()
        for number in candidates:
            if self._search(number)(text.plain) is None:
                continue
            rule = self.rules[number]
            opened = rule.open_level if rule.category in open_ else None
            if opened is None and rule.silent:
                continue
            finding = self._first_finding(rule, text, sentences)
            if finding is not None and opened is not None:
                finding = finding.model_copy(update={"level": max(opened, finding.level)})
            if finding is not None:
                yield finding

    def _search(self, number: int) -> Search:
        """The bare search of a rule's expressions, compiled when it is first needed."""
        search = self._searches[number]
        if search is None:
            search = self._searches[number] = self.rules[number].pattern.search
        return search

    def warm(self) -> None:
        """Compile every expression now, for a program that cannot wait when it is first needed."""
        for number, rule in enumerate(self.rules):
            _ = self._search(number), rule.needed, rule.spoiler

    def _first_finding(
        self, rule: RiskRule, text: Text, sentences: tuple[Sentence, ...]
    ) -> Finding | None:
        for hit in rule.pattern.hits(text.plain):
            sentence = _around(hit, sentences)
            if rule.needed and not rule.needed.first(sentence.text):
                continue
            if rule.spoiler and rule.spoiler.first(sentence.text):
                continue
            if (finding := self._framed(rule, text, hit, sentence)) is not None:
                return finding
        return None

    def _framed(self, rule: RiskRule, text: Text, hit: Hit, sentence: Sentence) -> Finding | None:
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
            category=rule.category,
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
