from __future__ import annotations

from datetime import date

import pytest

from qiaoban_guards.policy import Policy, load_policy, parse_policy, shipped_policies
from qiaoban_guards.policy.lint import Problem, lint
from qiaoban_guards.policy.load import open_policy

TODAY = date(2026, 11, 21)


def _policy(text: str) -> Policy:
    return parse_policy(f"extends: default\nid: own\n{text}\n")


def _problems(text: str) -> list[Problem]:
    return lint(_policy(text), TODAY)


def _found(text: str, key: str) -> Problem:
    """The problem at a key that the default policy has not."""
    before = {(problem.path, problem.what) for problem in lint(load_policy(), TODAY)}
    fresh = [one for one in _problems(text) if (one.path, one.what) not in before]
    return next(one for one in fresh if one.path == key)


@pytest.mark.parametrize("name", sorted(shipped_policies()))
def test_no_shipped_policy_has_an_error(name: str) -> None:
    assert [p for p in lint(load_policy(name), TODAY) if p.severity == "error"] == []


@pytest.mark.parametrize("name", sorted(shipped_policies()))
def test_every_problem_has_a_place_and_a_remedy(name: str) -> None:
    policy, source = open_policy(name)
    for problem in lint(policy, date(2030, 1, 1)):
        assert source.place(problem.key)[1] > 0
        assert problem.what
        assert problem.remedy


def test_errors_come_first() -> None:
    severities = [problem.severity for problem in _problems("output: {rules: []}")]
    assert severities == sorted(severities)
    assert severities[0] == "error"


def test_a_number_is_looked_at_again_after_its_date() -> None:
    policy = load_policy()
    day = policy.helplines[0].look_again
    key = f"helplines.{policy.helplines[0].id}.look_again"
    assert key not in {problem.path for problem in lint(policy, day)}
    later = date.fromordinal(day.toordinal() + 1)
    assert key in {problem.path for problem in lint(policy, later)}


RULE = "output: {rules: [{id: own, kind: pattern, reason: r, any: [%s]%s}]}"


@pytest.mark.parametrize(
    ("text", "key", "severity", "what"),
    [
        ("helplines: [{id: police, seen: ''}]", "helplines.police.seen", "error", "empty"),
        ("helplines: [{id: police, hours: ' '}]", "helplines.police.hours", "error", "empty"),
        ("helplines: [{id: police, serves: ''}]", "helplines.police.serves", "error", "empty"),
        ("helplines: [{id: police, name: {en: ''}}]", "helplines.police.name", "error", "'en'"),
        (
            "helplines: [{id: mental_health, categories: [eating]}]",
            "helplines.youth",
            "warning",
            "self_harm",
        ),
        ("risk: {escalate_at: imminent}", "risk.escalate_at", "error", "no adult is told"),
        ("risk: {never_escalate: [abuse]}", "risk.never_escalate", "error", "abuse"),
        (
            "risk: {responses: {low: crisis}}",
            "risk.responses.moderate",
            "warning",
            "answered by crisis at low",
        ),
        (
            "risk: {session: {thresholds: {moderate: 9}}}",
            "risk.session.thresholds",
            "error",
            "less evidence",
        ),
        ("output: {rules: []}", "output.rules", "error", "no rule is left"),
        (RULE % ("'(a+)+'", ""), "output.rules.own.any.0", "error", "too long"),
        (RULE % ("x", ", except: ['(a)\\1']"), "output.rules.own.except.0", "error", "too long"),
        (RULE % ("x", ", needs: ['.*.*']"), "output.rules.own.needs.0", "error", "too long"),
        (RULE % ("我听到了", ""), "words.zh.crisis.any.1", "error", "'own' withholds"),
        (RULE % ("zzz", ""), "output.rules.own", "warning", "no example"),
        (
            "remove: {words.zh.crisis: [eating]}",
            "words.zh.crisis",
            "warning",
            "eating can be answered by crisis",
        ),
        ("remove: {escalation.message: [en]}", "escalation.message", "warning", "'en'"),
        (
            "presence: {disclose_at_start: false, disclose_every: null}",
            "presence.disclose_at_start",
            "error",
            "never told",
        ),
        (
            "presence: {daily: [{until_age: 17, minutes: 9}, {until_age: 9, minutes: 5}]}",
            "presence.daily.1",
            "error",
            "never counts",
        ),
        (
            "presence: {daily: [{until_age: 9, minutes: 9}]}",
            "presence.daily",
            "warning",
            "10 to 17",
        ),
        (
            "presence: {daily: [{until_age: 17, minutes: 1440}]}",
            "presence.daily.0.minutes",
            "warning",
            "no limit",
        ),
        (
            "presence: {quiet_hours: [{since: 21:00, until: 21:00}]}",
            "presence.quiet_hours.0",
            "error",
            "never",
        ),
        (
            "presence: {quiet_hours: [{since: 06:00, until: 21:00}]}",
            "presence.quiet_hours.0",
            "warning",
            "15 hours",
        ),
        (
            "presence: {session_minutes: 20}",
            "presence.break_every",
            "warning",
            "before the sitting ends",
        ),
        ("audience: {ages: [9, 4]}", "audience.ages", "error", "older"),
        (
            "escalation: {acknowledge_within: {imminent: 60}}",
            "escalation.acknowledge_within.imminent",
            "warning",
            "longer",
        ),
        (
            "examples: [{id: a, child: 你好, reply: 嗯。, expect: {rule: romanse}}]",
            "examples.a.expect.rule",
            "error",
            "did you mean 'romance'?",
        ),
    ],
)
def test_what_would_fail_a_child_is_found(text: str, key: str, severity: str, what: str) -> None:
    problem = _found(text, key)
    assert problem.severity == severity
    assert what in problem.what


def _ladder(routes: str, ladder: str) -> str:
    return f"escalation:\n  routes: [{routes}]\n  ladder: [{ladder}]\n"


def _hook(name: str, reaches: str) -> str:
    return f"{{id: {name}, kind: callable, name: {name}, reaches: [{reaches}]}}"


@pytest.mark.parametrize(
    ("routes", "ladder", "severity", "what"),
    [
        (_hook("home", "guardian"), "[home]", "error", "hurt by somebody of its family"),
        (_hook("home", "mother, father"), "[log], [home]", "warning", "only a log"),
        (_hook("head", "school"), "[head]", "error", "hurt by somebody of its school"),
    ],
)
def test_somebody_is_left_to_tell_whoever_does_harm(
    routes: str, ladder: str, severity: str, what: str
) -> None:
    problem = _found(_ladder(routes, ladder), "escalation.ladder")
    assert problem.severity == severity
    assert what in problem.what


def test_an_authority_can_be_told_of_everybody() -> None:
    text = _ladder(f"{_hook('home', 'guardian')}, {_hook('police', 'authority')}", "[home, police]")
    keys = [p.path for p in _problems(text)]
    assert "escalation.ladder" not in keys
    assert "escalation.routes.log" in keys


@pytest.mark.parametrize(
    ("route", "key", "what"),
    [
        ("kind: webhook, url: 'env:my-hook', secret_env: HOOK", "url", "MY_HOOK"),
        ("kind: webhook, url: 'https://a.example', secret_env: $hook", "secret_env", "HOOK"),
        ("kind: webhook, url: 'http://a.example', secret_env: HOOK", "url", "https"),
        ("kind: email, to: ['env:a b'], sender: a, host: h", "to", "A_B"),
        ("kind: email, to: [a], sender: a, host: h, security: none", "security", "starttls"),
    ],
)
def test_a_route_that_cannot_work_or_is_open_to_readers_is_found(
    route: str, key: str, what: str
) -> None:
    text = _ladder(f"{{id: own, reaches: [authority], {route}}}", "[own]")
    assert what in _found(text, f"escalation.routes.own.{key}").remedy


def _two_rules(first: str, second: str) -> list[Problem]:
    rules = f"[{{id: one, kind: pattern, reason: r, {first}}}, "
    rules += f"{{id: two, kind: pattern, reason: r, {second}}}]"
    found = _problems(f"output: {{rules: {rules}}}")
    return [p for p in found if p.path == "output.rules.two" and "no example" not in p.what]


@pytest.mark.parametrize(
    ("first", "second", "severity"),
    [
        ("any: [可乐]", "any: [可乐]", "error"),
        ("any: ['可乐|雪碧']", "any: [雪碧]", "error"),
        ("any: [可乐]", "any: ['喝(?:大杯)?可乐']", "error"),
        ("any: [可乐], action: escalate", "any: [可乐]", "error"),
        ("any: ['可[乐口]{1,9}']", "any: ['可乐+']", "warning"),
    ],
)
def test_a_rule_that_never_decides_is_found(first: str, second: str, severity: str) -> None:
    (problem,) = _two_rules(first, second)
    assert problem.severity == severity
    assert "'one'" in problem.what


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("any: [可乐], action: drop", "any: [可乐]"),
        ("any: [可乐], needs: [渴]", "any: [可乐]"),
        ("any: [大杯可乐]", "any: [可乐]"),
        ("any: [可乐], except: [可乐]", "any: [可乐]"),
        ("any: ['(?<!不)喝可乐']", "any: [喝可乐, 喝雪碧]"),
        ("any: [可乐]", "any: [雪碧]"),
    ],
)
def test_a_rule_that_can_decide_is_let_be(first: str, second: str) -> None:
    assert _two_rules(first, second) == []


def test_ids_that_stand_twice_are_found_in_a_policy_built_by_hand() -> None:
    policy = load_policy()
    twice = policy.model_copy(update={"helplines": (*policy.helplines, policy.helplines[0])})
    key = f"helplines.{policy.helplines[0].id}"
    assert any(p.path == key and "twice" in p.what for p in lint(twice, TODAY))
