"""The utterances that the risk model is built from, every source in one row type.

The corpus is this project's own. The public sets are read from the folder given with `--data`; what
they are, and what their labels mean here, is told in `guards/corpus/README.md`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qiaoban_guards.risk import Category, RiskLevel
from qiaoban_guards.text import has_han

CORPUS = Path(__file__).parents[1] / "corpus"
COACHING = Path(__file__).parents[2] / "finetune" / "coaching" / "corpus"
FILES = (
    "psysuicide_valid.jsonl",
    "smile_minors_unlabelled.jsonl",
    "lccc_toy.jsonl",
    "cold_train_dev.jsonl",
    "diasafety_train_val.jsonl",
    "cpsycound_dialogues.jsonl",
)
_SHORT = 24
"""Characters up to which a client's turn in counselling is taken for an ordinary reply."""


@dataclass(frozen=True, slots=True)
class Row:
    """One utterance; None means that its source does not tell.

    `group` keeps together what must not be parted between training and measuring.
    """

    text: str
    lang: str
    level: RiskLevel
    category: Category | None
    group: str
    source: str
    who: str | None = None
    role: str | None = None
    when: str | None = None
    note: str = ""
    held_out: bool = False


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def corpus() -> list[Row]:
    """Every utterance of the project's own corpus."""
    return [
        Row(
            text=item["text"],
            lang=item["lang"],
            level=RiskLevel.parse(item["level"]),
            category=Category(item["category"]) if item["category"] else None,
            group=item["group"],
            source=path.stem,
            who=item["who"],
            role=item["role"],
            when=item["when"],
            note=item["note"],
            held_out=item["split"] == "test",
        )
        for path in sorted(CORPUS.glob("*/*.jsonl"))
        for item in lines(path)
    ]


def everyday() -> list[Row]:
    """What children say of their joys and troubles, from the coaching corpus.

    It was written to hold no danger. Every utterance that an earlier guard or a rule stopped at was
    read; those that do hold one are labelled in `corpus/everyday_labels.jsonl`.
    """
    labels = {item["text"]: item for item in lines(CORPUS / "everyday_labels.jsonl")}
    found: dict[str, Row] = {}
    for path in sorted(COACHING.glob("*/*.jsonl")):
        if path.stem.startswith("acts"):
            continue
        for item in lines(path):
            text = item["text"]
            label = labels.get(text, {"level": "none", "category": None})
            found[text] = Row(
                text=text,
                lang="zh" if has_han(text) else "en",
                level=RiskLevel.parse(label["level"]),
                category=Category(label["category"]) if label["category"] else None,
                group=f"everyday-{path.parent.name}-{path.stem}-{item['group']}",
                source="everyday",
                who=label.get("who"),
                role=label.get("role"),
                when=label.get("when"),
                held_out=item["split"] == "test",
            )
    return list(found.values())


_PSYGUARD: Mapping[str, tuple[RiskLevel, Category | None]] = {
    "主动自杀意图": (RiskLevel.HIGH, Category.SELF_HARM),
    "自杀计划": (RiskLevel.HIGH, Category.SELF_HARM),
    "自杀准备行为": (RiskLevel.HIGH, Category.SELF_HARM),
    "自杀未遂": (RiskLevel.HIGH, Category.SELF_HARM),
    "自伤行为": (RiskLevel.HIGH, Category.SELF_HARM),
    "自伤意图": (RiskLevel.HIGH, Category.SELF_HARM),
    "被动自杀意图": (RiskLevel.MODERATE, Category.SELF_HARM),
    "关于自杀的探索": (RiskLevel.MODERATE, Category.SELF_HARM),
    "用户攻击行为": (RiskLevel.MODERATE, Category.VIOLENCE),
    "他人攻击行为": (RiskLevel.MODERATE, Category.ABUSE),
    "与自杀/自伤/攻击行为无关": (RiskLevel.NONE, None),
}


def psyguard(data: Path) -> list[Row]:
    """Counselling and social-media lines with human labels of suicidal intent and aggression."""
    rows: list[Row] = []
    for number, item in enumerate(lines(data / FILES[0])):
        level, category = max(
            (_PSYGUARD[label] for label in item["source_label"]), key=lambda one: one[0]
        )
        rows.append(Row(item["text"], "zh", level, category, f"psyguard-{number}", "psyguard"))
    return rows


def smile(data: Path) -> list[Row]:
    """Help posts by minors, with this project's labels (by id) in `corpus/smile_labels.jsonl`."""
    texts = {item["id"]: item["text"] for item in lines(data / FILES[1])}
    return [
        Row(
            text=texts[item["id"]],
            lang="zh",
            level=RiskLevel.parse(item["level"]),
            category=Category(item["category"]) if item["category"] else None,
            group=item["group"],
            source="smile",
            who=item["who"],
            role=item["role"],
            when=item["when"],
            held_out=item["split"] == "test",
        )
        for item in lines(CORPUS / "smile_labels.jsonl")
    ]


def ordinary(data: Path) -> list[Row]:
    """Everyday chat, adult abuse, short replies in counselling: no disclosure is among them.

    That is the source's nature, not somebody's reading of every line; `train.py` leaves out what a
    rule finds a danger in.
    """
    rows = [
        Row(message["content"], "zh", RiskLevel.NONE, None, f"lccc-{number}", "lccc")
        for number, item in enumerate(lines(data / FILES[2]))
        for message in item["messages"]
    ]
    rows += [
        Row(item["text"], "zh", RiskLevel.NONE, None, f"cold-{number}", "cold")
        for number, item in enumerate(lines(data / FILES[3]))
        if number % 8 == 0
    ]
    rows += [
        Row(
            item["messages"][0]["content"],
            "en",
            RiskLevel.NONE,
            None,
            f"diasafety-{number}",
            "diasafety",
        )
        for number, item in enumerate(lines(data / FILES[4]))
        if number % 3 == 0 and "Risk Ignorance" not in item["source_label"]
    ]
    replies = {
        message["content"]: number
        for number, item in enumerate(lines(data / FILES[5]))
        for message in item["messages"]
        if message["role"] == "client" and len(message["content"]) <= _SHORT
    }
    rows += [
        Row(text, "zh", RiskLevel.NONE, None, f"cpsycound-{number}", "cpsycound")
        for text, number in replies.items()
    ]
    return [row for row in rows if has_han(row.text) == (row.lang == "zh")]
