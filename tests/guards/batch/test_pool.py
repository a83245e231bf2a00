"""Judging lines of JSON: one answer a line, in order, on one core or on several."""

from __future__ import annotations

import io
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pytest

from qiaoban_guards.batch import pool
from qiaoban_guards.batch.lines import LONGEST_LINE, Answer, Judged, LineJudge, read_lines
from qiaoban_guards.batch.pool import judge_lines
from qiaoban_guards.risk.lines import judge_messages
from qiaoban_guards.risk.taxonomy import RiskLevel


def flag_everything() -> LineJudge:
    def judge(record: Mapping[str, Any]) -> Answer:
        return Answer(record, flagged=True, kind=None)

    return judge


def line(**record: Any) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode()


def answer(judged: Judged) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(judged.output)
    return read


def without_time(judged: Judged) -> dict[str, Any]:
    return {key: value for key, value in answer(judged).items() if key != "ms"}


def test_blank_lines_are_counted_and_passed_over() -> None:
    lines = ["\ufeff".encode() + line(text="high"), b"\n", b"  \r\n", b"nothing\n"]
    assert [(one.number, one.error is None) for one in judge_lines(lines, flag_everything)] == [
        (1, True),
        (4, False),
    ]


def test_what_hides_behind_a_long_blank_is_reported() -> None:
    stream = io.BytesIO(b" " * (LONGEST_LINE + 5) + line(text="high"))
    assert [one.error for one in judge_lines(read_lines(stream), flag_everything)] == [
        f"longer than {LONGEST_LINE} bytes"
    ]


@pytest.mark.slow
def test_more_processes_change_nothing_but_the_time() -> None:
    words = ("我想自杀", "今天吃了西瓜", "hello", 3)
    lines = [line(id=n, text=words[n % 4], label=n) for n in range(300)]
    make = partial(judge_messages, RiskLevel.HIGH)
    alone, shared = list(judge_lines(lines, make)), list(judge_lines(lines, make, jobs=2))
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

    judged = judge_lines(endless(), judge_messages, jobs=2)
    assert [answer(one)["id"] for one in itertools.islice(judged, 1000)] == list(range(1000))
    assert read < 2000
    began = time.monotonic()
    judged.close()
    assert time.monotonic() - began < 10


def test_a_handful_of_lines_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> Callable[..., Any]:
        raise AssertionError("a process was started")

    monkeypatch.setattr(pool, "ProcessPoolExecutor", never)
    lines = [line(text="high")] * 5
    assert [one.flagged for one in judge_lines(lines, flag_everything, jobs=8)] == [True] * 5


def test_the_judge_is_made_once() -> None:
    made: list[int] = []

    def make() -> LineJudge:
        made.append(1)
        return flag_everything()

    assert len(list(judge_lines([line(text="x")] * 100, make))) == 100
    assert len(made) == 1
