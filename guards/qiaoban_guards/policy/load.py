"""Reading policies: shipped ones by name, an app's own by path, each extending another.

`extends` merges mappings key by key and lists of entries with an `id` entry by entry; any
other list is replaced. `remove: true` in an entry takes the parent's entry away, and so does a
`remove` at the head of a policy, which names ids or keys by the key they stand under.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast

from qiaoban_guards.documents import KeyPath, nearest, parse, place, read, refused, validate
from qiaoban_guards.errors import DocumentError
from qiaoban_guards.expressions import LAZY
from qiaoban_guards.policy.schema import Policy

_Data = dict[str, Any]
_Origins = list[tuple[str, str]]
_ALSO = ("extends", "remove")
"""Keys of a policy's file that no policy has any more once it is read."""


class _MergeError(Exception):
    """What cannot be merged, at a key of the policy that extends."""

    def __init__(self, problem: str, path: KeyPath) -> None:
        self.problem, self.path = problem, path
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class PolicySource:
    """Where a policy was read from: its merged data, and the texts it came from."""

    data: Mapping[str, Any]
    origins: tuple[tuple[str, str], ...]

    def place(self, key: KeyPath) -> tuple[str, int, int]:
        """File, line and column of a key; entries of lists are named by their id or place."""
        return place(self._indexed(key), self.data, self.origins)

    def _indexed(self, key: KeyPath) -> KeyPath:
        """The path with ids replaced by indices, as far as the data goes."""
        value, path = cast("Any", self.data), list[int | str]()
        for part in key:
            ids = [entry["id"] for entry in _keyed(value) or ()]
            index = ids.index(part) if part in ids else part
            try:
                value = value[index]
            except (KeyError, IndexError, TypeError):
                break
            path.append(index)
        return tuple(path)


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
        data = _merge_or_refuse(data, overrides, "<overrides>", "", str(name_or_path))
    return validate(data, Policy, origins=origins, also=_ALSO)


def open_policy(name_or_path: str | Path) -> tuple[Policy, PolicySource]:
    """A policy together with where each of its keys stands; raises like `load_policy`."""
    data, origins = _resolve(_find(name_or_path), chain=())
    policy = validate(data, Policy, origins=origins, also=_ALSO)
    return policy, PolicySource(data, tuple(origins))


def parse_policy(text: str, *, source: str = "<policy>") -> Policy:
    """Load a policy from YAML text; it may extend shipped policies."""
    data, origins = _resolve_text(text, source, chain=())
    return validate(data, Policy, origins=origins, also=_ALSO)


@lru_cache(maxsize=32)
def _shipped(name: str) -> Policy:
    data, origins = _resolve(shipped_policies()[name], chain=())
    # Its expressions are tested with the package: they are compiled when they are first used.
    return validate(data, Policy, origins=origins, also=_ALSO, context={LAZY: True})


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
    for problem, path in _twice(data):
        raise refused(problem, path, data, [(source, text)])
    parent = data.get("extends")
    if parent is None:
        return data, [(source, text)]
    if not isinstance(parent, str):
        names = "names one policy: a shipped name or a path"
        raise refused(names, ("extends",), data, [(source, text)])
    beside = "" if source.startswith("<") else source
    base, origins = _resolve(_find(parent, beside), (*chain, source))
    merged = _merge_or_refuse(base, data, source, text, parent)
    return merged, [(source, text), *origins]


def _twice(value: Any, path: KeyPath = ()) -> Iterator[tuple[str, KeyPath]]:
    """Every entry whose id an earlier one of the same list has, with its path."""
    children: Any = cast("_Data", value).items() if isinstance(value, dict) else ()
    if entries := _keyed(value):
        seen: set[object] = set()
        for index, entry in enumerate(entries):
            if entry["id"] in seen:
                problem = f"the id {entry['id']!r} stands twice in one list; give each its own"
                yield problem, (*path, index, "id")
            seen.add(entry["id"])
        children = enumerate(entries)
    for key, child in children:
        yield from _twice(child, (*path, key))


def _merge_or_refuse(
    base: _Data, over: Mapping[str, Any], source: str, text: str, parent: str
) -> _Data:
    """Lay one policy over its parent; `remove` at its head is carried out first."""
    try:
        taken = _taken_away(base, over.get("remove"), parent)
        own = {key: value for key, value in over.items() if key not in _ALSO}
        return _merge(taken, own, parent, ())
    except _MergeError as error:
        origins = [(source, text)] if text else []
        refusal = refused(error.problem, error.path, over, origins)
        if text:
            raise refusal from error
        raise DocumentError(error.problem, source=source, key=refusal.key) from error


def _taken_away(base: _Data, remove: object, parent: str) -> _Data:
    """`base` without what `remove` names: ids or keys, by the key they stand under."""
    if remove is None:
        return base
    if not isinstance(remove, Mapping):
        form = "names ids or keys by the key they stand under: `helplines: [youth]`"
        raise _MergeError(form, ("remove",))
    for key, names in cast("Mapping[object, object]", remove).items():
        path: KeyPath = ("remove", cast("str", key))
        if not isinstance(names, list):
            raise _MergeError("names ids or keys in a list: [youth, mental_health]", path)
        base = _without(base, str(key).split("."), cast("list[object]", names), path, parent)
    return base


def _without(base: Any, keys: list[str], names: list[object], path: KeyPath, parent: str) -> Any:
    """A copy of `base` in which what `keys` lead to has none of `names` any more."""
    if keys:
        mapping = cast("_Data", base) if isinstance(base, dict) else {}
        if keys[0] not in mapping:
            near = nearest(keys[0], [str(key) for key in mapping])
            raise _MergeError(f"{parent!r} has no key {keys[0]!r}{near}", path)
        return {**mapping, keys[0]: _without(mapping[keys[0]], keys[1:], names, path, parent)}
    entries = _keyed(base)
    if not isinstance(base, dict | list):
        raise _MergeError(f"what stands there in {parent!r} is no list and no mapping", path)
    known = [entry["id"] for entry in entries] if entries else list(cast("Iterable[Any]", base))
    for index, name in enumerate(names):
        if name not in known:
            raise _MergeError(_no_entry(name, known, parent), (*path, index))
    if entries:
        return [entry for entry in entries if entry["id"] not in names]
    if isinstance(base, dict):
        return {key: value for key, value in cast("_Data", base).items() if key not in names}
    return [entry for entry in cast("list[Any]", base) if entry not in names]


def _no_entry(name: object, known: list[Any], parent: str) -> str:
    near = nearest(str(name), [str(one) for one in known])
    listed = f"; there are {', '.join(str(one) for one in known)}"
    return f"remove: {name!r} is no entry of {parent!r}{near or listed}"


def _merge(base: _Data, over: Mapping[str, Any], parent: str, path: KeyPath) -> _Data:
    merged = dict(base)
    for key, value in over.items():
        merged[key] = _merge_value(base.get(key), value, parent, (*path, key))
    return merged


def _merge_value(base: Any, over: Any, parent: str, path: KeyPath) -> Any:
    if isinstance(base, dict) and isinstance(over, Mapping):
        return _merge(cast("_Data", base), cast("Mapping[str, Any]", over), parent, path)
    if (entries := _keyed(base)) is not None and (changes := _keyed(over)):
        return _merge_entries(entries, changes, parent, path)
    return over


def _keyed(value: Any) -> list[_Data] | None:
    """The value if it is a list of entries that have an `id`."""
    if not isinstance(value, list):
        return None
    entries = cast("list[Any]", value)
    keyed = all(isinstance(entry, dict) and "id" in entry for entry in entries)
    return cast("list[_Data]", entries) if keyed else None


def _merge_entries(base: list[_Data], over: list[_Data], parent: str, path: KeyPath) -> list[_Data]:
    """New entries come first, so that a policy's own stand before its parent's."""
    known = [entry["id"] for entry in base]
    places = {entry["id"]: (*path, index) for index, entry in enumerate(over)}
    for entry in over:
        if _is_removed(entry) and entry["id"] not in known:
            raise _MergeError(_no_entry(entry["id"], known, parent), (*places[entry["id"]], "id"))
    changes = {entry["id"]: entry for entry in over}
    fresh = [entry for entry in over if entry["id"] not in known]
    kept = [
        _merge(entry, changes[entry["id"]], parent, places[entry["id"]])
        if entry["id"] in changes
        else entry
        for entry in base
        if not _is_removed(changes.get(entry["id"], {}))
    ]
    return [*fresh, *kept]


def _is_removed(entry: _Data) -> bool:
    return entry.get("remove") is True  # anything else stays, and is refused as an unknown key
