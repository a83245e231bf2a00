"""Vendors' categories in our terms."""

from __future__ import annotations

from pathlib import Path

import pytest

from qiaoban_guards.errors import DocumentError
from qiaoban_guards.risk import Category, RiskLevel
from qiaoban_guards.risk.remote import Entry, Table

VENDORS = {
    "qwen3guard": 9,
    "llama_guard": 14,
    "shieldgemma": 4,
    "openai_moderation": 13,
    "shieldlm": 0,
    "judge": 0,
    "nemoguard": 12,
}


@pytest.mark.parametrize("name", VENDORS)
def test_every_table_is_whole(name: str) -> None:
    table = Table.shipped(name)
    assert len(table.categories) == VENDORS[name]
    assert table.fallback.category is not None
    assert table.fallback.unsafe >= RiskLevel.LOW
    for entry in table.categories.values():
        assert entry.controversial <= entry.unsafe
        assert (entry.category is None) == (entry.unsafe is RiskLevel.NONE)
        assert entry.category is not None or entry.note
        assert 0 < entry.controversial_from <= entry.unsafe_from <= 1


@pytest.mark.parametrize("name", VENDORS)
def test_no_vendor_alone_calls_it_imminent(name: str) -> None:
    entries = Table.shipped(name).categories.values()
    assert all(entry.unsafe <= RiskLevel.HIGH for entry in entries)


def test_a_stated_age_alone_calls_nobody() -> None:
    (finding,) = Table.shipped("llama_guard").findings(("S4",), "unsafe", "remote:x")
    assert (finding.category, finding.level) == (Category.SEXUAL, RiskLevel.MODERATE)


@pytest.mark.parametrize(
    ("vendor", "name"),
    [
        ("qwen3guard", "Suicide & Self-Harm"),
        ("llama_guard", "S11"),
        ("openai_moderation", "self-harm/intent"),
        ("nemoguard", "Suicide and Self Harm"),
    ],
)
def test_self_harm_calls_an_adult(vendor: str, name: str) -> None:
    (finding,) = Table.shipped(vendor).findings((name,), "unsafe", "remote:x")
    assert (finding.category, finding.level) == (Category.SELF_HARM, RiskLevel.HIGH)


def test_a_table_of_the_apps_own(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "fallback: {category: abuse, unsafe: high}\n"
        "categories: {S4: {category: sexual, unsafe: low}}\n"
    )
    table = Table.of(path, "llama_guard")
    assert [f.level for f in table.findings(("S4", "S5"), "unsafe", "x")] == [
        RiskLevel.LOW,
        RiskLevel.HIGH,
    ]
    assert Table.of(table, "llama_guard") is table
    path.write_text("fallback: {category: abuse, unsafe: grave}\ncategories: {}\n")
    with pytest.raises(DocumentError, match=r"own.yaml:1:.*not a risk level"):
        Table.of(path, "llama_guard")


def test_safe_makes_no_finding() -> None:
    assert Entry(category=Category.ABUSE, unsafe=RiskLevel.HIGH).finding("safe", "x") is None
    assert Table.shipped("qwen3guard").findings((), "safe", "x") == ()
