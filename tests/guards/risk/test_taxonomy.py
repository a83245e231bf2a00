from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from qiaoban_guards.risk import Category, Finding, Risk, RiskLevel

_FINDINGS = st.builds(
    Finding,
    category=st.sampled_from(Category),
    level=st.sampled_from(RiskLevel),
    source=st.text(max_size=5),
    start=st.integers(0, 50),
)


def test_levels_are_ordered() -> None:
    assert [level.label for level in sorted(RiskLevel)] == [
        "none",
        "low",
        "moderate",
        "high",
        "imminent",
    ]


@pytest.mark.parametrize("level", RiskLevel)
def test_a_level_is_read_from_its_name(level: RiskLevel) -> None:
    assert RiskLevel.parse(level.label) is level
    assert RiskLevel.parse(level.name) is level
    assert RiskLevel.parse(level) is level


@pytest.mark.parametrize("value", ["hihg", "", 3, "3", True])
def test_what_is_no_level_is_refused_with_the_levels(value: object) -> None:
    with pytest.raises(ValueError, match="levels are none, low, moderate, high, imminent"):
        RiskLevel.parse(value)


def test_null_is_no_level() -> None:
    with pytest.raises(ValueError, match="levels are"):
        RiskLevel.parse(None)


@given(_FINDINGS)
def test_a_finding_survives_json(finding: Finding) -> None:
    written = finding.model_dump_json()
    assert f'"level":"{finding.level.label}"' in written
    assert Finding.model_validate_json(written) == finding


@given(st.lists(_FINDINGS, max_size=6))
def test_the_level_is_that_of_the_gravest_finding(findings: list[Finding]) -> None:
    risk = Risk.of(findings)
    assert risk.level == max((f.level for f in findings), default=RiskLevel.NONE)
    levels = [finding.level for finding in risk.findings]
    assert levels == sorted(levels, reverse=True)
    assert sorted(risk.findings, key=repr) == sorted(findings, key=repr)
    assert set(risk.categories) == {finding.category for finding in findings}
    assert len(risk.categories) == len(set(risk.categories))


@given(st.lists(_FINDINGS, max_size=6))
def test_a_risk_survives_json(findings: list[Finding]) -> None:
    risk = Risk.of(findings)
    assert Risk.model_validate_json(risk.model_dump_json()) == risk


def test_findings_of_one_level_stand_in_the_order_of_the_text() -> None:
    late, early = (
        Finding(category=Category.ABUSE, level=RiskLevel.HIGH, source=name, start=start)
        for name, start in (("late", 9), ("early", 2))
    )
    assert Risk.of([late, early]).findings == (early, late)


def test_no_finding_is_no_risk() -> None:
    assert Risk.of([]) == Risk()
    assert Risk().categories == ()


def test_findings_are_frozen_and_strict() -> None:
    finding = Finding(category=Category.ABUSE, level=RiskLevel.LOW, source="x")
    with pytest.raises(ValidationError, match="frozen"):
        finding.level = RiskLevel.NONE  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValidationError, match="extra"):
        Finding.model_validate({"category": "abuse", "level": "low", "source": "x", "grade": 1})
