"""Two guards beside each other: the worse of the two, and neither hides the other."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_agent import care
from qiaoban_guards.risk import Category, Finding, Risk, RiskLevel
from qiaoban_guards.risk.remote import (
    Beside,
    LlamaGuard,
    Mode,
    NoVerdictError,
    RiskGuard,
    Severity,
    Verdict,
    combine,
)
from qiaoban_guards.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.guards.risk.remote.conftest import Fake

    Chat = Callable[..., dict[str, Any]]

models = pytest.mark.models
FINDINGS = st.lists(
    st.builds(
        Finding,
        category=st.sampled_from(Category),
        level=st.sampled_from([level for level in RiskLevel if level]),
        source=st.sampled_from(["a", "b", "c"]),
    ),
    max_size=4,
)
RISKS = FINDINGS.map(Risk.of)
VERDICTS = st.builds(
    Verdict,
    label=st.just(""),
    severity=st.sampled_from(["safe", "controversial", "unsafe"]),
    risk=st.none() | RISKS,
    parse_ok=st.booleans(),
)


def finding(category: Category, level: RiskLevel, source: str = "rule") -> Finding:
    return Finding(category=category, level=level, source=source)


def verdict(severity: Severity, *findings: Finding, parse_ok: bool = True) -> Verdict:
    return Verdict(label="", severity=severity, risk=Risk.of(findings), parse_ok=parse_ok)


def belt(text: Text) -> Risk:
    """An embedded guard of one word."""
    if "皮带" not in text.plain:
        return Risk()
    return Risk.of([finding(Category.ABUSE, RiskLevel.HIGH, "belt")])


@given(RISKS, VERDICTS)
def test_the_worse_of_the_two(embedded: Risk, remote: Verdict) -> None:
    risk = combine(embedded, remote, ())
    theirs = remote.risk or Risk()
    assert risk.level == max(embedded.level, theirs.level)
    assert set(risk.findings) == set(embedded.findings) | set(theirs.findings)


@given(RISKS, VERDICTS, st.sets(st.sampled_from(["a", "b", "c"])))
def test_a_calming_guard_takes_no_must_and_nothing_grave(
    embedded: Risk, remote: Verdict, must: set[str]
) -> None:
    risk = combine(embedded, remote, must, mode="remote_may_calm")
    for each in embedded.findings:
        stays = each.source in must or each.level >= RiskLevel.HIGH
        if stays or not remote.parse_ok or remote.severity != "safe":
            assert each in risk.findings


@pytest.mark.parametrize(("mode", "left"), [("worse", 2), ("remote_may_calm", 1)])
def test_a_remote_guard_may_calm_only_if_asked_to(mode: Mode, left: int) -> None:
    embedded = Risk.of(
        [
            finding(Category.BULLYING, RiskLevel.MODERATE, "called_names"),
            finding(Category.SELF_HARM, RiskLevel.MODERATE, "wants_to_vanish"),
        ]
    )
    risk = combine(embedded, verdict("safe"), {"wants_to_vanish"}, mode)
    assert len(risk.findings) == left
    assert "wants_to_vanish" in {each.source for each in risk.findings}
    failed = Verdict.failed("late")
    assert combine(embedded, failed, (), mode) == embedded


def test_a_level_without_a_finding_stands() -> None:
    for mode in ("worse", "remote_may_calm"):
        for level in RiskLevel:
            assert combine(Risk(level=level), verdict("safe"), (), mode).level is level


def test_a_stated_age_stands_beside_a_grave_finding() -> None:
    s4 = finding(Category.SEXUAL, RiskLevel.MODERATE, "remote:llama_guard")
    assert combine(Risk(), verdict("unsafe", s4), ()).level is RiskLevel.MODERATE
    grave = Risk.of([finding(Category.SEXUAL, RiskLevel.HIGH)])
    assert combine(grave, verdict("unsafe", s4), ()).level is RiskLevel.HIGH


@models
async def test_both_guards_are_heard(fake: Fake, chat: Chat) -> None:
    fake.answer = chat("unsafe\nS1")
    beside = Beside(belt, LlamaGuard(fake.server(), "m"))
    before = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "你好呀"}]
    outcome = beside.assess("爸爸天天用皮带抽我", before)
    other = await beside.aassess("爸爸天天用皮带抽我", before)
    assert outcome.risk == other.risk
    assert (outcome.failed, outcome.reason) == (False, "")
    assert {Category.ABUSE, Category.VIOLENCE} <= set(outcome.risk.categories)
    assert "remote:llama_guard" in {each.source for each in outcome.risk.findings}
    assert [message["content"] for message in fake.heard[0].body["messages"]] == [
        "你好",
        "你好呀",
        "爸爸天天用皮带抽我",
    ]


@models
@pytest.mark.parametrize("fault", ["hang", "reset", "drip_body"])
async def test_the_embedded_verdict_stands_when_the_remote_fails(fake: Fake, fault: str) -> None:
    fake.fault = fault
    beside = Beside(belt, LlamaGuard(fake.server(deadline=0.2), "m"))
    started = time.monotonic()
    outcomes = [beside.assess("他用皮带抽我"), await beside.aassess("他用皮带抽我")]
    assert time.monotonic() - started < 2
    for outcome in outcomes:
        assert outcome.failed
        assert outcome.reason.startswith("remote:llama_guard: ")
        assert outcome.risk.level is RiskLevel.HIGH
        assert not outcome.verdict.parse_ok


@models
async def test_the_remote_verdict_stands_when_the_embedded_fails(fake: Fake, chat: Chat) -> None:
    def broken(_: Text) -> Risk:
        raise RuntimeError("我不想活了")

    fake.answer = chat("unsafe\nS11")
    beside = Beside(broken, LlamaGuard(fake.server(), "m"))
    for outcome in (beside.assess("我不想活了"), await beside.aassess("我不想活了")):
        assert (outcome.failed, outcome.reason) == (True, "embedded: RuntimeError")
        assert outcome.risk.level is RiskLevel.HIGH


@models
async def test_the_guards_work_at_the_same_time(fake: Fake, chat: Chat) -> None:
    def slowly(_: object) -> Any:
        time.sleep(0.4)
        return chat("safe")

    def embedded(_: Text) -> Risk:
        time.sleep(0.4)
        return Risk()

    fake.answer = slowly
    beside = Beside(embedded, LlamaGuard(fake.server(deadline=5.0), "m"))
    beside.assess("warm")
    started = time.monotonic()
    assert not beside.assess("a").failed
    assert time.monotonic() - started < 0.75
    assert not (await asyncio.wait_for(beside.aassess("a"), 0.75)).failed


@models
async def test_a_companions_own_guard_gives_the_findings(fake: Fake, chat: Chat) -> None:
    fake.answer = chat("unsafe\nS11")
    guard = RiskGuard(LlamaGuard(fake.server(), "m"))
    fits: care.RiskGuard = guard
    assert fits is guard
    found = await guard.assess("你好", [{"role": "assistant", "content": "在呢"}])
    assert [(f.category, f.level) for f in found] == [(Category.SELF_HARM, RiskLevel.HIGH)]


@models
async def test_the_companions_guard_raises_without_a_verdict(fake: Fake) -> None:
    fake.status = 500
    guard = RiskGuard(LlamaGuard(fake.server(), "m"))
    with pytest.raises(NoVerdictError, match="HTTP 500"):
        await guard.assess("你好", ())
