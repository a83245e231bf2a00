"""PICA's multi-task format: five tasks, exact in both directions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import read, write
from qiaoban_finetune.formats.pica import TASKS
from tests.finetune.formats.samples import ASKED, RECORDS, TOLD, lines_of

GENERATED: dict[str, Any] = {
    "task_type": "dia_gen",
    "dataset": "ESConv",
    "instruction": "Answer with empathy.",
    "instances": [
        {
            "history": ["Hello.", "Hi, how are you?", "I lost my dog."],
            "utterance": "That must hurt.",
            "personas": "none",
            "situation": "a lost dog",
            "emotion": "sadness",
            "act": "Reflection of feelings",
        }
    ],
    "is_classification": False,
    "name": "ESConv-generation",
}

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
given_or_none = st.just("none") | texts
plain = st.fixed_dictionaries({"input": texts, "output": texts})
generated = st.fixed_dictionaries(
    {
        "history": st.lists(texts, min_size=1, max_size=4),
        "utterance": texts,
        "personas": given_or_none,
        "situation": given_or_none,
        "emotion": given_or_none,
        "act": given_or_none,
    }
)


@st.composite
def pica_records(draw: st.DrawFn) -> dict[str, Any]:
    task = draw(st.sampled_from(sorted(TASKS)))
    dataset = draw(st.sampled_from(["", "meld", "ESConv-act"]))
    usual = f"{dataset}-{TASKS[task]}"
    return {
        "task_type": task,
        "dataset": dataset,
        "instruction": draw(st.just("") | texts),
        "instances": draw(
            st.lists(plain | generated if task == "dia_gen" else plain, min_size=1, max_size=3)
        ),
        "is_classification": draw(st.booleans()),
        "name": draw(st.sampled_from([usual, "", "of its own"])),
    }


@given(records=st.lists(pica_records(), min_size=1, max_size=4))
def test_records_are_written_as_they_were_read(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("pica")
    first = lines_of(folder / "train.jsonl", *records)
    (folder / "again").mkdir()
    second = folder / "again" / "train.jsonl"
    dialogues = list(read(first, "pica", turns="keep"))
    assert len(dialogues) == sum(len(record["instances"]) for record in records)
    assert write(dialogues, second, "pica") == len(dialogues)
    again = [json.loads(line) for line in second.read_text(encoding="utf-8").split("\n") if line]
    assert again == records
    renamed = folder / "other.jsonl"
    write(dialogues, renamed, "pica")
    assert list(read(renamed, turns="keep")) == dialogues


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_an_instruction_an_input_and_an_output(tmp_path: Path, task: str) -> None:
    record = {**RECORDS["pica"], "task_type": task, "name": "n"}
    (dialogue,) = read(lines_of(tmp_path / "a.jsonl", record))
    said = [(message.role, message.text) for message in dialogue.messages]
    assert said == [("system", "Which emotion is it?"), ("user", ASKED.text), ("assistant", "sad")]
    assert (dialogue.task, dialogue.source) == (task, "toy")


def test_a_generated_reply_is_told_the_situation_and_not_its_own_emotion(tmp_path: Path) -> None:
    (dialogue,) = read(lines_of(tmp_path / "a.jsonl", GENERATED))
    assert dialogue.messages == (
        Message("system", "Answer with empathy.\nsituation: a lost dog"),
        Message("user", "Hello."),
        Message("assistant", "Hi, how are you?"),
        Message("user", "I lost my dog."),
        Message("assistant", "That must hurt.", "sadness", "Reflection of feelings"),
    )


def test_who_speaks_is_counted_back_from_the_reply(tmp_path: Path) -> None:
    instance = {**GENERATED["instances"][0], "history": ["Hi, how are you?", "I lost my dog."]}
    (dialogue,) = read(lines_of(tmp_path / "a.jsonl", {**GENERATED, "instances": [instance]}))
    assert [m.role for m in dialogue.messages] == ["system", "assistant", "user", "assistant"]


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("history", [], "instances[0].history: is no list of what was said before"),
        ("history", "Hello.", "instances[0].history: is no list"),
        ("history", ["Hello.", ""], "instances[0].history[1]: is text; write what was said"),
        ("utterance", " ", "instances[0].utterance: is empty"),
        ("act", None, "instances[0].act: is null; write text"),
    ],
)
def test_a_wrong_conversation_is_named(tmp_path: Path, key: str, value: object, told: str) -> None:
    record = {**GENERATED, "instances": [{**GENERATED["instances"][0], key: value}]}
    with pytest.raises(DataError) as caught:
        list(read(lines_of(tmp_path / "a.jsonl", record)))
    assert told in str(caught.value)


def test_dialogues_of_another_set_become_replies_to_generate(tmp_path: Path) -> None:
    told = Dialogue("5", (ASKED, TOLD, ASKED, TOLD), emotion="sad", topic="积木")
    given_ = replace(told, task="dia_gen", source="QiaoBan")
    write([given_], tmp_path / "a.jsonl", "pica")
    (record,) = map(json.loads, (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines())
    assert record["name"] == "QiaoBan-generation"
    assert record["instances"][0]["history"] == [ASKED.text, TOLD.text, ASKED.text]
    assert list(read(tmp_path / "a.jsonl")) == [given_]
