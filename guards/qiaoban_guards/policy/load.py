"""Reading policies: shipped ones by name, an app's own by path, each extending another.

`extends` merges mappings key by key and lists of entries with an `id` entry by entry; any
other list is replaced; `remove: true` in an entry takes the parent's entry away.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast

from qiaoban_guards.documents import parse, read, validate
from qiaoban_guards.errors import DocumentError
from qiaoban_guards.policy.schema import Policy

_Data = dict[str, Any]
_Origins = list[tuple[str, str]]


def shipped_policies() -> dict[str, Traversable]:
    """The policies that come with the package, by name."""
    packaged = files("qiaoban_guards") / "policies"
    folder = packaged if packaged.is_dir() else Path(__file__).parents[3] / "policies"
    return {
        entry.name.removesuffix(".yaml"): entry
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }


def load_policy(
    name_or_path: str | Path = "default", overrides: Mapping[str, Any] | None = None
) -> Policy:
    """Load a shipped policy by name or any policy by path, with everything it extends.

    `overrides` is laid over the file as if it were one more policy extending it. Raises
    DocumentError with file, line, column, key and remedy.
    """
    if overrides is None and isinstance(name_or_path, str) and name_or_path in shipped_policies():
        return _shipped(name_or_path)
    data, origins = _resolve(_find(name_or_path), chain=())
    if overrides:
        data = _merge_or_refuse(data, overrides, source="<overrides>", parent=str(name_or_path))
    return validate(data, Policy, origins=origins)


def parse_policy(text: str, *, source: str = "<policy>") -> Policy:
    """Load a policy from YAML text; it may extend shipped policies."""
    data, origins = _resolve_text(text, source, chain=())
    return validate(data, Policy, origins=origins)


@lru_cache(maxsize=32)
def _shipped(name: str) -> Policy:
    data, origins = _resolve(shipped_policies()[name], chain=())
    return validate(data, Policy, origins=origins)


def _find(name_or_path: str | Path, beside: str = "") -> Traversable:
    shipped = shipped_policies()
    if isinstance(name_or_path, str) and name_or_path in shipped:
        return shipped[name_or_path]
    path = Path(beside).parent / name_or_path if beside else Path(name_or_path)
    if path.is_file():
        return path
    near = get_close_matches(str(name_or_path), shipped, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise DocumentError(
        f"no such policy; give a path or one of {', '.join(shipped)}{hint}",
        source=str(name_or_path),
    )


def _resolve(source: Traversable, chain: tuple[str, ...]) -> tuple[_Data, _Origins]:
    name = str(source.resolve()) if isinstance(source, Path) else str(source)
    return _resolve_text(read(source), name, chain)


def _resolve_text(text: str, source: str, chain: tuple[str, ...]) -> tuple[_Data, _Origins]:
    if source in chain:
        raise DocumentError(f"extends itself: {' → '.join([*chain, source])}", source=source)
    parsed = parse(text, source=source)
    if not isinstance(parsed, dict):
        raise DocumentError(
            "a policy is a mapping of keys; see policies/default.yaml", source=source
        )
    data = cast("_Data", parsed)
    parent = data.pop("extends", None)
    if parent is None:
        return data, [(source, text)]
    if not isinstance(parent, str):
        raise DocumentError(
            "names one policy: a shipped name or a path", source=source, key="extends"
        )
    beside = "" if source.startswith("<") else source
    base, origins = _resolve(_find(parent, beside), (*chain, source))
    return _merge_or_refuse(base, data, source=source, parent=parent), [(source, text), *origins]


def _merge_or_refuse(base: _Data, over: Mapping[str, Any], *, source: str, parent: str) -> _Data:
    try:
        return _merge(base, over)
    except KeyError as error:
        problem = f"remove: {error.args[0]!r} is no entry of {parent!r}"
        raise DocumentError(problem, source=source) from error
    except ValueError as error:
        raise DocumentError(str(error), source=source) from error


def _merge(base: _Data, over: Mapping[str, Any]) -> _Data:
    merged = dict(base)
    for key, value in over.items():
        merged[key] = _merge_value(base.get(key), value)
    return merged


def _merge_value(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, Mapping):
        return _merge(cast("_Data", base), cast("Mapping[str, Any]", over))
    if (entries := _keyed(base)) and (changes := _keyed(over)):
        return _merge_entries(entries, changes)
    return over


def _keyed(value: Any) -> list[_Data] | None:
    """The value if it is a list of entries that have an `id`."""
    if not isinstance(value, list):
        return None
    entries = cast("list[Any]", value)
    keyed = all(isinstance(entry, dict) and "id" in entry for entry in entries)
    return cast("list[_Data]", entries) if keyed else None


def _merge_entries(base: list[_Data], over: list[_Data]) -> list[_Data]:
    """New entries come first, so that a policy's own stand before its parent's."""
    changes = {entry["id"]: entry for entry in over}
    if len(changes) < len(over):
        twice = [
            entry["id"] for entry in over if over.count(entry) > 1 or entry not in changes.values()
        ]
        raise ValueError(f"the id {twice[0]!r} stands twice in one list; give each entry its own")
    known = {entry["id"] for entry in base}
    fresh = [entry for entry in over if entry["id"] not in known]
    if typo := next((entry["id"] for entry in fresh if _is_removed(entry)), None):
        raise KeyError(typo)
    kept = [
        _merge(entry, changes[entry["id"]]) if entry["id"] in changes else entry for entry in base
    ]
    return [*fresh, *(entry for entry in kept if not _is_removed(entry))]


def _is_removed(entry: _Data) -> bool:
    return entry.get("remove") is True  # anything else stays, and is refused as an unknown key
