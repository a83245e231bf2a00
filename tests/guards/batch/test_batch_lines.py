"""One line of JSON in, one out, whatever the line holds."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.batch.lines import (
    LONGEST_LINE,
    Answer,
    Judged,
    MalformedError,
    content,
    judge_line,
    messages_of,
    read_lines,
    role,
    said_by_child,
    string,
)


def echo(record: Mapping[str, Any]) -> Answer:
    """Says back the line's `text`; flags what is not empty, as of its own kind."""
    text = string(record.get("text"), "text")
    if text == "fail":
        raise LookupError("this judge knows no failure")
    return Answer({"echo": text}, flagged=bool(text), kind=text or None)


def line(**record: Any) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass")


def answer(judged: Judged) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(judged.output)
    return read


def test_an_answer_keeps_the_id_and_tells_the_time() -> None:
    judged = judge_line(line(id="a", text="hi", label="x"), 3, echo)
    assert list(answer(judged)) == ["id", "echo", "ms"]
    assert (answer(judged)["id"], answer(judged)["echo"]) == ("a", "hi")
    assert answer(judged)["ms"] >= 0
    assert judged == Judged(3, judged.output, flagged=True, kind="hi", label="x")


def test_without_an_id_none_is_made_up() -> None:
    judged = judge_line(line(text=""), 1, echo)
    assert list(answer(judged)) == ["echo", "ms"]
    assert (judged.flagged, judged.kind, judged.label) == (False, None, None)


@pytest.mark.parametrize(
    ("label", "read"), [([1, 2], "(list)"), ({"kind": "x"}, "(dict)"), (1.5, 1.5), (True, True)]
)
def test_of_a_label_with_parts_only_its_kind_is_kept(label: object, read: object) -> None:
    assert judge_line(line(text="", label=label), 1, echo).label == read


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"{not json", "not JSON at column 2"),
        (b'{"text": "geheim"', "not JSON"),
        (b'{"text": "\xff"}', "not UTF-8"),
        (b'["text"]', "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"text": "' + b"a" * LONGEST_LINE, f"longer than {LONGEST_LINE} bytes"),
        (b'{"text": ["geheim"]}', "text is not a string"),
        (b'{"text": "geheim", "id": [1]}', "id is neither a string nor a number"),
        (b'{"text": "geheim", "id": NaN}', "id is neither a string nor a number"),
        (b'{"text": "geheim", "id": 1e999}', "id is neither a string nor a number"),
        (b'{"text": "fail"}', "the guard failed: LookupError"),
    ],
)
def test_a_line_that_cannot_be_judged_leaves_its_error_and_quotes_nothing(
    text: bytes, problem: str
) -> None:
    judged = judge_line(text, 7, echo)
    assert judged.error is not None
    assert judged.error.startswith(problem)
    assert answer(judged) == {"error": judged.error, "line": 7}
    assert b"geheim" not in judged.output


def test_an_error_keeps_the_id() -> None:
    assert answer(judge_line(line(id="a", text=3), 1, echo))["id"] == "a"


@given(st.binary(max_size=60) | st.text(max_size=30).map(lambda text: line(text=text)))
def test_whatever_comes_in_one_line_of_json_comes_out(text: bytes) -> None:
    judged = judge_line(text, 1, echo)
    assert b"\n" not in judged.output
    assert isinstance(json.loads(judged.output.decode("utf-8")), dict)


def test_half_a_surrogate_pair_comes_out_as_its_escape() -> None:
    judged = judge_line(b'{"id": "\\ud800", "text": "\\ud800"}', 1, echo)
    assert answer(judged)["id"] == "\ud800"


@pytest.mark.parametrize("ends", ["\n", ""])
def test_of_a_line_without_end_only_the_beginning_is_held(ends: str) -> None:
    long = b"x" * (3 * LONGEST_LINE) + ends.encode()
    read = list(read_lines(io.BytesIO(b"first\n" + long + (b"last" if ends else b""))))
    assert [len(one) for one in read] == [6, LONGEST_LINE + 1, *([4] if ends else [])]
    just_fits = b"y" * (LONGEST_LINE - 1) + b"\n"
    assert list(read_lines(io.BytesIO(just_fits + b"next\n"))) == [just_fits, b"next\n"]


def test_of_a_conversation_what_the_child_said_latest_is_found() -> None:
    messages = [
        {"role": role_, "content": text}
        for role_, text in [
            ("user", "one"),
            ("assistant", None),
            ("Child", "two"),
            ("system", "no"),
            ("user", "three"),
            ("assistant", "answer"),
        ]
    ]
    assert messages_of({"messages": messages}) == messages
    assert (role(messages, 2), content(messages, 5)) == ("child", "answer")
    assert said_by_child(messages, 5, 10) == ["one", "two", "three"]
    assert said_by_child(messages, 5, 2) == ["two", "three"]
    assert said_by_child(messages, 4, 10) == ["one", "two"]


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        (None, "messages is not a list"),
        ([], "messages is not a list"),
        ("geheim", "messages is not a list"),
        (["geheim"], r"messages\[0\] is not an object"),
        ([{"content": "x"}], r"messages\[0\].role is not a string"),
        ([{"role": "user"}], r"messages\[0\].content is not a string"),
    ],
)
def test_what_is_no_conversation_is_told(messages: object, problem: str) -> None:
    with pytest.raises(MalformedError, match=problem):
        said_by_child(messages_of({"messages": messages}), 1, 1)
