"""Reading a server's answer with suspicion: nothing is assumed to be there."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from typing import Any, cast

_SPECIAL = re.compile(
    r"<(?=\|[a-z_]{1,30}\|>|(?:start|end)_of_turn>|reserved_\d{1,4}>)|\[(?=gMASK\])"
)


class NoVerdictError(Exception):
    """An answer that gives no judgement; the text says why and quotes nothing."""


def as_object(value: object, what: str) -> Mapping[str, Any]:
    """A JSON object; NoVerdictError if it is something else."""
    if not isinstance(value, dict):
        raise NoVerdictError(f"{what} is no object")
    return cast("Mapping[str, Any]", value)


def as_list(value: object, what: str) -> list[Any]:
    """A JSON array; NoVerdictError if it is something else."""
    if not isinstance(value, list):
        raise NoVerdictError(f"{what} is no array")
    return cast("list[Any]", value)


def as_number(value: object, what: str) -> float:
    """A JSON number that is not NaN; NoVerdictError if it is something else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        raise NoVerdictError(f"{what} is no number")
    return float(value)


def parse_object(text: str | bytes, what: str) -> Mapping[str, Any]:
    """Parse one JSON object.

    A key that stands twice is refused: the last one would win, and it may be the harmless one.
    """
    try:
        return as_object(json.loads(text, object_pairs_hook=_no_twice), what)
    except (ValueError, RecursionError) as error:
        raise NoVerdictError(f"{what} is not JSON") from error


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NoVerdictError("a key stands twice")
    return found


def first_choice(answer: Mapping[str, Any], finished: Collection[str]) -> Mapping[str, Any]:
    """The first choice, if it ended for one of the reasons in `finished`."""
    choices = as_list(answer.get("choices"), "choices")
    if not choices:
        raise NoVerdictError("no choices")
    choice = as_object(choices[0], "choice")
    if choice.get("finish_reason") not in finished:
        raise NoVerdictError("truncated")
    return choice


def content(choice: Mapping[str, Any]) -> str:
    """The text of a chat choice without the model's thoughts; NoVerdictError if none is left."""
    text = as_object(choice.get("message"), "message").get("content")
    if not isinstance(text, str):
        raise NoVerdictError("no text")
    said = "\n".join(text.rpartition("</think>")[2].splitlines()).strip()
    if "<think>" in said:
        raise NoVerdictError("an unfinished thought")
    if not said:
        raise NoVerdictError("an empty answer")
    return said


def without_control_tokens(text: str) -> str:
    """Split what a server's tokenizer would take for the end of a turn.

    Half a surrogate pair, which a broken keyboard sends and no JSON carries, becomes a `?`.
    """
    return _SPECIAL.sub(lambda hit: hit.group() + " ", text.encode(errors="replace").decode())
