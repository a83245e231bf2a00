"""Dangers that no single message tells: steps that add up, fade, and are handed over."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.policy import load_policy
from qiaoban_guards.risk import Category, Finding, RiskClassifier, RiskLevel
from qiaoban_guards.risk.fragments import assess_after
from qiaoban_guards.risk.session import SessionRisk
from qiaoban_guards.text import normalise

_POLICY = load_policy().risk.session
_QUIET = load_policy().risk.never_escalate
NONE, LOW, MODERATE, HIGH, IMMINENT = list(RiskLevel)
_MINUTE, _HOUR, _WEEK = 60.0, 3600.0, 7 * 24 * 3600.0


def found(source: str, level: RiskLevel, category: Category = Category.SELF_HARM) -> Finding:
    return Finding(category=category, level=level, source=source)


def over(
    turns: Sequence[Sequence[Finding]], gap: float = _MINUTE, start: SessionRisk | None = None
) -> list[SessionRisk]:
    """The risk after every turn, the turns `gap` seconds apart."""
    risk, risks = start or SessionRisk(), list[SessionRisk]()
    for turn, findings in enumerate(turns, 1):
        risk = risk.after(tuple(findings), turn, _POLICY, at=turn * gap)
        risks.append(risk)
    return risks


def told(*messages: str) -> list[SessionRisk]:
    """The risk after every message, judged as the journey judges it."""
    turns: list[list[Finding]] = []
    previous = ""
    for message in messages:
        text = normalise(message)
        risk = assess_after(RiskClassifier.shipped(), text, previous)
        turns.append([f for f in risk.findings if f.category not in _QUIET])
        previous = text.plain
    return over(turns)


def levels(risks: Sequence[SessionRisk]) -> list[RiskLevel]:
    return [RiskLevel(risk.level) for risk in risks]


def test_three_different_concerns_of_one_kind_are_grave() -> None:
    turns = [[found(name, MODERATE)] for name in ("things_away", "better_off", "goodbye")]
    assert levels(over(turns)) == [MODERATE, MODERATE, HIGH]


def test_concerns_with_ordinary_talk_between_them_still_add_up() -> None:
    turns = [[found("things_away", MODERATE)], [], [found("better_off", MODERATE)], []]
    risks = over([*turns, [found("goodbye", MODERATE)], [found("no_future", MODERATE)]])
    assert risks[-1].open


def test_the_steps_of_one_grooming_add_up_across_categories() -> None:
    steps = (
        found("gifts", MODERATE, Category.STRANGER_CONTACT),
        found("secrecy", MODERATE, Category.STRANGER_CONTACT),
        found("pictures", MODERATE, Category.SEXUAL),
    )
    for order in itertools.permutations(steps):
        assert levels(over([[step] for step in order])) == [MODERATE, MODERATE, HIGH]
    assert over([steps])[-1].level is HIGH


def test_a_conversation_of_other_kinds_of_concern_is_not_one_danger() -> None:
    kinds = (Category.BULLYING, Category.EATING, Category.RUNAWAY, Category.SUBSTANCE)
    assert over([[found(kind.value, MODERATE, kind)] for kind in kinds])[-1].level is MODERATE


@given(st.integers(1, 60), st.integers(1, 40))
def test_hints_alone_never_reach_high(turns: int, each: int) -> None:
    talk = [[found(f"hint{turn}.{n}", LOW) for n in range(each)] for turn in range(turns)]
    assert max(risk.high_water for risk in over(talk)) <= MODERATE


@given(st.integers(1, 30))
def test_concerns_alone_never_reach_imminent(turns: int) -> None:
    risks = over([[found(f"rule{turn}", MODERATE)] for turn in range(turns)])
    assert risks[-1].high_water <= HIGH


def test_the_same_turns_a_week_apart_weigh_less() -> None:
    turns = [[found(name, MODERATE)] for name in "abcd"]
    assert over(turns)[-1].level is HIGH
    assert levels(over(turns, gap=_WEEK)) == [MODERATE] * 4


def test_a_concern_is_lighter_a_week_later_and_never_heavier_for_the_wait() -> None:
    first = over([[found("a", MODERATE)]])[-1]
    waits = [0.0, _HOUR, 12 * _HOUR, 24 * _HOUR, 72 * _HOUR, _WEEK]
    after = [first.after((), 2, _POLICY, at=_MINUTE + wait).level for wait in waits]
    assert after == sorted(after, reverse=True)
    assert (after[0], after[-1]) == (MODERATE, NONE)


def test_a_half_life_of_hours_halves_as_one_of_turns_does() -> None:
    first = over([[found("a", MODERATE), found("b", MODERATE)]], gap=0.0)[-1]
    hours = _POLICY.half_life_hours * 3600
    turns = int(_POLICY.half_life)
    for halves in range(1, 5):
        by_hours = first.after((), 1, _POLICY, at=halves * hours)
        by_turns = first.after((), 1 + halves * turns, _POLICY)
        assert by_hours.level is by_turns.level


def test_a_clock_that_went_back_makes_nothing_heavier() -> None:
    risk = SessionRisk().after((found("a", MODERATE),), 1, _POLICY, at=_WEEK)
    assert risk.after((), 2, _POLICY, at=0.0).level is MODERATE


def test_time_does_not_close_what_no_adult_has_taken_over() -> None:
    grave = over([[found("a", HIGH)]])[-1]
    later = grave.after((), 2, _POLICY, at=52 * _WEEK)
    assert (later.level, later.open) == (HIGH, True)


@pytest.mark.parametrize("level", [MODERATE, HIGH, IMMINENT])
def test_what_was_handed_over_does_not_trip_for_ever(level: RiskLevel) -> None:
    before = over([[found("a", level)], [found("b", HIGH)]])[-1].handed_over()
    for risk in over([()] * 30, start=before):
        assert (risk.level, risk.open) == (NONE, False)
    hint = before.after((found("c", LOW),), 3, _POLICY, at=3 * _MINUTE)
    assert (hint.level, hint.open) == (LOW, False)
    concern = before.after((found("c", MODERATE),), 3, _POLICY, at=3 * _MINUTE)
    assert (concern.level, concern.open) == (MODERATE, False)


def test_the_cost_of_a_turn_does_not_grow() -> None:
    risk = SessionRisk()
    for turn in range(1, 400):
        risk = risk.after(
            tuple(found(f"rule{turn}.{n}", HIGH) for n in range(5)), turn, _POLICY, at=turn
        )
        assert len(risk.evidence) <= 64
    assert {item.turn for item in risk.evidence.values()} <= set(range(350, 400))


@pytest.mark.parametrize(
    "messages",
    [
        ("我把最喜欢的玩具都送给同学了", "他们没有我会轻松一点", "再见了，谢谢你一直陪我"),
        ("我把我的东西都送人了", "没有我，爸爸妈妈会轻松一点", "我想和大家告别"),
        (
            "i gave all my favourite things away",
            "everyone would be better off without me",
            "goodbye, thank you for everything",
        ),
        (
            "我在网上认识了一个哥哥",
            "他给我买了皮肤和礼物",
            "他说不要告诉爸爸妈妈",
            "他让我发照片给他看",
        ),
        (
            "i met a guy online",
            "he buys me skins and gifts",
            "he says don't tell my parents",
            "he wants me to send him a photo of my body",
        ),
    ],
)
def test_a_slow_disclosure_is_grave_at_latest_with_its_last_message(
    messages: tuple[str, ...],
) -> None:
    risks = told(*messages)
    assert risks[0].level < HIGH
    assert (risks[-1].level >= HIGH, risks[-1].open) == (True, True)


@pytest.mark.parametrize("joke", ["我开玩笑的", "我骗你的，没事", "just kidding", "哈哈哈哈"])
@pytest.mark.parametrize("grave", ["我不想活了", "i want to kill myself"])
def test_taking_it_back_keeps_it_open(grave: str, joke: str) -> None:
    first, *later = told(grave, joke, "今天天气很好", joke)
    assert first.open
    assert all(risk.open and risk.level >= HIGH for risk in later)
    assert later[-1].high_water == first.high_water


@pytest.mark.parametrize(
    "messages",
    [
        ("今天考试没考好", "我很难过", "作业好多", "明天还要上学"),
        ("我把作业交给老师了", "今天放学早", "再见，明天聊"),
        ("我和同学一起玩游戏", "他送我一个礼物", "我好开心"),
        ("i had a bad day", "my homework is hard", "goodbye, see you tomorrow"),
    ],
)
def test_an_ordinary_conversation_opens_nothing(messages: tuple[str, ...]) -> None:
    assert max(risk.high_water for risk in told(*messages)) < HIGH


def test_an_ordinary_conversation_after_a_hand_over_opens_nothing() -> None:
    before = told("我不想活了")[-1].handed_over()
    messages = ["今天天气很好", "我们吃了面条", "我有一点难过", "明天去公园"]
    shipped = RiskClassifier.shipped()
    turns = [shipped.assess(normalise(message)).findings for message in messages]
    assert not any(risk.open for risk in over(turns, start=before))
