"""What each kind of output rule looks for in a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import singledispatch

from qiaoban_guards.harms import Harm
from qiaoban_guards.output.passage import Broken, Passage
from qiaoban_guards.output.reading import hardest_clause, long_words, other_language
from qiaoban_guards.pii.finder import finder_of
from qiaoban_guards.policy.output import (
    ActsRule,
    ClassifierRule,
    GuardModelRule,
    LanguageRule,
    LengthRule,
    OutputRule,
    PatternRule,
    PersonalDataRule,
    QuestionsRule,
    ReadingRule,
)
from qiaoban_guards.text import Pattern

Check = Callable[[Passage], Iterator[Broken]]
_QUESTIONS = re.compile(r"[?？]+")


def check_of(rule: OutputRule, spare: Sequence[str] = ()) -> Check:
    """The check that carries out a rule; `spare` are numbers that are nobody's personal data."""
    if isinstance(rule, PersonalDataRule):
        return _personal_data(rule, spare)
    return _check(rule)


@singledispatch
def _check(rule: OutputRule) -> Check:
    raise TypeError(f"no check for a rule of kind {rule.kind!r}")


def _broken(
    rule: OutputRule, start: int, end: int, harm: Harm | None = None, action: str = ""
) -> Broken:
    return Broken(
        action=action or rule.action,  # type: ignore[arg-type]
        rule=rule.id,
        reason=rule.reason,
        harm=harm or rule.harm,
        start=start,
        end=end,
    )


@_check.register
def _(rule: PatternRule) -> Check:
    needs = Pattern(rule.needs) if rule.needs else None
    unless = Pattern(rule.unless) if rule.unless else None
    pattern = rule.pattern

    def check(passage: Passage) -> Iterator[Broken]:
        span = next(_hits(pattern, passage), None)
        if span is None:
            return
        child = passage.child.plain
        if (needs and not needs.first(child)) or (unless and unless.first(child)):
            return
        yield _broken(rule, *span)

    return check


def _hits(pattern: Pattern, passage: Passage) -> Iterator[tuple[int, int]]:
    """Where a pattern reads something in the sentence, in any view of it."""
    for view in passage.views:
        for hit in pattern.hits(view.plain):
            span = passage.inside(view, hit.start, hit.end)
            if span is not None:
                yield span


@_check.register
def _(rule: ClassifierRule) -> Check:
    def check(passage: Passage) -> Iterator[Broken]:
        thresholds = passage.classifier.thresholds(passage.so_far)
        final = passage.spoken.final
        found = thresholds.harm(passage.scores, rule.strictness, rule.ignore, whole=final)
        if found is not None:
            action = rule.actions.get(found, rule.action)
            yield _broken(rule, 0, len(passage.sentence), found, action)

    return check


@_check.register
def _(rule: ActsRule) -> Check:
    def check(passage: Passage) -> Iterator[Broken]:
        if passage.spoken.acts & set(rule.acts):
            yield _broken(rule, 0, len(passage.sentence))

    return check


def _personal_data(rule: PersonalDataRule, spare: Sequence[str]) -> Check:
    allowed = {_digits(number) for number in spare}
    # The network has learnt how children talk, and a reply is read once a sentence.
    finder = finder_of(frozenset(rule.kinds), rules_alone=True)

    def check(passage: Passage) -> Iterator[Broken]:
        for entity in finder.find(passage.alone):
            if _digits(passage.sentence[entity.start : entity.end]) not in allowed:
                yield _broken(rule, entity.start, entity.end)

    return check


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit()) or text


@_check.register
def _(rule: QuestionsRule) -> Check:
    def check(passage: Passage) -> Iterator[Broken]:
        if len(_QUESTIONS.findall(passage.spoken.said + passage.sentence)) > rule.most:
            yield _broken(rule, 0, len(passage.sentence))

    return check


@_check.register
def _(rule: LengthRule) -> Check:
    def check(passage: Passage) -> Iterator[Broken]:
        most = rule.most.get(passage.spoken.language)
        if most is not None and len(passage.spoken.said) + len(passage.sentence) > most:
            yield _broken(rule, 0, len(passage.sentence))

    return check


@_check.register
def _(rule: ReadingRule) -> Check:
    def check(passage: Passage) -> Iterator[Broken]:
        plain, language = passage.alone.plain, passage.spoken.language
        most = rule.clause.get(language)
        too_long = most is not None and hardest_clause(plain, language) > most
        too_hard = rule.long_words is not None and long_words(plain) > rule.long_words
        if too_long or (too_hard and language == "en"):
            yield _broken(rule, 0, len(passage.sentence))

    return check


@_check.register
def _(rule: LanguageRule) -> Check:
    def check(passage: Passage) -> Iterator[Broken]:
        if other_language(passage.alone.plain, passage.spoken.language):
            yield _broken(rule, 0, len(passage.sentence))

    return check


@_check.register
def _(rule: GuardModelRule) -> Check:
    """A guard model is waited for by the journey, not here."""
    del rule

    def check(passage: Passage) -> Iterator[Broken]:
        del passage
        yield from ()

    return check
