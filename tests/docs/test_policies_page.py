"""The page about policies: its policy can be used, its errors are told so, its tables are whole."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from qiaoban_guards.documents import parse
from qiaoban_guards.errors import DocumentError
from qiaoban_guards.policy import parse_policy
from qiaoban_guards.policy.json_schema import policy_schema

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
FENCES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
ERRORS = {
    "risk.escalat_at": "extends: default\nrisk:\n  escalat_at: low\n",
    "risk.responses.low": "extends: default\nid: a\nrisk:\n  responses:\n"
    "    {none: coach,    low: coahc}\n",
    "remove.helplines.0": "extends: default\nremove:\n  helplines: [yuoth]\n",
    "helplines.3.number": "extends: default\nhelplines:\n  - {id: police, number: 110}\n",
}


@pytest.mark.parametrize("fence", FENCES)
def test_its_policies_can_be_used(fence: str) -> None:
    assert parse_policy(fence).id == "our-school"
    validator: Any = Draft202012Validator(policy_schema())
    assert list(validator.iter_errors(parse(fence, source="fence"))) == []


@pytest.mark.parametrize("key", sorted(ERRORS))
def test_its_errors_are_told_in_these_words(key: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_policy(ERRORS[key], source="our-school.yaml")
    error = caught.value
    assert f": {key}: {error.problem}\n" in PAGE


def test_every_key_of_a_policy_is_on_it() -> None:
    schema = policy_schema()
    names = {name for model in schema["$defs"].values() for name in model.get("properties", {})}
    missing = {name for name in names | set(schema["properties"]) if f"`{name}`" not in PAGE}
    mentioned = {name for name in missing if re.search(rf"`[^`]*\b{name}\b[^`]*`", PAGE)}
    assert missing == mentioned
