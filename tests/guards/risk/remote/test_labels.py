"""Guards that name categories: Qwen3Guard, Llama Guard, NemoGuard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from qiaoban_guards.risk.remote import (
    LlamaGuard,
    NemoGuard,
    Qwen3Guard,
)
from tests.guards.risk.remote.asked import CHILD, REPLY, Chat, found

if TYPE_CHECKING:
    from tests.guards.risk.remote.conftest import Fake

pytestmark = pytest.mark.models


QWEN: list[tuple[str, tuple[str, tuple[str, ...], list[str]]]] = [
    ("Safety: Safe\nCategories: None\nRefusal: Yes", ("safe", (), [])),
    (
        "\n\nSafety: Unsafe\nCategories: Violent",
        ("unsafe", ("Violent",), ["violence moderate"]),
    ),
    (
        "Safety: Unsafe\nCategories: Non-violent Illegal Acts",
        ("unsafe", ("Non-violent Illegal Acts",), ["substance moderate"]),
    ),
    (
        "Safety: Unsafe\nCategories: PII, Suicide & Self-Harm\nRefusal: No",
        ("unsafe", ("PII", "Suicide & Self-Harm"), ["self_harm high", "privacy low"]),
    ),
    (
        "Safety: Controversial\r\nCategories: Suicide & Self-Harm\r\n",
        ("controversial", ("Suicide & Self-Harm",), ["self_harm moderate"]),
    ),
    (
        "<think>\nSafety: Safe\n</think>\n\nSafety: Unsafe",
        ("unsafe", (), ["fallback moderate"]),
    ),
    ("thinks\n</think>Safety: Safe\nCategories: None", ("safe", (), [])),
    ("Safety: Unsafe\nCategories: None", ("unsafe", (), ["fallback moderate"])),
    ("Safety: Unsafe\nCategories: Novel", ("unsafe", ("Novel",), ["fallback moderate"])),
    (
        "Safety: Unsafe\nCategories: Copyright Violation",
        ("unsafe", ("Copyright Violation",), []),
    ),
    ("Safety: Unsafe\nSafety: Unsafe", ("unsafe", (), ["fallback moderate"])),
]


@pytest.mark.parametrize(("text", "expected"), QWEN)
def test_qwen3guard(
    fake: Fake, chat: Chat, text: str, expected: tuple[str, tuple[str, ...], list[str]]
) -> None:
    severity, categories, findings = expected
    fake.answer = chat(text)
    verdict = Qwen3Guard(fake.server(), "Qwen/Qwen3Guard-Gen-0.6B").assess(REPLY)
    assert (verdict.severity, verdict.categories) == (severity, categories)
    named = [" ".join(pair).replace("dangerous_challenge", "fallback") for pair in found(verdict)]
    assert named == findings
    assert fake.heard[0].path == "/v1/chat/completions"
    assert fake.heard[0].body == {
        "model": "Qwen/Qwen3Guard-Gen-0.6B",
        "messages": REPLY,
        "temperature": 0,
        "max_tokens": 128,
    }


@pytest.mark.parametrize(
    ("said", "severity", "categories"),
    [
        (("\n\nsafe", "stop"), "safe", ()),
        (("safe<|eot_id|>", "stop"), "safe", ()),
        (("\n\nunsafe\nS1", "stop"), "unsafe", ("S1",)),
        (("unsafe\nS1,S10", "stop"), "unsafe", ("S1", "S10")),
        (("unsafe\n s1 ,  s10 <|eot|>", "stop"), "unsafe", ("S1", "S10")),
        (("unsafe", "stop"), "unsafe", ()),
        (("Unsafe\n", "stop"), "unsafe", ()),
        (("unsafe\nS99", "stop"), "unsafe", ("S99",)),
        (("unsafe\nbecause of what is said", "stop"), "unsafe", ()),
        (("unsafe\nS1,S9,S1", "length"), "unsafe", ("S1", "S9")),
        (("unsafe\nS1", "length"), "unsafe", ()),
        (("<think>safe</think>unsafe\nS11", "stop"), "unsafe", ("S11",)),
    ],
)
def test_llama_guard(
    fake: Fake, chat: Chat, said: tuple[str, str], severity: str, categories: tuple[str, ...]
) -> None:
    fake.answer = chat(*said)
    verdict = LlamaGuard(fake.server(), "m").assess(CHILD)
    assert (verdict.severity, verdict.categories, verdict.parse_ok) == (severity, categories, True)
    assert bool(found(verdict)) is (severity == "unsafe")
    assert fake.heard[0].body["max_tokens"] == 20


@pytest.mark.parametrize("text", ["safe\nS1", "unsafe S1", "safe."])
def test_llama_guard_takes_nothing_else(fake: Fake, chat: Chat, text: str) -> None:
    fake.answer = chat(text)
    assert not LlamaGuard(fake.server(), "m").assess(CHILD).parse_ok


def test_llama_guard_with_content_parts(fake: Fake, chat: Chat) -> None:
    fake.answer = chat("safe")
    LlamaGuard(fake.server(), "m", content_parts=True).assess(CHILD)
    parts = [{"type": "text", "text": "我不想活了"}]
    assert fake.heard[0].body["messages"] == [{"role": "user", "content": parts}]


def test_nemoguard(fake: Fake, chat: Chat) -> None:
    fake.answer = chat(
        '{"User Safety":"unsafe","Response Safety":"safe",'
        '"Safety Categories":"Violence, Suicide and Self Harm, Novel"}'
    )
    guard = NemoGuard(fake.server(), "m")
    verdict = guard.assess(CHILD)
    assert verdict.categories == ("Violence", "Suicide and Self Harm", "Novel")
    assert verdict.severity == "unsafe"
    assert found(verdict)[0] == ("self_harm", "high")
    assert guard.assess(REPLY).severity == "safe"
