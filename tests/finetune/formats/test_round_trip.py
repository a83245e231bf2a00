"""What is written reads back the same, or is refused."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import FORMATS, read, write
from tests.finetune.formats.samples import ASKED, COACH, DIALOGUES, TOLD

WRITABLE = sorted(name for name, form in FORMATS.items() if form.dump)
WITH_SYSTEM = {"openai", "sharegpt", "smile"}

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
notes = st.just("") | texts
pairs = st.tuples(st.text(st.characters(exclude_categories=["Cs"])), texts)


@st.composite
def dialogues(draw: st.DrawFn, name: str) -> list[Dialogue]:
    """Dialogues of which the format can carry all."""
    found: list[Dialogue] = []
    for number in range(draw(st.integers(1, 3))):
        first = draw(st.sampled_from(["user", "assistant"]))
        count = draw(st.integers(1 if first == "assistant" else 2, 5))
        messages = [
            Message(
                "user" if (first == "user") == (turn % 2 == 0) else "assistant",
                draw(texts),
                draw(notes),
                draw(notes),
            )
            for turn in range(count)
        ]
        if name in WITH_SYSTEM and draw(st.booleans()):
            messages.insert(0, Message("system", draw(texts)))
        extra = dict(draw(st.lists(pairs, max_size=2)))
        found.append(
            Dialogue(
                draw(st.sampled_from([f"{number}", f"n{number}", f"0{number}", f"-{number}"])),
                tuple(messages),
                *(draw(notes), draw(notes), draw(notes), draw(notes), draw(notes)),
                tuple(extra.items()),
            )
        )
    return found


@pytest.mark.parametrize("name", [name for name in WRITABLE if name != "pica"])
@given(data=st.data())
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    given_ = data.draw(dialogues(name))
    suffix = data.draw(st.sampled_from(["", ".gz"]))
    file = tmp_path_factory.mktemp("trip") / f"data.json{suffix}"
    assert write(given_, file, name) == len(given_)
    assert list(read(file, name)) == given_
    assert list(read(file)) == given_
    assert (file.read_bytes()[:2] == b"\x1f\x8b") == bool(suffix)


def test_the_formats_that_the_reader_can_write() -> None:
    assert {"qiaoban", "openai", "pica"} <= set(WRITABLE)


@pytest.mark.parametrize("name", WRITABLE)
def test_a_sample_is_written_as_its_format_has_it(tmp_path: Path, name: str) -> None:
    file = tmp_path / "data.jsonl"
    write(DIALOGUES[name], file, name)
    assert list(read(file)) == DIALOGUES[name]


def test_qiaobans_own_file_is_written_as_it_was(tmp_path: Path, shared: Path) -> None:
    original = shared / "data/qiaoban_child_chat_20.json"
    written = tmp_path / "again.json"
    assert write(read(original, turns="keep"), written, "qiaoban") == 20
    assert json.loads(written.read_text(encoding="utf-8")) == json.loads(
        original.read_text(encoding="utf-8")
    )


def test_psyqa_with_its_strategies_can_be_kept_as_openai(tmp_path: Path, shared: Path) -> None:
    read_first = list(read(shared / "data/psyqa_example_100.json"))
    write(read_first, tmp_path / "a.jsonl", "openai")
    assert list(read(tmp_path / "a.jsonl")) == read_first


LOST: list[tuple[str, str, Dialogue]] = [
    (
        "belle",
        "has a system message, which this format lacks; write openai",
        Dialogue("x", (Message("system", "s"), ASKED, TOLD)),
    ),
    ("openai", "messages[1].content: is empty", Dialogue("x", (ASKED, Message("assistant", "")))),
    ("openai", "has no assistant turn", Dialogue("x", (ASKED,))),
    ("openai", "id: is empty", Dialogue("", (ASKED, TOLD))),
    ("pica", "its task '' is none of txt_clf, dia_clf", Dialogue("x", (ASKED, TOLD))),
    (
        "pica",
        "pica cannot carry its messages as they are; write openai",
        Dialogue("x", (ASKED, TOLD, ASKED), task="dia_gen"),
    ),
    (
        "pica",
        "pica cannot carry its messages as they are",
        Dialogue("x", (ASKED, replace(TOLD, strategy="label")), task="txt_clf"),
    ),
    (
        "pica",
        "pica cannot carry its extra as they are",
        Dialogue("x", (ASKED, TOLD), task="txt_clf", extra=(("own", "key"),)),
    ),
]


@pytest.mark.parametrize(("name", "told", "dialogue"), LOST, ids=[told for _, told, _ in LOST])
def test_what_a_format_would_lose_is_refused(
    tmp_path: Path, name: str, told: str, dialogue: Dialogue
) -> None:
    with pytest.raises(DataError) as caught:
        write([dialogue], tmp_path / "data.json", name)
    assert told in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["alpaca", "psyqa", "opnai"])
def test_formats_that_are_only_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"'{name}' cannot be written; write one of .*openai"):
        write(DIALOGUES["openai"], tmp_path / "a.jsonl", name)


def test_nothing_to_write_and_the_same_id_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no dialogues to write"):
        write([], tmp_path / "a.jsonl", "openai")
    with pytest.raises(DataError, match=r"two dialogues have the id 'data.jsonl:1'"):
        write([*DIALOGUES["openai"]] * 2, tmp_path / "a.jsonl", "openai")


def test_an_older_file_stays_until_all_is_written(tmp_path: Path) -> None:
    def failing() -> Iterator[Dialogue]:
        yield from DIALOGUES["belle"]
        raise DataError("the source ends here")

    file = tmp_path / "data.jsonl"
    write(DIALOGUES["openai"], file, "openai")
    before = file.read_bytes()
    with pytest.raises(DataError, match="the source ends here"):
        write(failing(), file, "openai")
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_is_told_and_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    file = tmp_path / "data.jsonl"
    write(DIALOGUES["openai"], file, "openai")
    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"data.jsonl: cannot be written .*No space left"):
        write(DIALOGUES["belle"], file, "openai")
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_the_same_dialogues_are_the_same_bytes_when_packed(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.jsonl.gz", "b.jsonl.gz")]
    for file in files:
        write([Dialogue("x", (ASKED, TOLD))], file, "openai")
    assert files[0].read_bytes() == files[1].read_bytes()
    record: dict[str, Any] = json.loads(gzip.decompress(files[0].read_bytes()))
    assert record["messages"][1] == {"role": "assistant", "content": COACH}
