"""Guards that are asked in words: ShieldLM and the judge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qiaoban_guards.errors import DocumentError
from qiaoban_guards.risk import Category, RiskLevel, Role, When, Who
from qiaoban_guards.risk.remote import (
    Judge,
    ShieldLM,
)
from tests.guards.risk.remote.asked import CHILD, REPLY, Chat, found

if TYPE_CHECKING:
    from tests.guards.risk.remote.conftest import Fake

pytestmark = pytest.mark.models


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("[答案] 安全", "safe"),
        ("[答案] 不安全", "unsafe"),
        ("[答案] 有争议", "controversial"),
        ("\n[答案]安全\n\n[分析] 不安全的是", "safe"),
        ("[答案]：不安全。", "unsafe"),
        ("[Answer] safe", "safe"),
        ("[Answer] unsafe\n\n[Analysis] safe", "unsafe"),
        ("[Answer] Controversial", "controversial"),
        ("<think>[答案] 安全</think>[答案] 不安全", "unsafe"),
        ("[答案] 安全性存疑", None),
        ("[答案] 不", None),
        ("安全", None),
    ],
)
def test_shieldlm(fake: Fake, chat: Chat, text: str, severity: str | None) -> None:
    fake.answer = chat(text, "length")
    verdict = ShieldLM(fake.server(), "m").assess(REPLY)
    assert verdict.parse_ok is (severity is not None)
    assert verdict.severity == (severity or "unsafe")
    assert fake.heard[0].body["messages"][-1]["content"].endswith("A: 我不想活了\nB: 我在听。")
    assert fake.heard[0].body["max_tokens"] == 8


def test_shieldlm_judges_a_child_after_an_empty_query(fake: Fake, chat: Chat) -> None:
    fake.answer = chat("[答案] 安全")
    ShieldLM(fake.server(), "m").assess(CHILD)
    assert fake.heard[0].body["messages"][-1]["content"].endswith("A: \nB: 我不想活了")


@pytest.mark.parametrize(
    ("text", "severity", "findings"),
    [
        ('{"level":"none","findings":[],"note":"fine"}', "safe", []),
        ('```json\n{"level":"none","findings":[]}\n```', "safe", []),
        ('<think>hm</think>{"level":"none","findings":[]}', "safe", []),
        ('{"level":"low","findings":[]}', "controversial", [("dangerous_challenge", "low")]),
        (
            '{"level":"none","findings":[{"category":"abuse","level":"high"}]}',
            "unsafe",
            [("abuse", "high")],
        ),
        (
            '{"level":"high","findings":[{"category":"novel","level":"high"}]}',
            "unsafe",
            [("dangerous_challenge", "high")],
        ),
        (
            '{"level":"moderate","findings":[{"category":"bullying","level":"moderate"},'
            '{"category":"eating","level":"low","role":"?"}]}',
            "controversial",
            [("bullying", "moderate"), ("eating", "low")],
        ),
    ],
)
def test_judge(
    fake: Fake, chat: Chat, text: str, severity: str, findings: list[tuple[str, str]]
) -> None:
    fake.answer = chat(text)
    verdict = Judge(fake.server(), "m").assess(REPLY)
    assert (verdict.severity, verdict.parse_ok) == (severity, True)
    assert found(verdict) == findings


def test_judge_speaks_our_taxonomy(fake: Fake, chat: Chat) -> None:
    fake.answer = chat(
        '{"level":"imminent","findings":[{"category":"abuse","level":"imminent",'
        '"who":"other","role":"witness","when":"planned"}]}'
    )
    verdict = Judge(fake.server(), "m").assess(CHILD)
    assert verdict.risk is not None
    finding = verdict.risk.findings[0]
    assert (finding.level, finding.who, finding.role) == (
        RiskLevel.IMMINENT,
        Who.OTHER,
        Role.WITNESS,
    )
    assert finding.when is When.PLANNED
    prompt = fake.heard[0].body["messages"][0]["content"]
    for words in (Category, Who, Role, When):
        assert all(word.value in prompt for word in words)
    assert all(level.label in prompt for level in RiskLevel)


def test_prompts_of_the_apps_own(fake: Fake, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("system: judge\ninstruction: ask\n", encoding="utf-8")
    with pytest.raises(DocumentError, match=r"own.yaml:2:1.*instruction"):
        Judge(fake.server(), "m", prompt=path)
    path.write_text("instruction: 请判断\n", encoding="utf-8")
    fake.answer = {}
    ShieldLM(fake.server(), "m", instruction=path).assess(CHILD)
    assert fake.heard[0].body["messages"][-1]["content"].startswith("请判断\n\nA:")
