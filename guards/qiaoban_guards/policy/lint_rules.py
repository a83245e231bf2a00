"""Output rules that can never decide, and expressions that can take too long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qiaoban_guards.documents import KeyPath
from qiaoban_guards.policy.expression_tree import alternatives, texts
from qiaoban_guards.policy.linear import STEEPEST, growth, not_linear
from qiaoban_guards.policy.output import GRAVITY, Action, PatternRule
from qiaoban_guards.policy.problem import Problem, error, warning
from qiaoban_guards.policy.schema import Policy
from qiaoban_guards.text import Pattern

_TEXTS = 60
"""Texts made from each expression, to see which rule decides on them."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule that looks for expressions, and where it stands; the first one decides in a tie."""

    key: KeyPath
    action: Action
    any: tuple[str, ...]
    except_: tuple[str, ...]
    conditions: tuple[tuple[str, ...], tuple[str, ...]]
    pattern: Pattern

    @property
    def is_conditional(self) -> bool:
        return any(self.conditions)


def rule_problems(policy: Policy) -> Iterator[Problem]:
    """What is wrong with the rules that a reply has to pass."""
    if not policy.output.rules:
        what = "no rule is left: a model may say anything"
        yield error(("output", "rules"), what, "leave the list out to keep the parent's rules")
    rules = _ordered(policy)
    for index, rule in enumerate(rules):
        yield from _slow(rule)
        yield from _shadowed(rule, rules[:index])


def _ordered(policy: Policy) -> list[_Rule]:
    """Pattern rules and personas, the one that decides over the others first."""
    rules = [
        _Rule(
            ("output", "rules", rule.id),
            rule.action,
            rule.any,
            rule.except_,
            (rule.needs, rule.unless),
            rule.pattern,
        )
        for rule in policy.output.rules
        if isinstance(rule, PatternRule)
    ]
    rules += [
        _Rule(
            ("personas", "forbidden", persona.id),
            persona.action,
            persona.any,
            persona.except_,
            ((), ()),
            persona.pattern,
        )
        for persona in policy.personas.forbidden
    ]
    return sorted(rules, key=lambda rule: GRAVITY.index(rule.action))


def _slow(rule: _Rule) -> Iterator[Problem]:
    parts = (("any", rule.any), ("except", rule.except_))
    conditions = (("needs", rule.conditions[0]), ("unless", rule.conditions[1]))
    for name, expressions in (*parts, *conditions):
        for index, expression in enumerate(expressions):
            key = (*rule.key, name, index)
            remedy = "bound the repeat ({0,12}), or let what follows begin with something else"
            if fault := not_linear(expression):
                yield error(key, f"can take far too long: it {fault}", remedy)
            elif growth(expression) > STEEPEST:
                what = "took more than forty times as long for a text four times as long"
                yield error(key, what, remedy)


def _shadowed(rule: _Rule, graver: Sequence[_Rule]) -> Iterator[Problem]:
    """A rule whose every hit another one decides: certainly, or as far as texts made from it tell.

    Certain is: a graver or earlier rule without conditions and exceptions of its own has all its
    alternatives, as they are written or text by text. A text tells only what stands alone.
    """
    rivals = [one for one in graver if not one.is_conditional or one.conditions == rule.conditions]
    remedy = "remove it, give it a graver action, or narrow the other"
    for other in rivals:
        if set(other.except_) <= set(rule.except_) and all(
            _contains(other, expression) for expression in rule.any
        ):
            what = f"can never decide: {other.key[-1]!r} reads all of it first ({other.action})"
            yield error(rule.key, what, remedy)
            return
    made = [text for expression in rule.any for text in texts(expression, _TEXTS)[0]]
    hits = [text for text in made if rule.pattern.first(text)]
    deciding = [next((o for o in rivals if o.pattern.first(text)), None) for text in hits]
    if hits and None not in deciding:
        names = ", ".join(sorted({repr(other.key[-1]) for other in deciding if other}))
        what = f"decided none of {len(hits)} texts made from it: {names} did"
        yield warning(rule.key, what, remedy)


def _contains(other: _Rule, expression: str) -> bool:
    """Whether a rule reads everything that an expression matches."""
    own = {alternative for one in other.any for alternative in alternatives(one)}
    for alternative in alternatives(expression):
        if alternative in own:
            continue
        made, complete = texts(alternative, _TEXTS)
        if not complete or not all(_covers(other.any, text) for text in made):
            return False
    return True


def _covers(expressions: tuple[str, ...], text: str) -> bool:
    """Whether a text is read wherever it stands: by an alternative that is written out in full."""
    written = (made for e in expressions for made in [texts(e, _TEXTS)] if made[1])
    return any(one and one in text for made in written for one in made[0])
