from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.policy import load_policy
from qiaoban_guards.risk import Category, Finding, RiskLevel
from qiaoban_guards.risk.explain import explain
from qiaoban_guards.risk.session import SessionRisk

_POLICY = load_policy().risk.session
_LANGUAGES = ("zh", "en")
_LEVELS = list(RiskLevel)[1:]
_SAID_ONLY = "鲸鱼埋月亮QWZXVKJY"  # characters that no explanation has
_SAID = "QWZX我把鲸鱼埋在月亮上了VKJY"
_FINDINGS = st.builds(
    Finding,
    category=st.sampled_from(Category),
    level=st.sampled_from(_LEVELS),
    span=st.just(_SAID),
    source=st.integers(0, 40).map("rule{}".format),
)


def risk_of(*turns: tuple[Finding, ...]) -> SessionRisk:
    risk = SessionRisk()
    for turn, findings in enumerate(turns, 1):
        risk = risk.after(findings, turn, _POLICY)
    return risk


def found(category: Category, level: RiskLevel, source: str = "a") -> Finding:
    return Finding(category=category, level=level, span=_SAID, source=source)


def is_one_line(text: str) -> bool:
    return text.splitlines() == [text] and text == text.strip() and "{" not in text


@pytest.mark.parametrize("language", _LANGUAGES)
@pytest.mark.parametrize("level", _LEVELS)
@pytest.mark.parametrize("category", Category)
def test_every_danger_at_every_level_is_one_line(
    category: Category, level: RiskLevel, language: str
) -> None:
    text = explain(risk_of((found(category, level),)), language)
    assert is_one_line(text)
    assert "1" in text


@pytest.mark.parametrize("language", _LANGUAGES)
def test_every_danger_and_every_level_reads_differently(language: str) -> None:
    lines = {
        explain(risk_of((found(category, level),)), language)
        for category in Category
        for level in _LEVELS
    }
    assert len(lines) == len(Category) * len(_LEVELS)


@given(st.lists(st.lists(_FINDINGS, max_size=4).map(tuple), max_size=20))
def test_nothing_that_the_child_said_is_in_it(turns: list[tuple[Finding, ...]]) -> None:
    risk = risk_of(*turns)
    for text in (explain(risk, language) for language in _LANGUAGES):
        assert is_one_line(text)
        assert not set(_SAID_ONLY) & set(text)


def test_nothing_heard_is_said_so() -> None:
    assert explain(SessionRisk()) == explain(SessionRisk(), "zh") != explain(SessionRisk(), "en")
    assert all(is_one_line(explain(SessionRisk(), language)) for language in _LANGUAGES)


@pytest.mark.parametrize("language", _LANGUAGES)
def test_an_open_danger_is_told_from_one_that_fades(language: str) -> None:
    end = {"zh": "。", "en": ". "}[language]
    graver = explain(risk_of((found(Category.ABUSE, RiskLevel.HIGH),)), language)
    lesser = explain(risk_of((found(Category.ABUSE, RiskLevel.MODERATE),)), language)
    assert graver.split(end)[1] != lesser.split(end)[1]


@pytest.mark.parametrize("language", _LANGUAGES)
def test_an_open_danger_whose_evidence_has_faded_is_not_nothing(language: str) -> None:
    risk = risk_of((found(Category.ABUSE, RiskLevel.HIGH),), *[()] * 200)
    assert risk.evidence == {}
    assert explain(risk, language) != explain(SessionRisk(), language)
    assert is_one_line(explain(risk, language))


@pytest.mark.parametrize("language", _LANGUAGES)
def test_the_gravest_danger_comes_first(language: str) -> None:
    grave, light = found(Category.ABUSE, RiskLevel.HIGH), found(Category.EATING, RiskLevel.LOW, "b")
    names = {"zh": ("虐待", "饮食"), "en": ("abuse", "eating")}[language]
    text = explain(risk_of((light,), (grave,)), language)
    assert text.index(names[0]) < text.index(names[1])


@pytest.mark.parametrize("language", _LANGUAGES)
def test_it_does_not_grow_with_the_conversation(language: str) -> None:
    turns = [
        (found(category, RiskLevel.HIGH, f"{category}{turn}"),)
        for turn in range(20)
        for category in Category
    ]
    assert len(explain(risk_of(*turns), language)) < 1_500


def test_a_language_that_is_not_spoken_is_answered_in_chinese() -> None:
    risk = risk_of((found(Category.ABUSE, RiskLevel.HIGH),))
    assert explain(risk, "fr") == explain(risk, "zh")
