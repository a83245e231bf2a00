"""Who asks a child for what should stay with the family is a stranger who comes near."""

from __future__ import annotations

import pytest

from qiaoban_guards.risk import Category, RiskLevel
from qiaoban_guards.risk.classifier import RiskClassifier
from qiaoban_guards.text import normalise


@pytest.mark.parametrize(
    "message",
    [
        "群里有个人追问我家住几楼",
        "对方要我妈妈的手机号",
        "那个人打听我在哪个小学",
        "some guy in the server keeps asking for my phone number",
        "she asked me what school i go to and i dont even know her",
    ],
)
def test_being_asked_for_contact_data_is_a_strangers_contact(message: str) -> None:
    risk = RiskClassifier.shipped().assess(normalise(message))
    found = {finding.category: finding.level for finding in risk.findings}
    assert found.get(Category.STRANGER_CONTACT, RiskLevel.NONE) >= RiskLevel.MODERATE


@pytest.mark.parametrize(
    "message",
    ["班主任让我们填家庭住址", "奶奶叫我背妈妈的电话号码", "the nurse asked for my address"],
)
def test_those_who_may_ask_are_no_strangers(message: str) -> None:
    risk = RiskClassifier.shipped().assess(normalise(message))
    assert Category.STRANGER_CONTACT not in risk.categories


def test_one_hit_is_told_once_in_each_of_its_categories() -> None:
    findings = RiskClassifier.shipped().assess(normalise("他要我家地址")).findings
    categories = [finding.category for finding in findings]
    assert sorted(categories) == sorted({Category.PRIVACY, Category.STRANGER_CONTACT})
    assert len({(finding.start, finding.end) for finding in findings}) == 1
