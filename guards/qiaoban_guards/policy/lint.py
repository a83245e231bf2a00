"""What in a valid policy would fail a child all the same: gaps, stale numbers, rules that sleep."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from qiaoban_guards.documents import KeyPath, nearest
from qiaoban_guards.policy.lint_escalation import escalation_problems, presence_problems
from qiaoban_guards.policy.lint_rules import rule_problems
from qiaoban_guards.policy.lint_words import helpline_problems, word_problems
from qiaoban_guards.policy.output import GuardModelRule
from qiaoban_guards.policy.problem import Problem, error, warning
from qiaoban_guards.policy.risk import Response
from qiaoban_guards.policy.schema import Policy
from qiaoban_guards.risk.taxonomy import Category, RiskLevel

__all__ = ["Problem", "lint"]

_GRAVITY = {Response.COACH: 0, Response.CAREFUL: 1, Response.CRISIS: 2}
_ALWAYS_TOLD = (
    Category.SELF_HARM,
    Category.ABUSE,
    Category.SEXUAL,
    Category.VIOLENCE,
    Category.MEDICAL_EMERGENCY,
)


def lint(policy: Policy, today: date) -> list[Problem]:
    """Every problem of a policy, errors first; `today` tells which helplines are stale."""
    problems = [
        *_duplicates(policy),
        *_risk_problems(policy),
        *rule_problems(policy),
        *word_problems(policy),
        *helpline_problems(policy, today),
        *escalation_problems(policy),
        *presence_problems(policy),
        *_example_problems(policy),
    ]
    return sorted(problems, key=lambda problem: problem.severity)


def _duplicates(policy: Policy) -> Iterator[Problem]:
    lists: dict[tuple[str, ...], list[str]] = {
        ("helplines",): [line.id for line in policy.helplines],
        ("output", "rules"): [rule.id for rule in policy.output.rules],
        ("personas", "forbidden"): [persona.id for persona in policy.personas.forbidden],
        ("escalation", "routes"): [route.id for route in policy.escalation.routes],
        ("examples",): [example.id for example in policy.examples],
    }
    for key, ids in lists.items():
        for name in dict.fromkeys(name for name in ids if ids.count(name) > 1):
            yield error((*key, name), "this id stands twice", "give each entry its own")


def _risk_problems(policy: Policy) -> Iterator[Problem]:
    risk = policy.risk
    if risk.escalate_at > RiskLevel.HIGH:
        what = "no adult is told of a child at high, who is answered with crisis words"
        yield error(("risk", "escalate_at"), what, "write high or a lower level")
    for category in risk.never_escalate:
        if category in _ALWAYS_TOLD:
            what = f"no adult is ever told of {category}"
            yield error(("risk", "never_escalate"), what, f"take {category} out")
    for category in Category:
        answers = [(level, risk.response(level, category)) for level in RiskLevel]
        for (lighter, before), (graver, after) in pairwise(answers):
            if Response.REDIRECT in (before, after) or _GRAVITY[before] <= _GRAVITY[after]:
                continue
            what = f"{category} is answered by {before} at {lighter.label} and by {after} above it"
            place: KeyPath = ("risk", "responses", graver.label)
            if graver.label in risk.categories.get(category, {}):
                place = ("risk", "categories", category, graver.label)
            yield warning(place, what, f"answer {graver.label} at least by {before}")
    thresholds = [risk.session.thresholds[level.label] for level in RiskLevel if level]
    if thresholds != sorted(thresholds):
        what = "a graver level is reached with less evidence than a lighter one"
        yield error(("risk", "session", "thresholds"), what, "let them grow with the level")


def _example_problems(policy: Policy) -> Iterator[Problem]:
    rules = [rule.id for rule in policy.output.rules]
    rules += [f"persona.{persona.id}" for persona in policy.personas.forbidden]
    expected = {example.expect.rule for example in policy.examples}
    for example in policy.examples:
        rule = example.expect.rule
        if rule is not None and rule not in rules and not rule.startswith("coaching."):
            what = f"no output rule is called {rule!r}{nearest(rule, rules)}"
            yield error(("examples", example.id, "expect", "rule"), what, "name a rule")
    remote = {rule.id for rule in policy.output.rules if isinstance(rule, GuardModelRule)}
    for name in rules:
        if name not in expected and name not in remote:
            key = ("personas", "forbidden", name.removeprefix("persona."))
            place = key if name.startswith("persona.") else ("output", "rules", name)
            what = "no example expects this rule, so nobody notices when it is gone"
            yield warning(place, what, f"add an example with `expect: {{rule: {name}}}`")
