"""The corpus is what its data card says, and the model's files are built from it."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from qiaoban_guards.risk import Category, RiskLevel, Role, When, Who

pytest.importorskip("datasketch", reason="the group `training` is not installed")

import compile_rules
from quality import distinct_ngrams, largest_cluster

CORPUS = Path(__file__).parents[3] / "guards" / "corpus"
FIELDS = {"text", "lang", "category", "level", "who", "role", "when", "group", "note", "split"}


def rows(lang: str) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted((CORPUS / lang).glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


@pytest.mark.parametrize(("lang", "least"), [("zh", 6000), ("en", 1500)])
def test_there_is_enough_and_half_of_it_is_harmless(lang: str, least: int) -> None:
    items = rows(lang)
    assert len(items) >= least
    assert sum(item["level"] == "none" for item in items) >= len(items) / 2
    texts = [item["text"].strip().lower() for item in items]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_row_is_whole(lang: str) -> None:
    for item in rows(lang):
        assert set(item) == FIELDS, item
        assert item["lang"] == lang
        assert item["text"].strip()
        assert item["split"] in ("train", "test")
        level = RiskLevel.parse(item["level"])
        assert (item["category"] is None) == (level is RiskLevel.NONE), item
        if item["category"]:
            Category(item["category"])
        if item["who"]:
            Who(item["who"])
            Role(item["role"])
            When(item["when"])


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_groups_are_never_parted(lang: str) -> None:
    splits: dict[str, set[str]] = {}
    for item in rows(lang):
        splits.setdefault(item["group"], set()).add(item["split"])
    assert {len(of) for of in splits.values()} == {1}


def test_every_category_has_subtle_disclosures() -> None:
    subtle = Counter(i["category"] for i in rows("zh") if i["note"] == "subtle")
    assert set(subtle) == {str(category) for category in Category}
    assert min(subtle.values()) >= 10


def test_labels_of_the_help_posts_are_ids_without_texts() -> None:
    path = CORPUS / "smile_labels.jsonl"
    items = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len({item["id"] for item in items}) == len(items) == 1687
    assert all("text" not in item for item in items)
    for item in items:  # where two readers differ, the graver reading holds
        both = {RiskLevel.parse(item["first"]), RiskLevel.parse(item["second"])}
        assert RiskLevel.parse(item["level"]) == max(both)


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_it_was_written_one_by_one(lang: str) -> None:
    texts = [item["text"] for item in rows(lang)]
    assert distinct_ngrams(texts if lang == "zh" else [text.split() for text in texts], 4) > 0.7
    assert largest_cluster(texts, lang) <= 5


def test_the_compiled_rules_are_those_of_the_lexicon() -> None:
    """`python guards/training/compile_rules.py` was run after the last change of a rule."""
    shipped = (compile_rules.RISK / "model" / "rules.json.gz").read_bytes()
    again = compile_rules.compile_rules(compile_rules.corpus_texts())
    assert json.loads(gzip.decompress(again)) == json.loads(gzip.decompress(shipped))
