"""Reading the keys of a record, strictly: what is missing or of the wrong type is told by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from qiaoban_finetune.dialogue import Dialogue
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats.form import Record
from qiaoban_finetune.reading import Place
from qiaoban_guards.documents import nearest

TOLD = ("emotion", "topic", "task", "source", "licence")
"""What a dialogue tells beside its messages; any format may carry it under these keys."""
_KINDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def kind(value: object) -> str:
    """What a JSON value is, in words."""
    return _KINDS.get(type(value), type(value).__name__)


def missing(record: Record, key: str, place: Place, prefix: str = "") -> DataError:
    """The error for a key that is not there; names the one that was probably meant."""
    meant = nearest(key, record, cutoff=0.7)
    remedy = f"{meant} rename it" if meant else f"; add it (there are {listed(record)})"
    return place.refused(f"the key {key!r} is missing{remedy}", prefix)


def wrong(value: object, expected: str, place: Place, key: str) -> DataError:
    """The error for a value of another type than `expected`."""
    return place.refused(f"is {kind(value)}; write {expected}", key)


def listed(names: Iterable[object], most: int = 8) -> str:
    """Names for an error, not more than fit on a line."""
    shown = [str(name)[:40] for name in names]
    rest = f" and {len(shown) - most} more" if len(shown) > most else ""
    return (", ".join(shown[:most]) or "none") + rest


def text(record: Record, key: str, place: Place, *, empty: bool = False, prefix: str = "") -> str:
    """A text that has to be there, and hold something unless `empty` allows none."""
    if key not in record:
        raise missing(record, key, place, prefix)
    value: object = record[key]
    where = f"{prefix}.{key}" if prefix else key
    if type(value) is not str:
        raise wrong(value, "text", place, where)
    if not empty and not value.strip():
        raise place.refused("is empty; write what was said, or leave the record out", where)
    return value


def optional(record: Record, key: str, place: Place, *, prefix: str = "") -> str:
    """A text that may be absent or null."""
    value: object = record.get(key)
    if type(value) is str:
        return value
    if value is None:
        return ""
    raise wrong(value, "text", place, f"{prefix}.{key}" if prefix else key)


def items(record: Record, key: str, place: Place, what: str) -> list[Any]:
    """A list that has to be there and hold something."""
    if key not in record:
        raise missing(record, key, place)
    value: object = record[key]
    if type(value) is not list:
        raise wrong(value, f"a list of {what}", place, key)
    if not value:
        raise place.refused(f"is empty; leave the record out or give it {what}", key)
    return cast("list[Any]", value)


def identity(record: Record, key: str, place: Place) -> str:
    """The record's own id, text or a whole number, else `FILE:NUMBER`."""
    value: object = record.get(key)
    if value is None:
        return f"{place.file.name}:{place.record}"
    if type(value) is int:
        return str(value)
    if type(value) is not str:
        raise wrong(value, "text or a whole number", place, key)
    if not value.strip():
        raise place.refused("is empty; name the record or drop the key", key)
    return value


def told(record: Record, place: Place) -> dict[str, Any]:
    """What a record tells of its dialogue, as arguments of Dialogue."""
    found: dict[str, Any] = {key: optional(record, key, place) for key in TOLD if key in record}
    if "extra" in record:
        found["extra"] = _extra(record["extra"], place)
    return found


def telling(dialogue: Dialogue) -> Record:
    """The keys that `told` reads again; none for what is empty."""
    found: Record = {key: value for key in TOLD if (value := getattr(dialogue, key))}
    return {**found, "extra": dict(dialogue.extra)} if dialogue.extra else found


def _extra(value: object, place: Place) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise wrong(value, "an object of texts", place, "extra")
    pairs = cast("dict[str, object]", value)
    for key, one in pairs.items():
        if type(one) is not str:
            raise wrong(one, "text", place, f"extra.{key}")
    return tuple(cast("dict[str, str]", pairs).items())
