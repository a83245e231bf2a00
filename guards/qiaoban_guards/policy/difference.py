"""How two policies differ, key by key; entries of lists by their id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from qiaoban_guards.policy.schema import Policy


@dataclass(frozen=True, slots=True)
class Change:
    """One difference at a key path such as `output.rules.romance.action`.

    `before` and `after` are JSON values, None where there is none. `moved`: entries that both have
    stand in another order; both sides are then lists of their ids.
    """

    key: str
    kind: Literal["added", "removed", "changed", "moved"]
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        match self.kind:
            case "added":
                return f"+ {self.key}: {self.after}"
            case "removed":
                return f"- {self.key}: {self.before}"
            case "changed":
                return f"~ {self.key}: {self.before} → {self.after}"
            case "moved":
                return f"↕ {self.key}: {', '.join(self.before)} → {', '.join(self.after)}"


def difference(before: Policy, after: Policy) -> list[Change]:
    """What changed from one policy to another, in the order of the schema; empty if nothing."""
    return list(_changes("", _plain(before), _plain(after)))


def _plain(policy: Policy) -> dict[str, Any]:
    return policy.model_dump(mode="json", by_alias=True)


def _changes(key: str, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        one, other = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
        if one.get("kind") == other.get("kind"):
            yield from _of_mappings(key, one, other)
            return
    if isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(key, cast("list[Any]", before), cast("list[Any]", after))
        return
    yield Change(key, "changed", before, after)


def _of_mappings(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        inner = f"{key}.{name}" if key else name
        if name not in after:
            yield Change(inner, "removed", before[name])
        elif name not in before:
            yield Change(inner, "added", after=after[name])
        else:
            yield from _changes(inner, before[name], after[name])


def _of_lists(key: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[Change]:
    if (one := _by_id(before)) is not None and (other := _by_id(after)) is not None:
        yield from _of_mappings(key, one, other)
        both = [name for name in one if name in other]
        now = [name for name in other if name in one]
        if both != now:
            yield Change(key, "moved", both, now)
        return
    if any(isinstance(entry, dict | list) for entry in (*before, *after)):
        yield Change(key, "changed", before, after)
        return
    gone, come = _beyond(before, after), _beyond(after, before)
    yield from (Change(key, "removed", entry) for entry in gone)
    yield from (Change(key, "added", after=entry) for entry in come)
    if not gone and not come:
        yield Change(key, "moved", [str(one) for one in before], [str(one) for one in after])


def _by_id(entries: Sequence[Any]) -> dict[str, Any] | None:
    """The entries of a list by their id; None where one has none."""
    if not all(isinstance(entry, dict) and "id" in entry for entry in entries):
        return None
    return {str(entry["id"]): entry for entry in cast("Sequence[dict[str, Any]]", entries)}


def _beyond(entries: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """The entries that others have not, or have fewer times."""
    left = list(others)
    beyond: list[Any] = []
    for entry in entries:
        if entry in left:
            left.remove(entry)
        else:
            beyond.append(entry)
    return beyond
