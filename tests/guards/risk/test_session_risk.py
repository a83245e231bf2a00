from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from qiaoban_guards.policy import load_policy
from qiaoban_guards.risk import Category, Finding, RiskLevel
from qiaoban_guards.risk.session import SessionRisk

POLICY = load_policy().risk.session
LOW, MODERATE, HIGH, IMMINENT = list(RiskLevel)[1:]

_FINDINGS = st.builds(
    Finding,
    category=st.sampled_from(Category),
    level=st.sampled_from([LOW, MODERATE, HIGH, IMMINENT]),
    source=st.integers(0, 300).map("rule{}".format),
)


def found(source: str, level: RiskLevel, category: Category = Category.BULLYING) -> Finding:
    return Finding(category=category, level=level, source=source)


def talk(*turns: tuple[Finding, ...], start: SessionRisk | None = None) -> list[SessionRisk]:
    """The risk after every turn."""
    first = start or SessionRisk()
    return list(
        itertools.accumulate(
            enumerate(turns, 1),
            lambda risk, turn: risk.after(turn[1], turn[0], POLICY),
            initial=first,
        )
    )[1:]


@pytest.mark.parametrize("level", [LOW, MODERATE, HIGH, IMMINENT])
def test_one_message_reaches_its_own_level(level: RiskLevel) -> None:
    assert talk((found("a", level),))[-1].level is level


def test_different_rules_of_one_category_add_up() -> None:
    risks = talk(*((found(name, MODERATE),) for name in "abc"))
    assert [risk.level for risk in risks] == [MODERATE, MODERATE, HIGH]


def test_the_same_rule_again_does_not_add() -> None:
    risks = talk(*[(found("a", MODERATE),)] * 30)
    assert {risk.level for risk in risks} == {MODERATE}
    assert len(risks[-1].evidence) == 1


def test_different_categories_do_not_add() -> None:
    risks = talk(*((found(c.value, MODERATE, c),) for c in list(Category)[:6]))
    assert risks[-1].level is MODERATE


def test_the_gravest_of_two_findings_of_one_rule_counts() -> None:
    risk = talk((found("a", HIGH), found("a", LOW)))[-1]
    assert risk.level is HIGH


def test_the_order_of_the_findings_of_a_turn_does_not_matter() -> None:
    findings = (found("a", LOW), found("a", MODERATE), found("b", MODERATE), found("c", LOW))
    ends = {talk(order)[-1].level for order in itertools.permutations(findings)}
    assert len(ends) == 1


def test_concern_fades_but_not_at_once() -> None:
    levels = [risk.level for risk in talk((found("a", MODERATE),), *[()] * 40)]
    assert levels[0] is MODERATE
    assert levels[1] >= LOW
    assert levels[int(POLICY.half_life)] >= LOW
    assert levels[-1] is RiskLevel.NONE
    assert levels == sorted(levels, reverse=True)


def test_faded_evidence_is_forgotten() -> None:
    assert talk((found("a", MODERATE),), *[()] * 60)[-1].evidence == {}


@pytest.mark.parametrize("level", [HIGH, IMMINENT])
def test_a_grave_level_latches_until_it_is_handed_over(level: RiskLevel) -> None:
    risk = talk((found("a", level),), *[()] * 200)[-1]
    assert (risk.level, risk.high_water, risk.open) == (HIGH, level, True)
    after = risk.handed_over()
    assert (after.level, after.high_water, after.open) == (RiskLevel.NONE, level, False)
    assert after.evidence == {}


def test_a_hand_over_does_not_shut_the_next_danger_out() -> None:
    calm = talk((found("a", HIGH),))[-1].handed_over()
    again = calm.after((found("a", HIGH),), 2, POLICY)
    assert (again.level, again.open) == (HIGH, True)


@pytest.mark.parametrize("level", [LOW, MODERATE])
def test_a_lesser_level_does_not_latch(level: RiskLevel) -> None:
    assert not talk((found("a", level),))[-1].open


def test_after_leaves_what_was_there_alone() -> None:
    before = SessionRisk()
    before.after((found("a", HIGH),), 1, POLICY)
    assert before == SessionRisk()
    with pytest.raises(ValidationError, match="frozen"):
        before.level = HIGH  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


@given(st.lists(st.lists(_FINDINGS, max_size=4).map(tuple), max_size=25))
def test_high_water_never_falls_and_an_open_danger_stays_open(
    turns: list[tuple[Finding, ...]],
) -> None:
    risks = [SessionRisk(), *talk(*turns)]
    for before, after in itertools.pairwise(risks):
        assert after.high_water >= max(before.high_water, after.level)
        assert after.open >= before.open
        assert not after.open or after.level >= HIGH


@given(st.lists(st.lists(_FINDINGS, max_size=4).map(tuple), max_size=12))
def test_no_turn_is_below_its_gravest_finding(turns: list[tuple[Finding, ...]]) -> None:
    for turn, risk in zip(turns, talk(*turns), strict=True):
        assert risk.level >= max((f.level for f in turn), default=RiskLevel.NONE)


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_record_does_not_grow_with_the_conversation(seed: int) -> None:
    chance, risk = Random(seed), SessionRisk()
    for turn in range(1, 1001):
        findings = tuple(
            found(f"rule{chance.randrange(3000)}", chance.choice([LOW, MODERATE, HIGH, IMMINENT]))
            for _ in range(chance.randrange(20))
        )
        risk = risk.after(findings, turn, POLICY)
        assert len(risk.evidence) <= 64
    assert len(risk.model_dump_json()) < 8_000


@given(st.lists(st.lists(_FINDINGS, max_size=4).map(tuple), max_size=8))
def test_it_survives_json_and_goes_on_the_same(turns: list[tuple[Finding, ...]]) -> None:
    risk = [SessionRisk(), *talk(*turns)][-1]
    read = SessionRisk.model_validate_json(risk.model_dump_json())
    assert read == risk
    more = (found("new", MODERATE),)
    assert read.after(more, 99, POLICY) == risk.after(more, 99, POLICY)
