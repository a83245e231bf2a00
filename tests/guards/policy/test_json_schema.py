from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from qiaoban_guards.documents import parse
from qiaoban_guards.policy import shipped_policies
from qiaoban_guards.policy.json_schema import as_text, policy_schema, shipped_schema

VALIDATOR: Any = Draft202012Validator(policy_schema())


def _data(text: str) -> Any:
    return parse(text, source="own.yaml")


def test_the_shipped_schema_is_the_one_of_the_models() -> None:
    assert shipped_schema() == as_text(policy_schema()), "run: qiaoban policy schema"


def test_it_is_a_schema_of_the_2020_draft() -> None:
    Draft202012Validator.check_schema(policy_schema())
    assert policy_schema()["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize("name", sorted(shipped_policies()))
def test_every_shipped_policy_meets_it(name: str) -> None:
    data = _data(shipped_policies()[name].read_text(encoding="utf-8"))
    assert [error.message for error in VALIDATOR.iter_errors(data)] == []


@pytest.mark.parametrize(
    "text",
    [
        "extends: default",
        "{extends: a/b.yaml, deadlines: {guard: 3}}",
        "{extends: default, helplines: [{id: youth, remove: true}]}",
        "{extends: default, helplines: [{id: police, number: '911'}]}",
        "{extends: default, output: {rules: [{id: romance, action: escalate}]}}",
        "{extends: default, remove: {helplines: [youth]}}",
        "{extends: default, words: {zh: {crisis: {violence.victim: [去找大人。]}}}}",
        "{extends: default, escalation: {routes: [{id: log, kind: log, reaches: [platform]}]}}",
    ],
)
def test_a_file_that_extends_need_not_repeat_keys(text: str) -> None:
    assert VALIDATOR.is_valid(_data(text))


@pytest.mark.parametrize(
    "text",
    [
        "id: own",
        "{extends: default, outpt: {}}",
        "{extends: default, deadlines: {guad: 3}}",
        "{extends: default, risk: {escalate_at: hihg}}",
        "{extends: default, risk: {responses: {hihg: crisis}}}",
        "{extends: default, risk: {categories: {privcy: {low: redirect}}}}",
        "{extends: default, risk: {categories: {privacy: {lo: redirect}}}}",
        "{extends: default, words: {zh: {crisis: {self_ham: [去找大人。]}}}}",
        "{extends: default, words: {fr: {}}}",
        "{extends: default, output: {rules: [{action: drop}]}}",
        "{extends: default, output: {rules: [{id: a, kind: patern}]}}",
        "{extends: default, output: {rules: [{id: a, kind: length, any: [x]}]}}",
        "{extends: default, helplines: [{id: youth, remove: yes}]}",
        "{extends: [default]}",
    ],
)
def test_what_the_loader_refuses_it_refuses(text: str) -> None:
    assert not VALIDATOR.is_valid(_data(text))


def test_keys_and_values_are_described() -> None:
    schema = policy_schema()
    for model in (schema, *schema["$defs"].values()):
        for name, key in model.get("properties", {}).items():
            assert "$ref" in key or key.get("description"), (model.get("title"), name)
    assert schema["$defs"]["RiskLevel"]["enum"] == ["none", "low", "moderate", "high", "imminent"]
