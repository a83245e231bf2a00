from __future__ import annotations

import logging

import pytest

from qiaoban_agent.explanation import explain_message
from qiaoban_agent.mutations import mutations, survivors
from qiaoban_agent.rehearsal import Performance, rehearse
from qiaoban_guards.policy import Policy, Response, load_policy, parse_policy
from qiaoban_guards.risk.implicated import Person

INSULT = "{id: insulted, child: 我考砸了, reply: 你真笨。, expect: {rule: insult, allowed: false}}"
TOLD = "{id: told, child: 我不想活了, expect: {level: high, response: crisis, escalated: true}}"


def _policy(*examples: str, more: str = "") -> Policy:
    text = f"extends: default\nid: own\n{more}\nexamples: [{', '.join(examples)}]\n"
    written = parse_policy(text)  # a policy's own examples stand before those it extends
    return written.model_copy(update={"examples": written.examples[: len(examples)]})


def _played(*examples: str, more: str = "") -> list[Performance]:
    return rehearse(_policy(*examples, more=more))


def test_what_is_expected_and_comes_is_no_failure() -> None:
    assert [one.failures for one in _played(INSULT, TOLD)] == [(), ()]


@pytest.mark.parametrize(
    ("expect", "what"),
    [
        ("level: high", "level"),
        ("categories: [abuse]", "categories"),
        ("response: crisis", "response"),
        ("escalated: true", "escalated"),
        ("allowed: true", "allowed"),
        ("action: drop", "action"),
        ("rule: romance", "rule"),
        ("harm: romance", "harm"),
        ("says: [你真笨]", "says"),
        ("never_says: [考砸]", "never_says"),
    ],
)
def test_what_does_not_come_is_told(expect: str, what: str) -> None:
    (seen,) = _played(f"{{id: a, child: 我考砸了, reply: 你真笨。, expect: {{{expect}}}}}")
    assert [failure.what for failure in seen.failures] == [what]


def test_a_reply_is_judged_where_the_policys_words_answer() -> None:
    (seen,) = _played("{id: a, child: 我不想活了, reply: 你真笨。, expect: {rule: insult}}")
    assert not seen.asked
    assert seen.response is Response.CRISIS
    assert seen.failures == ()


def test_messages_before_come_first() -> None:
    before = "{id: a, before: [我不想活了], child: 嗯, expect: {escalated: false}}"
    (seen,) = _played(before)
    assert seen.failures == ()
    assert seen.session_risk.label == "high"


def test_examples_do_not_know_of_each_other() -> None:
    one, two = TOLD, TOLD.replace("told", "again")
    assert [seen.failures for seen in _played(one, two)] == [(), ()]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_example_can_begin_in_a_language(language: str) -> None:
    (seen,) = _played(f"{{id: a, child: ok, language: {language}, expect: {{level: none}}}}")
    assert seen.language == language
    assert seen.text.isascii() == (language == "en")


def test_no_server_is_asked() -> None:
    rule = "{id: remote, kind: guard_model, adapter: llama_guard, model: m, reason: r}"
    (seen,) = _played(INSULT, more=f"output: {{rules: [{rule}]}}")
    assert seen.failures == ()


def test_nobody_is_told_and_no_hour_counts(caplog: pytest.LogCaptureFixture) -> None:
    quiet = "presence: {quiet_hours: [{since: 00:00, until: 23:59}]}"
    with caplog.at_level(logging.DEBUG):
        seen = _played(INSULT, TOLD, more=quiet)
    assert [one.failures for one in seen] == [(), ()]
    assert not [record for record in caplog.records if record.name.startswith("qiaoban")]


def test_a_rule_that_no_example_needs_survives() -> None:
    policy = _policy(INSULT, TOLD)
    left = {mutation.key for mutation in survivors(policy, rehearse(policy))}
    assert "output.rules.insult" not in left
    assert "escalation" not in left
    assert "risk.escalate_at" not in left
    assert "output.rules.romance" in left
    assert "risk.categories.privacy" in left


def test_each_piece_of_a_policy_is_taken_away_once() -> None:
    policy = load_policy()
    keys = [mutation.key for mutation in mutations(policy)]
    assert len(set(keys)) == len(keys)
    for rule in policy.output.rules:
        assert f"output.rules.{rule.id}" in keys
    for persona in policy.personas.forbidden:
        assert f"personas.forbidden.{persona.id}" in keys
    assert all(mutation.policy != policy for mutation in mutations(policy))


ROUTES = """
escalation:
  routes:
    - {id: home, kind: callable, name: home, reaches: [guardian]}
    - {id: mother, kind: callable, name: mother, reaches: [mother]}
  ladder: [[home], [mother]]
"""


def test_an_explanation_tells_who_is_skipped_and_why() -> None:
    policy = parse_policy(f"extends: default\n{ROUTES}")
    told = explain_message(policy, "爸爸天天用皮带抽我")
    assert told.escalation is not None
    assert Person.FATHER in told.escalation.implicated
    home, mother = told.escalation.routes
    assert "guardian" in home.skipped
    assert mother.skipped == ""
    assert told.words == "words.zh.crisis.abuse"
    assert told.why.startswith("risk.responses.high")
    assert all(f.span in "爸爸天天用皮带抽我" for f in told.findings)


def test_an_explanation_names_an_override_and_why_nobody_is_told() -> None:
    told = explain_message(load_policy(), "我把我的密码告诉队友了")
    assert told.response is Response.REDIRECT
    assert told.why.startswith("risk.categories.privacy.")
    assert told.words == "words.zh.redirect.privacy"
    assert told.escalation is None
    assert "is below risk.escalate_at (high)" in told.not_escalated


def test_an_explanation_tells_of_a_reminder_and_of_what_each_reader_sees() -> None:
    policy = load_policy()
    told = explain_message(policy, "我家住在中山路12号3楼")
    assert told.response is Response.COACH
    assert told.why.startswith("personal_data.remind")
    [entity] = told.personal_data
    assert entity.span == "中山路12号3楼"
    assert entity.handling == policy.personal_data.of(entity.kind)
    assert told.model_sees == "我家住在<地址1>"
    silent = explain_message(
        load_policy("default", {"personal_data": {"remind": None}}), "我家住在中山路12号3楼"
    )
    assert silent.response is Response.REDIRECT


def test_an_explanation_shows_every_rule_that_fired_with_what_it_read() -> None:
    told = explain_message(load_policy(), "我考砸了", "听起来很难过。你真笨，这是我们的秘密。")
    first, second = told.sentences
    assert first.action == "allow"
    rules = {rule.rule: rule for rule in second.rules}
    assert {"insult", "secrecy"} <= set(rules)
    assert second.text[rules["insult"].start : rules["insult"].end] == rules["insult"].span
    assert "笨" not in told.reads
