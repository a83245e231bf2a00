"""The table in the document, the data and the remote guards' tables say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qiaoban_guards.risk import Category, RiskLevel
from qiaoban_guards.risk.counterparts import Counterparts, Names, counterparts, outside
from qiaoban_guards.risk.remote import Table

PAGE = (Path(__file__).parents[3] / "docs" / "risk-taxonomy.md").read_text(encoding="utf-8")
VENDORS = ["mlcommons", "llama_guard", "qwen3guard", "openai_moderation"]
WITH_A_TABLE = VENDORS[1:]

HAZARDS = {
    "S1": "Violent Crimes",
    "S2": "Non-Violent Crimes",
    "S3": "Sex-Related Crimes",
    "S4": "Child Sexual Exploitation",
    "S5": "Defamation",
    "S6": "Specialized Advice",
    "S7": "Privacy",
    "S8": "Intellectual Property",
    "S9": "Indiscriminate Weapons (CBRNE)",
    "S10": "Hate",
    "S11": "Suicide & Self-Harm",
    "S12": "Sexual Content",
}
"""The twelve hazards of AILuminate v1.0 by their Llama Guard code; S13 and S14 are Meta's own."""


def _of(names: Names, vendor: str) -> tuple[str, ...]:
    return {
        "mlcommons": names.mlcommons,
        "llama_guard": names.llama_guard,
        "qwen3guard": names.qwen3guard,
        "openai_moderation": names.openai_moderation,
    }[vendor]


def _cell(entry: Counterparts, vendor: str) -> str:
    partial = (f"*{name}*" for name in _of(entry.partial, vendor))
    return ", ".join([*_of(entry.mapped, vendor), *partial]) or "–"


@pytest.mark.parametrize("vendor", WITH_A_TABLE)
def test_what_a_table_maps_is_mapped_here(vendor: str) -> None:
    there = {
        name: entry.category
        for name, entry in Table.shipped(vendor).categories.items()
        if entry.category is not None
    }
    here = [(name, c) for c in Category for name in _of(counterparts(c).mapped, vendor)]
    assert len(here) == len(there)
    assert dict(here) == there


@pytest.mark.parametrize("vendor", WITH_A_TABLE)
def test_what_a_table_leaves_out_is_outside_here(vendor: str) -> None:
    entries = Table.shipped(vendor).categories.items()
    assert set(_of(outside(), vendor)) == {n for n, entry in entries if entry.category is None}


@pytest.mark.parametrize("vendor", WITH_A_TABLE)
@pytest.mark.parametrize("category", Category)
def test_a_partial_name_is_the_vendors_and_not_mapped_too(category: Category, vendor: str) -> None:
    entry = counterparts(category)
    partial = set(_of(entry.partial, vendor))
    assert partial <= set(Table.shipped(vendor).categories)
    assert not partial & set(_of(entry.mapped, vendor))


@pytest.mark.parametrize("part", ["mapped", "partial"])
@pytest.mark.parametrize("category", Category)
def test_hazards_stand_where_the_code_of_their_name_does(category: Category, part: str) -> None:
    entry = counterparts(category)
    names = entry.mapped if part == "mapped" else entry.partial
    hazards = [HAZARDS[code] for code in names.llama_guard if code in HAZARDS]
    assert list(names.mlcommons) == hazards


def test_every_hazard_is_accounted_for() -> None:
    mapped = [name for c in Category for name in counterparts(c).mapped.mlcommons]
    assert sorted([*mapped, *outside().mlcommons]) == sorted(HAZARDS.values())


@pytest.mark.parametrize("category", Category)
def test_a_row_of_the_document_is_the_data(category: Category) -> None:
    entry = counterparts(category)
    cells = [f"`{category}`", *(_cell(entry, vendor) for vendor in VENDORS)]
    assert f"\n| {' | '.join(cells)} |\n" in PAGE


@pytest.mark.parametrize("category", Category)
def test_a_note_of_the_document_is_the_data(category: Category) -> None:
    assert counterparts(category).note
    assert f"\n- `{category}`: {counterparts(category).note}\n" in PAGE


def test_what_is_outside_stands_in_the_document() -> None:
    for vendor in VENDORS:
        assert all(name in PAGE for name in _of(outside(), vendor))


@pytest.mark.parametrize("vendor", WITH_A_TABLE)
def test_an_unknown_name_is_read_as_the_document_says(vendor: str) -> None:
    fallback = Table.shipped(vendor).fallback
    assert fallback.category is Category.DANGEROUS_CHALLENGE
    assert fallback.unsafe is RiskLevel.MODERATE


def test_the_document_has_one_row_and_one_note_for_each_category() -> None:
    table = PAGE.partition("## Beside other taxonomies")[2]
    every = [str(category) for category in Category]
    assert re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE) == every
    assert re.findall(r"^- `(\w+)`: ", table, flags=re.MULTILINE) == every


@pytest.mark.parametrize("category", Category)
def test_a_category_is_documented_with_what_is_in_and_what_is_not(category: Category) -> None:
    _, heading, rest = PAGE.partition(f"\n### `{category}`\n")
    assert heading
    section = re.split(r"^##", rest, maxsplit=1, flags=re.MULTILINE)[0]
    assert re.search(r"^\| in", section, flags=re.MULTILINE)
    assert re.search(r"^\| out", section, flags=re.MULTILINE)
