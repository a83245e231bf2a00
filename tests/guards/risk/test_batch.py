"""Judging lines of JSON: one answer a line, in order, whatever the line holds."""

from __future__ import annotations

import io
import itertools
import json
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.risk import Category, Finding, Risk, RiskLevel, batch
from qiaoban_guards.risk.batch import Judged, judge, judge_lines, read_lines
from qiaoban_guards.risk.lines import CONTEXT, LONGEST_LINE
from qiaoban_guards.text import Text

KEYS = ["id", "level", "flagged", "category", "scores", "findings", "ms"]
FINDING = ["category", "level", "who", "role", "when", "span", "start", "end", "source"]


class Echo:
    """Finds the level that a message names, as abuse; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, frozenset[Category]]] = []

    def assess(self, text: Text, open_: Collection[Category] = ()) -> Risk:
        self.asked.append((text.original, frozenset(open_)))
        if text.original == "fail":
            raise LookupError("this guard knows no failure")
        named = {level.label: level for level in RiskLevel}
        level = named.get(text.original, RiskLevel.NONE)
        finding = Finding(category=Category.ABUSE, level=level, source="echo")
        return Risk.of([finding] if level else [], {Category.ABUSE: 0.123456})


def line(**record: Any) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass")


def said(*messages: tuple[str, str]) -> bytes:
    return line(messages=[{"role": role, "content": content} for role, content in messages])


def answer(judged: Judged) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(judged.output)
    return read


def echoed(text: bytes, flag_from: RiskLevel = RiskLevel.MODERATE) -> tuple[Judged, Echo]:
    echo = Echo()
    return judge(text, 7, echo, flag_from), echo


def test_the_shipped_guard_flags_a_disclosure_and_nothing_else() -> None:
    lines = [line(id="a", text="我想自杀", label="unsafe"), line(id=2, text="今天吃了西瓜")]
    grave, harmless = judge_lines(lines)
    assert list(answer(grave)) == KEYS
    assert (grave.flagged, grave.category, grave.label) == (True, Category.SELF_HARM, "unsafe")
    first = answer(grave)["findings"][0]
    assert list(first) == FINDING
    assert "我想自杀"[first["start"] : first["end"]] == first["span"]
    assert set(answer(grave)["scores"]) == {str(category) for category in Category}
    assert (harmless.flagged, harmless.label, harmless.error) == (False, None, None)
    assert (answer(harmless)["id"], answer(harmless)["flagged"]) == (2, False)


@pytest.mark.parametrize("level", list(RiskLevel)[1:])
@pytest.mark.parametrize("flag_from", list(RiskLevel)[1:])
def test_a_message_is_flagged_from_a_level_on(level: RiskLevel, flag_from: RiskLevel) -> None:
    judged, _ = echoed(line(text=level.label), flag_from)
    assert judged.flagged is (level >= flag_from)
    assert answer(judged)["level"] == level.label
    assert answer(judged)["category"] == "abuse"
    assert answer(judged)["scores"] == {"abuse": 0.1235}
    assert "id" not in answer(judged)


@pytest.mark.parametrize("role", ["user", "assistant", "system", "anything"])
def test_the_last_message_is_judged_whatever_its_role(role: str) -> None:
    judged, _ = echoed(said(("user", "hello"), (role, "high")))
    assert judged.flagged


def test_grave_words_of_the_child_open_a_danger_and_no_others() -> None:
    for role, word, opened in [
        ("user", "high", True),
        ("Child", "imminent", True),
        ("user", "moderate", False),
        ("assistant", "imminent", False),
    ]:
        _, echo = echoed(said((role, word), ("user", "between"), ("user", "last")))
        expected = frozenset({Category.ABUSE} if opened else ())
        assert {known for text, known in echo.asked if text == "last"} == {expected}


def test_a_long_conversation_costs_no_more_than_a_short_one() -> None:
    long = "this is too long to be a piece of a thought"
    _, echo = echoed(said(*[("user", f"{long} {n}") for n in range(1000)], ("assistant", "last")))
    assert [text for text, _ in echo.asked] == [
        *(f"{long} {n}" for n in range(1000 - CONTEXT, 1000)),
        "last",
    ]


def test_short_messages_of_a_child_are_read_with_the_one_before() -> None:
    _, echo = echoed(said(("user", "i want"), ("user", "to die")))
    assert [text for text, _ in echo.asked] == ["i want", "to die", "i want to die"]


def test_an_assistants_empty_turn_in_the_middle_is_no_fault() -> None:
    messages = [{"role": "assistant", "content": None}, {"role": "user", "content": "high"}]
    assert echoed(line(messages=messages))[0].flagged


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"{not json", "not JSON at column 2"),
        (b'{"text": "geheim"', "not JSON"),
        (b'{"text": "\xff"}', "not UTF-8"),
        (b'["text"]', "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"text": "' + b"a" * LONGEST_LINE, f"longer than {LONGEST_LINE} bytes"),
        (b"{}", "neither text nor messages"),
        (b'{"text": null}', "neither text nor messages"),
        (b'{"text": 3}', "text is not a string"),
        (b'{"text": ["geheim"]}', "text is not a string"),
        (b'{"text": "geheim", "messages": []}', "both text and messages"),
        (b'{"messages": []}', "messages is not a list with something in it"),
        (b'{"messages": "geheim"}', "messages is not a list with something in it"),
        (b'{"messages": ["geheim"]}', "messages[0] is not an object"),
        (b'{"messages": [{"role": "user"}]}', "messages[0].content is not a string"),
        (b'{"messages": [{"content": "x"}, {"content": "x"}]}', "messages[0].role is not a string"),
        (b'{"text": "geheim", "id": [1]}', "id is neither a string nor a number"),
        (b'{"text": "geheim", "id": NaN}', "id is neither a string nor a number"),
        (b'{"text": "geheim", "id": 1e999}', "id is neither a string nor a number"),
        (b'{"text": "fail"}', "the guard failed: LookupError"),
    ],
)
def test_a_line_that_cannot_be_judged_leaves_its_error_and_quotes_nothing(
    text: bytes, problem: str
) -> None:
    judged, _ = echoed(text)
    assert judged.error is not None
    assert judged.error.startswith(problem)
    assert answer(judged) == {"error": judged.error, "line": 7}
    assert b"geheim" not in judged.output


def test_an_error_keeps_the_id() -> None:
    assert answer(echoed(line(id="a", text=3))[0])["id"] == "a"


@given(st.binary(max_size=60) | st.text(max_size=30).map(lambda text: line(text=text)))
def test_whatever_comes_in_one_line_of_json_comes_out(text: bytes) -> None:
    judged, _ = echoed(text)
    assert b"\n" not in judged.output
    assert isinstance(json.loads(judged.output.decode("utf-8")), dict)


def test_half_a_surrogate_pair_comes_out_as_its_escape() -> None:
    judged, _ = echoed(b'{"id": "\\ud800", "text": "\\ud800"}')
    assert answer(judged)["id"] == "\ud800"


def test_blank_lines_are_counted_and_passed_over() -> None:
    lines = ["\ufeff".encode() + line(text="high"), b"\n", b"  \r\n", b"nothing\n"]
    assert [(one.number, one.error is None) for one in judge_lines(lines, guard=Echo)] == [
        (1, True),
        (4, False),
    ]


def test_what_hides_behind_a_long_blank_is_reported() -> None:
    stream = io.BytesIO(b" " * (LONGEST_LINE + 5) + line(text="high"))
    assert [one.error for one in judge_lines(read_lines(stream), guard=Echo)] == [
        f"longer than {LONGEST_LINE} bytes"
    ]


@pytest.mark.parametrize("ends", ["\n", ""])
def test_of_a_line_without_end_only_the_beginning_is_held(ends: str) -> None:
    long = b"x" * (3 * LONGEST_LINE) + ends.encode()
    read = list(read_lines(io.BytesIO(b"first\n" + long + (b"last" if ends else b""))))
    assert [len(one) for one in read] == [6, LONGEST_LINE + 1, *([4] if ends else [])]
    just_fits = b"y" * (LONGEST_LINE - 1) + b"\n"
    assert list(read_lines(io.BytesIO(just_fits + b"next\n"))) == [just_fits, b"next\n"]


def without_time(judged: Judged) -> dict[str, Any]:
    return {key: value for key, value in answer(judged).items() if key != "ms"}


@pytest.mark.slow
def test_more_processes_change_nothing_but_the_time() -> None:
    words = ("我想自杀", "今天吃了西瓜", "hello", 3)
    lines = [line(id=n, text=words[n % 4], label=n) for n in range(300)]
    alone, shared = list(judge_lines(lines)), list(judge_lines(lines, jobs=2))
    assert [one.number for one in shared] == list(range(1, 301))
    assert [without_time(one) for one in shared] == [without_time(one) for one in alone]
    assert [one[2:] for one in shared] == [one[2:] for one in alone]


@pytest.mark.slow
def test_an_endless_input_is_read_only_as_far_as_needed_and_can_be_left() -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        for number in itertools.count():
            read += 1
            yield line(id=number, text="今天吃了西瓜")

    judged = judge_lines(endless(), jobs=2)
    assert [answer(one)["id"] for one in itertools.islice(judged, 1000)] == list(range(1000))
    assert read < 2000
    began = time.monotonic()
    judged.close()
    assert time.monotonic() - began < 10


def test_a_handful_of_lines_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> Callable[..., Any]:
        raise AssertionError("a process was started")

    monkeypatch.setattr(batch, "ProcessPoolExecutor", never)
    lines = [line(text="high")] * 5
    assert [one.flagged for one in judge_lines(lines, jobs=8, guard=Echo)] == [True] * 5
