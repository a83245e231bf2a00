"""The counts of a run's data, against what can be counted by hand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_finetune.data_report import Lengths, hashes, lengths_of, report
from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import write
from qiaoban_finetune.mixture import Source

SAID = (Message("system", "好" * 10), Message("user", "好" * 4), Message("assistant", "好"))


def _source(folder: Path) -> Source:
    write(
        [
            Dialogue("a", SAID, emotion="sad", licence="CC0"),
            Dialogue("b", SAID[1:], emotion="sad", task="dia_gen"),
            Dialogue("c", SAID[1:] * 2, emotion="happy"),
        ],
        folder / "data.jsonl",
        "openai",
    )
    return Source(folder / "data.jsonl", share=0.5)


def test_everything_is_counted(tmp_path: Path) -> None:
    steps: list[None] = []
    (found,) = report([_source(tmp_path)], on_dialogue=lambda: steps.append(None)).sources
    assert len(steps) == found.dialogues == 3
    assert found.messages == {"system": 1, "user": 4, "assistant": 4}
    assert found.messages_of_a_dialogue == Lengths(total=9, least=2, median=3, p95=4, most=4)
    assert found.characters_of_a_message == Lengths(total=30, least=1, median=4, p95=10, most=10)
    assert found.licences == {"not told": 2, "CC0": 1}
    assert found.emotions == {"sad": 2, "happy": 1}
    assert found.tasks == {"dia_gen": 1}
    assert (found.form, found.share) == ("auto", 0.5)


def test_files_are_named_by_the_hash_of_their_bytes(tmp_path: Path) -> None:
    source = _source(tmp_path)
    data = source.path.read_bytes()
    (file,) = hashes(tmp_path)
    assert file.path == str(source.path)
    assert (file.bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert report([source]).sources[0].files == (file,)


def test_the_report_is_json_and_a_table(tmp_path: Path) -> None:
    found = report([_source(tmp_path)])
    plain = json.loads(json.dumps(found.as_dict()))
    assert plain["sources"][0]["messages_of_a_dialogue"]["median"] == 3
    assert "3 dialogues of 3 messages (most 4), 1 system, 4 user, 4 assistant" in found.table()


def test_a_source_without_a_licence_is_named(tmp_path: Path) -> None:
    source = _source(tmp_path)
    assert report([source]).without_licence() == [str(source.path)]
    licensed = Source(source.path, licence="CC BY 4.0")
    assert report([licensed]).without_licence() == []


def test_a_wrong_record_stops_the_count(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"messages": 1}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"a.jsonl:1 \(record 1\): messages: is a number"):
        report([Source(tmp_path / "a.jsonl")])


@given(st.lists(st.integers(0, 30), min_size=1))
def test_percentiles_are_the_nearest_rank(values: list[int]) -> None:
    ordered = sorted(values)
    found = lengths_of(values)
    assert (found.least, found.most, found.total) == (ordered[0], ordered[-1], sum(values))
    assert found.median == ordered[(len(ordered) + 1) // 2 - 1]
    assert sum(value <= found.p95 for value in values) >= 0.95 * len(values)
    assert sum(value < found.p95 for value in values) < 0.95 * len(values)
