"""Judging one line of JSON.

A line is an object with `text`, or with `messages` (a list of {role, content}), of which the last
is judged whatever its role. What the child said before it opens dangers: categories found at high
or above in the last CONTEXT messages of role `user` or `child`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, NamedTuple, cast

from qiaoban_guards.risk.fragments import Guard, assess_after
from qiaoban_guards.risk.taxonomy import Category, Risk, RiskLevel
from qiaoban_guards.text import normalise

LONGEST_LINE = 1 << 20
"""Bytes from which on a line is not read but reported."""
CONTEXT = 12
"""How many of the child's earlier messages are read, so that a line costs no more than so much."""
CHILD_ROLES = ("user", "child")


class Judged(NamedTuple):
    """What became of one line; what it was is not carried along.

    `number` counts from 1, blank lines too. `output` is the line of JSON to write, without its
    end. `category` is that of the gravest finding. `label` is the input's own, None where it has
    none. `error` tells why the line was not judged; the rest is then without meaning.
    """

    number: int
    output: bytes
    flagged: bool = False
    category: Category | None = None
    label: object = None
    error: str | None = None


class _MalformedError(ValueError):
    """A line that cannot be judged; the text says why and quotes nothing."""


def judge(line: bytes, number: int, guard: Guard, flag_from: RiskLevel) -> Judged:
    """Judge one line; `number` is only carried along."""
    began = perf_counter()
    kept: dict[str, Any] = {}
    try:
        record = _parse(line)
        kept = _identity(record)
        risk = _assess(record, guard)
    except _MalformedError as error:
        return _refused(number, kept, str(error))
    except Exception as error:  # what one line does to a guard must not cost the others
        return _refused(number, kept, f"the guard failed: {type(error).__name__}")
    category = risk.findings[0].category if risk.findings else None
    flagged = risk.level >= flag_from
    answer = {
        **kept,
        "level": risk.level.label,
        "flagged": flagged,
        "category": category,
        "scores": {str(name): round(score, 4) for name, score in risk.scores.items()},
        "findings": [finding.model_dump(mode="json") for finding in risk.findings],
        "ms": round((perf_counter() - began) * 1000, 3),
    }
    return Judged(number, _as_json(answer), flagged, category, _label(record))


def _refused(number: int, kept: Mapping[str, Any], problem: str) -> Judged:
    return Judged(number, _as_json({**kept, "error": problem, "line": number}), error=problem)


def _as_json(answer: Mapping[str, Any]) -> bytes:
    text = json.dumps(answer, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")  # half a surrogate pair becomes its JSON escape


def _parse(line: bytes) -> Mapping[str, Any]:
    if len(line) > LONGEST_LINE:
        raise _MalformedError(f"longer than {LONGEST_LINE} bytes")
    try:
        record: object = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _MalformedError("not UTF-8") from error
    except (ValueError, RecursionError) as error:
        where = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise _MalformedError(f"not JSON{where}") from error
    if not isinstance(record, dict):
        raise _MalformedError("not a JSON object")
    return cast("Mapping[str, Any]", record)


def _identity(record: Mapping[str, Any]) -> dict[str, Any]:
    if "id" not in record:
        return {}
    identity = record["id"]
    finite = not isinstance(identity, float) or math.isfinite(identity)
    if isinstance(identity, (str, int, float, type(None))) and finite:
        return {"id": identity}
    raise _MalformedError("id is neither a string nor a number")


def _label(record: Mapping[str, Any]) -> object:
    """The label; of one that has parts, its kind is enough to report it."""
    label: object = record.get("label")
    plain = label is None or isinstance(label, (str, int, float))
    return label if plain else f"({type(label).__name__})"


def _assess(record: Mapping[str, Any], guard: Guard) -> Risk:
    text, messages = record.get("text"), record.get("messages")
    if (text is None) == (messages is None):
        both = "both text and messages" if text is not None else "neither text nor messages"
        raise _MalformedError(f"{both}; one of them is needed")
    if text is not None:
        return guard.assess(normalise(_string(text, "text")), frozenset())
    if not isinstance(messages, list) or not messages:
        raise _MalformedError("messages is not a list with something in it")
    *earlier, last = _said(cast("list[Any]", messages))
    open_: set[Category] = set()
    previous = ""
    for message in earlier:
        text = normalise(message)
        findings = assess_after(guard, text, previous, frozenset(open_)).findings
        open_ |= {finding.category for finding in findings if finding.level >= RiskLevel.HIGH}
        previous = text.plain
    return assess_after(guard, normalise(last), previous, frozenset(open_))


def _said(messages: Sequence[Any]) -> list[str]:
    """The last message and, before it, what the child said latest, oldest first."""
    said: list[str] = []
    for place in reversed(range(len(messages))):
        name, message = f"messages[{place}]", messages[place]
        if not isinstance(message, dict):
            raise _MalformedError(f"{name} is not an object")
        parts = cast("Mapping[str, Any]", message)
        if not said or _string(parts.get("role"), f"{name}.role").lower() in CHILD_ROLES:
            said.append(_string(parts.get("content"), f"{name}.content"))
        if len(said) > CONTEXT:
            break
    return said[::-1]


def _string(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _MalformedError(f"{name} is not a string")
    return value
