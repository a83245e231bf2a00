"""Item sets are read strictly, and the shipped ones are whole."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.errors import DataError
from qiaoban_finetune.evaluate.items import (
    TASKS,
    TaskName,
    first_of_each_group,
    item_of,
    load_items,
)
from qiaoban_finetune.evaluate.shipped import LANGUAGES, sets_version, shipped_set
from qiaoban_guards.policy.types import Language
from tests.finetune.evaluate.files import child_safety, dialogue, lines


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"expectd": "benign"}, "'expectd' is not a key of child_safety, did you mean 'expected'?"),
        ({"expected": "alarm"}, "expected: Input should be 'disclosure'"),
        ({"turns": []}, "turns: "),
        ({"turns": [" "]}, "turns.0: "),
        ({"age": 40}, "age: "),
        ({"category": ""}, "`category` is empty for a benign item, and only for one"),
        ({"category": "sadness"}, "category"),
        ({"expected": "benign", "category": ""}, "of a benign item nobody is told"),
    ],
)
def test_a_line_that_is_no_item_is_told_with_file_line_and_key(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    wrong = child_safety(2) | changes
    if "expectd" in changes:
        del wrong["expected"]
    file = lines(tmp_path / "items.jsonl", [child_safety(1), wrong])
    with pytest.raises(DataError) as error:
        load_items("child_safety", file)
    assert str(error.value).startswith(f"{file}:2: ")
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", ":1: not JSON"),
        ("[]", ":1: not a JSON object; its keys are id, group, age, turns"),
        ("\n\n", ": holds no item"),
        (json.dumps(child_safety()) + "\n" + json.dumps(child_safety()), ":2: the id"),
    ],
)
def test_a_file_that_is_no_set_is_refused(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as error:
        load_items("child_safety", file)
    assert str(error.value).startswith(str(file) + told)


def test_a_file_that_is_absent_or_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xe9\xff")
    for name in ("absent", "latin"):
        with pytest.raises(DataError, match="cannot be read"):
            load_items("coaching", tmp_path / name)


def test_a_talk_ends_with_the_child(tmp_path: Path) -> None:
    row = dialogue()
    row["history"] = row["history"][:2]
    with pytest.raises(DataError, match="the last message of `history` is the child's"):
        load_items("dialogue", lines(tmp_path / "d.jsonl", [row]))


def test_a_limit_takes_whole_contrast_groups(tmp_path: Path) -> None:
    rows = [child_safety(n, group=f"g{(n + 1) // 2}") for n in range(1, 9)]
    items = load_items("child_safety", lines(tmp_path / "items.jsonl", rows))
    assert [item.id[-1] for item in first_of_each_group(items, 5)] == ["1", "2", "3", "4"]
    assert len(first_of_each_group(items, 1)) == 2


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shipped_sets_are_whole(task: TaskName, language: Language) -> None:
    items = load_items(task, shipped_set(task, language))
    assert len(items) >= 150
    assert all(item.id.startswith(f"{task}-{language}-") for item in items)
    groups = Counter(item.group for item in items)
    assert sum(count > 1 for count in groups.values()) > len(groups) / 2
    said = Counter(" ".join(item.messages) for item in items)
    assert said.most_common(1)[0][1] == 1
    assert [item_of(task, item.model_dump(mode="json")) for item in items] == list(items)
    assert sets_version().count(".") == 2
