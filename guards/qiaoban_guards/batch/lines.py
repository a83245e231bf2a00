"""One line of JSON in, one out; what every judge of lines shares.

A line is an object. What a judge wants of it beside `id` and `label` is the judge's own affair.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import IO, Any, NamedTuple, TypeAlias, cast

LONGEST_LINE = 1 << 20
"""Bytes from which on a line is not read but reported."""
CHILD_ROLES = ("user", "child")


class Answer(NamedTuple):
    """What a judge says of one line: `fields` to write, and what is measured.

    `flagged` is whether it is a danger, or does harm; `kind` which, None where no kind is known.
    """

    fields: Mapping[str, Any]
    flagged: bool
    kind: str | None


LineJudge: TypeAlias = Callable[[Mapping[str, Any]], Answer]
"""Answers the object of one line; raises MalformedError where there is no answer."""


class Judged(NamedTuple):
    """What became of one line; what it was is not carried along.

    `number` counts from 1, blank lines too. `output` is the line of JSON to write, without its
    end. `flagged` and `kind` are the answer's. `label` is the input's own, None where it has none.
    `error` tells why the line was not judged; the rest is then without meaning.
    """

    number: int
    output: bytes
    flagged: bool = False
    kind: str | None = None
    label: object = None
    error: str | None = None


class MalformedError(ValueError):
    """A line that cannot be judged; the text says why and quotes nothing."""


def read_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a stream; of one beyond LONGEST_LINE only its beginning is kept."""
    while line := stream.readline(LONGEST_LINE + 1):
        rest = line
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE + 1)
        yield line


def judge_line(line: bytes, number: int, judge: LineJudge) -> Judged:
    """Judge one line; `number` is only carried along. A judge that fails leaves an error too."""
    began = perf_counter()
    kept: dict[str, Any] = {}
    try:
        record = _parse(line)
        kept = _identity(record)
        answer = judge(record)
    except MalformedError as error:
        return _refused(number, kept, str(error))
    except Exception as error:  # what one line does to a guard must not cost the others
        return _refused(number, kept, f"the guard failed: {type(error).__name__}")
    took = round((perf_counter() - began) * 1000, 3)
    output = _as_json({**kept, **answer.fields, "ms": took})
    return Judged(number, output, answer.flagged, answer.kind, _label(record))


def messages_of(record: Mapping[str, Any]) -> Sequence[Any]:
    """The line's `messages`; what each of them is has still to be looked at."""
    messages = record.get("messages")
    if not isinstance(messages, list) or not messages:
        raise MalformedError("messages is not a list with something in it")
    return cast("list[Any]", messages)


def role(messages: Sequence[Any], place: int) -> str:
    """The role of one message, in lower case."""
    return string(_message(messages, place).get("role"), f"messages[{place}].role").lower()


def content(messages: Sequence[Any], place: int) -> str:
    """The text of one message."""
    return string(_message(messages, place).get("content"), f"messages[{place}].content")


def said_by_child(messages: Sequence[Any], end: int, most: int) -> list[str]:
    """What the child said latest before `messages[end]`, oldest first, `most` messages of it."""
    said: list[str] = []
    for place in reversed(range(end)):
        if len(said) >= most:
            break
        if role(messages, place) in CHILD_ROLES:
            said.append(content(messages, place))
    return said[::-1]


def string(value: object, name: str) -> str:
    """The value, if it is a string."""
    if not isinstance(value, str):
        raise MalformedError(f"{name} is not a string")
    return value


def _message(messages: Sequence[Any], place: int) -> Mapping[str, Any]:
    message = messages[place]
    if not isinstance(message, dict):
        raise MalformedError(f"messages[{place}] is not an object")
    return cast("Mapping[str, Any]", message)


def _refused(number: int, kept: Mapping[str, Any], problem: str) -> Judged:
    return Judged(number, _as_json({**kept, "error": problem, "line": number}), error=problem)


def _as_json(answer: Mapping[str, Any]) -> bytes:
    text = json.dumps(answer, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")  # half a surrogate pair becomes its JSON escape


def _parse(line: bytes) -> Mapping[str, Any]:
    if len(line) > LONGEST_LINE:
        raise MalformedError(f"longer than {LONGEST_LINE} bytes")
    try:
        record: object = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise MalformedError("not UTF-8") from error
    except (ValueError, RecursionError) as error:
        where = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise MalformedError(f"not JSON{where}") from error
    if not isinstance(record, dict):
        raise MalformedError("not a JSON object")
    return cast("Mapping[str, Any]", record)


def _identity(record: Mapping[str, Any]) -> dict[str, Any]:
    if "id" not in record:
        return {}
    identity = record["id"]
    finite = not isinstance(identity, float) or math.isfinite(identity)
    if isinstance(identity, (str, int, float, type(None))) and finite:
        return {"id": identity}
    raise MalformedError("id is neither a string nor a number")


def _label(record: Mapping[str, Any]) -> object:
    """The label; of one that has parts, its kind is enough to report it."""
    label: object = record.get("label")
    plain = label is None or isinstance(label, (str, int, float))
    return label if plain else f"({type(label).__name__})"
