"""What cannot be learnt from is refused, with file, line, key and what to do."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_finetune.dialogue import Dialogue
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import FORMATS, read
from qiaoban_finetune.reading import Place
from tests.finetune.formats.samples import RECORDS, array_of, lines_of

Change = Callable[[dict[str, Any]], object]


def _set(*path: Any) -> Change:
    """Set the value at a path; the last one is the value."""
    *keys, last, value = path

    def change(record: dict[str, Any]) -> None:
        node: Any = record
        for key in keys:
            node = node[key]
        node[last] = value

    return change


def _drop(*path: Any) -> Change:
    *keys, last = path

    def change(record: dict[str, Any]) -> None:
        node: Any = record
        for key in keys:
            node = node[key]
        del node[last]

    return change


def _rename(old: str, new: str, *path: Any) -> Change:
    def change(record: dict[str, Any]) -> None:
        node: Any = record
        for key in path:
            node = node[key]
        node[new] = node.pop(old)

    return change


WRONG: list[tuple[str, Change, str]] = [
    # Speakers
    (
        "qiaoban",
        _set("dialog", 1, "speaker", "智能助理"),
        "dialog[1].speaker: '智能助理' is none of",
    ),
    ("qiaoban", _set("dialog", 1, "speaker", "智能助理"), "did you mean '智能助手'?"),
    ("qiaoban", _set("dialog", 0, "speaker", 3), "dialog[0].speaker: is a number; write one of"),
    ("belle", _set("conversations", 0, "from", "人"), "rename the speaker or leave the record"),
    ("openai", _set("messages", 1, "role", "tool"), "messages[1].role: 'tool' is none of user"),
    ("openai", _set("messages", 1, "role", ["user"]), "messages[1].role: is a list; write one"),
    ("smile", _set("messages", 1, "role", "counsellor"), "did you mean 'counselor'?"),
    (
        "qiaoban_input",
        _set("input", "你好。"),
        "input: names no speaker; write 孩子： and 智能助手：",
    ),
    (
        "qiaoban_input",
        _set("input", "孩子：你好。</s>妈妈：好。</s>"),
        "input: turn 2 begins with '妈妈：好。' and not with 孩子： or 智能助手：",
    ),
    # Texts
    ("qiaoban_input", _set("input", "孩子：</s>智能助手：好。"), "input: turn 1 is empty; leave"),
    ("qiaoban_input", _set("input", 3), "input: is a number; write text"),
    ("qiaoban", _set("dialog", 0, "text", ""), "dialog[0].text: is empty; write what was said"),
    ("qiaoban", _set("dialog", 0, "text", " \u3000\n"), "dialog[0].text: is empty"),
    ("belle", _set("conversations", 1, "value", None), "conversations[1].value: is null; write"),
    ("smile", _set("messages", 0, "content", ""), "messages[0].content: is empty"),
    ("alpaca", _set("output", ""), "output: is empty"),
    ("alpaca", _set("history", [["a"]]), "history[0]: is no pair; write [question, answer]"),
    ("alpaca", _set("history", [["a", ""]]), "history[0]: holds an empty text"),
    ("alpaca", _set("history", {}), "history: is an object; write a list of [question, answer]"),
    ("openai", _set("messages", 1, "content", [{"type": "image_url"}]), "content[0]: is no part"),
    # No turn to learn from, and turns out of place
    ("qiaoban", _set("dialog", 1, "speaker", "孩子"), "dialogue '5' has no assistant turn"),
    ("sharegpt", _drop("conversations", 2), "has no assistant turn, nothing can be learnt"),
    ("openai", _set("messages", 0, "role", "assistant"), "messages 1 and 2 are both the assis"),
    ("sharegpt", _set("conversations", 1, "from", "system"), "message 2 is the system's; only"),
    # Types and keys
    ("qiaoban", _rename("speaker", "speeker", "dialog", 0), "did you mean 'speeker'? rename it"),
    ("qiaoban", _drop("dialog", 0, "text"), "dialog[0]: the key 'text' is missing; add it (there"),
    ("qiaoban", _set("dialog", "你好"), "dialog: is text; write a list of messages"),
    ("qiaoban", _set("dialog", []), "dialog: is empty; leave the record out"),
    ("qiaoban", _set("dialog", 0, "你好"), "dialog[0]: is text; write an object of 'speaker'"),
    ("qiaoban", _set("dialog_id", 5.5), "dialog_id: is a number; write text or a whole number"),
    ("qiaoban", _set("dialog_id", True), "dialog_id: is true or false; write text"),
    ("qiaoban", _set("dialog_id", ""), "dialog_id: is empty; name the record or drop the key"),
    ("qiaoban", _set("emotion", 4), "emotion: is a number; write text"),
    ("openai", _set("messages", 0, "emotion", 1), "messages[0].emotion: is a number"),
    ("openai", _set("extra", {"a": 1}), "extra.a: is a number; write text"),
    ("openai", _set("extra", ["a"]), "extra: is a list; write an object of texts"),
    # What would be learnt although it says that it must not be
    ("openai", _set("messages", 1, "weight", 0), "messages[1].weight: every reply of a dialogue"),
    ("openai", _set("messages", 1, "tool_calls", [{}]), "messages[1].tool_calls: a companion"),
    # PsyQA
    ("psyqa", _drop("answers", 0, "answer_text"), "answers[0]: the key 'answer_text' is missing"),
    ("psyqa", _set("answers", 1, "labels_sequence", 0, "type", "Restate"), "mean 'Restatement'?"),
    ("psyqa", _set("answers", 1, "labels_sequence", 1, "start", 3), "3:13 is no part of the 13"),
    ("psyqa", _set("answers", 1, "labels_sequence", 1, "end", 14), "6:14 is no part of the 13"),
    ("psyqa", _set("answers", 1, "labels_sequence", 1, "end", "13"), "no whole numbers 'start'"),
    ("psyqa", _set("answers", 1, "labels_sequence", None), "is null; write a list of spans, or"),
    ("psyqa", _set("answers", 1, "labels_sequence", 0, 3), "labels_sequence[0]: is a number"),
    ("psyqa", _set("answers", []), "answers: is empty"),
    ("psyqa", _set("answers", 0, "x"), "answers[0]: is text; write an object with 'answer_text'"),
    # PICA
    (
        "pica",
        _set("task_type", "dig_clf"),
        "'dig_clf' is none of txt_clf, dia_clf, er_abs, dia_gen",
    ),
    ("pica", _set("task_type", "dig_clf"), "did you mean 'dia_clf'?"),
    ("pica", _set("is_classification", "yes"), "is_classification: is text; write true or false"),
    ("pica", _drop("is_classification"), "the key 'is_classification' is missing"),
    ("pica", _drop("name"), "the key 'name' is missing"),
    ("pica", _set("instances", [{"input": "x"}]), "instances[0]: the key 'output' is missing"),
    ("pica", _set("instances", [{"input": "x", "output": 3}]), "instances[0].output: is a number"),
    ("pica", _set("instances", ["x"]), "instances[0]: is text; write an object of 'input'"),
    ("pica", _set("instances", [{"history": ["a"]}]), "a history, which is dia_gen's and not txt"),
]


@pytest.mark.parametrize(("form", "change", "told"), WRONG, ids=[told[:40] for *_, told in WRONG])
@pytest.mark.parametrize("layout", [lines_of, array_of], ids=["lines", "array"])
def test_a_wrong_record_is_named(
    tmp_path: Path, form: str, change: Change, told: str, layout: Callable[..., Path]
) -> None:
    good: dict[str, Any] = {**RECORDS[form], "id": "good", "dialog_id": "good", "questionID": "g"}
    bad: dict[str, Any] = copy.deepcopy(dict(RECORDS[form]))
    change(bad)
    file = layout(tmp_path / "data.json", good, bad)
    before = len(json.dumps([good], ensure_ascii=False, indent=1).splitlines())
    line = 2 if layout is lines_of else before
    expected = rf"data\.json:{line} \(record 2\): .*{re.escape(told)}"
    with pytest.raises(DataError, match=expected):
        list(read(file, form))


@pytest.mark.parametrize("form", RECORDS)
@pytest.mark.parametrize("value", ["text", 3, None, ["a"]])
def test_a_record_that_is_no_object_is_named(tmp_path: Path, form: str, value: object) -> None:
    file = lines_of(tmp_path / "data.jsonl", RECORDS[form], value)
    with pytest.raises(DataError, match=r"data.jsonl:2 \(record 2\): is .*; a record is an object"):
        list(read(file, form))


def test_an_id_that_stands_twice_is_named_where_it_stands_again(tmp_path: Path) -> None:
    other = {**RECORDS["belle"], "id": "b-2"}
    file = lines_of(tmp_path / "data.jsonl", RECORDS["belle"], other, RECORDS["belle"])
    with pytest.raises(DataError, match=r":3 \(record 3\): the id 'b-1' stands here twice"):
        list(read(file))


def test_an_id_may_not_stand_in_two_files_of_a_folder(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        lines_of(tmp_path / name, RECORDS["belle"])
    with pytest.raises(DataError, match=r"b.jsonl:1 \(record 1\): the id 'b-1'"):
        list(read(tmp_path))


def test_what_is_before_a_wrong_record_is_read(tmp_path: Path) -> None:
    found = read(lines_of(tmp_path / "data.jsonl", RECORDS["belle"], {}), "belle")
    assert next(found).id == "b-1"
    with pytest.raises(DataError, match=r":2 \(record 2\): the key 'conversations' is missing"):
        next(found)


def test_an_unknown_format_and_a_missing_file_are_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no format is called 'openia'.*did you mean 'openai'\?"):
        read(tmp_path / "a.jsonl", "openia")
    with pytest.raises(DataError, match=r"a.jsonl: there is no such file"):
        read(tmp_path / "a.jsonl")
    with pytest.raises(DataError, match=r"holds no data; put .json, .jsonl"):
        read(tmp_path)
    with pytest.raises(DataError, match="turns is 'drop'; write one of refuse, merge, keep"):
        read(tmp_path, turns="drop")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "a", "none"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=3,
)
KEYS = ("id", "extra", "emotion", "weight", "history", "utterance", "system", "role", "messages")


def _nodes(node: Any) -> list[tuple[Any, Any]]:
    """Every place of a record, as what holds it and its key there."""
    inside: list[Any] = (
        list(cast("Any", node)) if isinstance(node, dict) else list(range(len(node)))
    )
    deeper: list[Any] = [node[key] for key in inside if isinstance(node[key], dict | list)]
    return [*((node, key) for key in inside), *(one for each in deeper for one in _nodes(each))]


@pytest.mark.parametrize("form", RECORDS)
@given(data=st.data())
def test_whatever_stands_in_a_record_it_is_read_or_refused(form: str, data: st.DataObject) -> None:
    record: dict[str, Any] = copy.deepcopy(dict(RECORDS[form]))
    for _ in range(data.draw(st.integers(1, 3))):
        nodes = _nodes(record)
        if not nodes:
            break
        holder, key = data.draw(st.sampled_from(nodes))
        if isinstance(holder, dict) and data.draw(st.booleans()):
            key = data.draw(st.sampled_from(KEYS))
        holder[key] = data.draw(anything)
    told, dialogues = "a.jsonl:1 (record 1): ", list[Dialogue]()
    try:
        dialogues = list(FORMATS[form].parse(record, Place(Path("a.jsonl"), 1, 1)))
    except DataError as error:
        told = str(error)
    assert told.startswith("a.jsonl:1 (record 1): ")
    assert all(message.text.strip() for one in dialogues for message in one.messages)
