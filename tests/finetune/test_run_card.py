"""The card of a run tells what it was made of, and is whole whenever it is read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune import run_card
from qiaoban_finetune.config import SourceConfig
from qiaoban_finetune.errors import DataError, TrainingError
from tests.finetune.runs import configured


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"some\n")
    return file


@pytest.fixture
def card(tmp_path: Path, file: Path) -> dict[str, Any]:
    pytest.importorskip("torch")
    config = configured(tmp_path, file)
    return run_card.begun(config, {"files": run_card.data_facts(config)}, {"steps": 3})


def test_a_file_is_known_by_its_content(file: Path) -> None:
    told = run_card.source_facts(SourceConfig(path=file, licence="CC-BY-4.0"))
    assert told["sha256"] == hashlib.sha256(b"some\n").hexdigest()
    assert (told["bytes"], told["licence"]) == (5, "CC-BY-4.0")


def test_a_folder_is_known_by_all_of_its_files(tmp_path: Path, file: Path) -> None:
    before = run_card.source_facts(SourceConfig(path=tmp_path))["sha256"]
    (tmp_path / "b.jsonl").write_bytes(b"more\n")
    assert run_card.source_facts(SourceConfig(path=tmp_path))["sha256"] != before


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.jsonl: there is no such file"):
        run_card.source_facts(SourceConfig(path=tmp_path / "absent.jsonl"))


def test_every_kind_of_data_is_on_the_card(tmp_path: Path, file: Path) -> None:
    data = {"validation": [{"path": str(file), "licence": "MIT"}]}
    told = run_card.data_facts(configured(tmp_path, file, data=data))
    assert [(each["use"], each["licence"]) for each in told] == [
        ("train", "CC0-1.0"),
        ("validation", "MIT"),
    ]
    preferring = configured(
        tmp_path,
        file,
        model={"random": None},
        data={"train": []},
        preference={"pairs": [str(file)], "licence": "CC0-1.0"},
    )
    (one,) = run_card.data_facts(preferring)
    assert (one["use"], one["path"], one["licence"]) == ("preference", str(file), "CC0-1.0")


@pytest.mark.models
def test_what_is_written_is_read_again(tmp_path: Path, card: dict[str, Any]) -> None:
    assert run_card.read_card(tmp_path) is None
    run_card.write_card(tmp_path, card)
    assert run_card.read_card(tmp_path) == card
    done = run_card.ended(card, "finished", {"training loss, last": 0.5})
    run_card.write_card(tmp_path, done)
    assert run_card.read_card(tmp_path) == done
    assert done["numbers"] == {"steps": 3, "training loss, last": 0.5}
    assert {file.name for file in tmp_path.iterdir()} == {
        "a.jsonl",
        "run_card.json",
        "run_card.md",
    }


@pytest.mark.models
def test_a_person_reads_data_versions_and_configuration(card: dict[str, Any]) -> None:
    text = run_card.as_text({**card, "code": {"commit": "abc", "changed": True}})
    for told in ("a.jsonl", "CC0-1.0", "- torch: ", "- commit: abc", '"learning_rate": 0.003'):
        assert told in text


@pytest.mark.models
def test_the_code_is_known_by_its_commit() -> None:
    told = run_card.code()
    if not told:
        pytest.skip("this copy is not in git")
    assert len(told["commit"]) == 40


@pytest.mark.models
def test_a_card_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, card: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_card.write_card(tmp_path, card)
    monkeypatch.setattr("os.fsync", _full)
    with pytest.raises(TrainingError, match=r"run_card\.json cannot be written: No space left"):
        run_card.write_card(tmp_path, run_card.ended(card, "finished", {}))
    assert run_card.read_card(tmp_path) == card
    assert not list(tmp_path.glob(".*"))


def _full(_opened: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_card_that_is_damaged_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run_card.json").write_text("{")
    with pytest.raises(TrainingError, match=r"run_card\.json cannot be read"):
        run_card.read_card(tmp_path)
