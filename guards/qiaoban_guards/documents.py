"""YAML files read into frozen pydantic models, with errors that say where and what to do.

Policies, lexicons and curated content are all read here. The dialect is YAML with duplicate
keys refused and without the `yes`/`no`/`on`/`off` booleans, which have eaten words before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from qiaoban_guards.errors import DocumentError

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Frozen(BaseModel):
    """Base of everything read from YAML: immutable, strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)


_Model = TypeVar("_Model", bound=BaseModel)
KeyPath = tuple[int | str, ...]
"""The keys and indices that lead to a value."""


class _Dialect(_Loader):  # type: ignore[misc, valid-type]
    """Safe YAML without the 1.1 booleans and without duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = cast("Any", self).construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} stands here twice", key_node.start_mark
                )
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


# A number that is none, for people: 21:00 (which is 1260 in YAML 1.1) and 0110 (which is 72).
_PLAIN = {
    "tag:yaml.org,2002:bool": re.compile("^(?:true|false)$"),
    "tag:yaml.org,2002:int": re.compile(r"^[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$"),
    "tag:yaml.org,2002:float": re.compile(
        r"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+|\.(?:inf|nan))$"
    ),
}
_Dialect.yaml_implicit_resolvers = {
    first: [(tag, _PLAIN.get(tag, pattern)) for tag, pattern in resolvers]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


def read(source: Path | Traversable) -> str:
    """The UTF-8 text of a file; DocumentError if it cannot be read."""
    try:
        return source.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise DocumentError(
            f"cannot be read ({error}); save it as a UTF-8 file", source=str(source)
        ) from error


def parse(text: str, *, source: str) -> Any:
    """Parse one YAML document into plain data; DocumentError with line and column if broken."""
    try:
        return yaml.load(text, Loader=_Dialect)  # noqa: S506 - a safe loader with a stricter dialect
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DocumentError(
            f"not valid YAML: {error.problem or error.context}",
            source=source,
            line=mark.line + 1 if mark else 0,
            column=mark.column + 1 if mark else 0,
        ) from error
    except (yaml.YAMLError, ValueError, TypeError) as error:  # 2027-13-01, or a list as a key
        raise DocumentError(f"not valid YAML: {error}", source=source) from error


def load(source: Path | Traversable, model: type[_Model]) -> _Model:
    """Read and validate one YAML file."""
    text = read(source)
    return validate(parse(text, source=str(source)), model, origins=[(str(source), text)])


def validate(
    data: Any,
    model: type[_Model],
    *,
    origins: Sequence[tuple[str, str]],
    context: Mapping[str, object] | None = None,
    also: Sequence[str] = (),
) -> _Model:
    """Validate plain data that came from YAML texts.

    `origins` are (source name, YAML text), the most specific first: an error is reported at the
    one of them that has most of the path to the offending key. `context` reaches validators;
    `also` are keys of the dialect that no model has (`extends`), for whoever mistypes them.
    """
    try:
        return model.model_validate(data, context=dict(context or {}))
    except ValidationError as error:
        raise _located(error, data, model, origins, also) from error


def refused(
    problem: str, path: KeyPath, data: Any, origins: Sequence[tuple[str, str]]
) -> DocumentError:
    """The error that tells of a problem at a key of documents."""
    source, line, column = place(path, data, origins)
    key = ".".join(str(part) for part in _without_tags(path, data))
    return DocumentError(problem, source=source, line=line, column=column, key=key)


def nearest(wrong: str, names: Iterable[str], *, cutoff: float = 0.5) -> str:
    """`, did you mean 'x'?` for the name that was probably meant; empty where none is near."""
    near = get_close_matches(wrong, sorted(str(name) for name in names), n=1, cutoff=cutoff)
    return f", did you mean {near[0]!r}?" if near else ""


def _located(
    error: ValidationError,
    data: Any,
    model: type[BaseModel],
    origins: Sequence[tuple[str, str]],
    also: Sequence[str],
) -> DocumentError:
    details = error.errors(include_url=False)
    # A misspelt key is missing too: what is there tells more than what is not.
    first = min(details, key=lambda detail: _RANKS.get(detail["type"], 1))
    path = first["loc"]
    problem, wrong = _problem(first, data, model, also)
    path = path[:-1] if path and path[-1] == "[key]" else (*path, *wrong)
    if len(details) > 1:
        problem += f" (and {len(details) - 1} more)"
    return refused(problem, path, data, origins)


_RANKS = {"extra_forbidden": 0, "union_tag_invalid": 0, "union_tag_not_found": 0, "missing": 2}
_QUOTED = re.compile("'([^']*)'")


def _problem(
    detail: ErrorDetails, data: Any, model: type[BaseModel], also: Sequence[str]
) -> tuple[str, KeyPath]:
    """What is wrong and what to write instead; and the key in question behind the path."""
    kind, path, value = detail["type"], detail["loc"], detail["input"]
    context = detail.get("ctx", {})
    match kind:
        case "extra_forbidden":
            names = _keys_at(model, path[:-1], data) | set(also)
            missing = names.difference(_value_at(data, path[:-1]))
            return _not_a_key(str(path[-1]), names, missing), ()
        case "missing":
            return f"the key {path[-1]!r} is missing; add it", ()
        case "union_tag_not_found":
            tag = _QUOTED.findall(context["discriminator"])[0]
            known, there = _keys_at(model, path, data), cast("Iterable[object]", value)
            unknown = [str(key) for key in there if key not in known]
            typo: list[str] = get_close_matches(str(tag), unknown, n=1, cutoff=0.5)
            if typo:
                return _not_a_key(typo[0], {tag}), (typo[0],)
            return f"the key {tag!r} is missing; add it", ()
        case "union_tag_invalid":
            tag = _QUOTED.findall(context["discriminator"])[0]
            return _not_one_of(context["tag"], _QUOTED.findall(context["expected_tags"])), (tag,)
        case "literal_error" | "enum":
            return _not_one_of(value, _QUOTED.findall(context["expected"])), ()
        case "string_type" if isinstance(value, int | float | date):
            return f"{value} is read as {type(value).__name__}; write it in quotes", ()
        case "model_type" | "dict_type" | "mapping_type":
            return "is a mapping of keys (`key: value`)", ()
        case "tuple_type" | "list_type":
            return "is a list; write each entry behind a dash, or [in, brackets]", ()
        case _:
            return detail["msg"].removeprefix("Value error, "), ()


def _not_a_key(wrong: str, names: set[str], missing: Iterable[str] = ()) -> str:
    """`missing` are names that are not there yet: one of them that is near was meant."""
    listed = f"; keys here are {', '.join(sorted(names))}" if names else ""
    near = nearest(wrong, missing, cutoff=0.66) or nearest(wrong, names)
    return f"{wrong!r} is not a key here" + (near or listed)


def _not_one_of(wrong: object, names: Sequence[str]) -> str:
    return f"{wrong!r} is none of {', '.join(names)}" + nearest(str(wrong), names)


def _keys_at(model: type[BaseModel], path: KeyPath, data: Any) -> set[str]:
    """The keys of the models at `path`; of those that a `kind` tells apart, of the one meant."""
    tags = set(path) - set(_without_tags(path, data))
    models = _models_at(model, path)
    tagged = [one for one in models if tags & {_tag(one)}]
    return {
        field.alias or name
        for candidate in tagged or models
        for name, field in candidate.model_fields.items()
    }


def _tag(model: type[BaseModel]) -> object:
    field = model.model_fields.get("kind")
    return field.default if field is not None else None


def _models_at(model: type[BaseModel], path: KeyPath) -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = [model]
    for part in path:
        deeper: list[type[BaseModel]] = []
        for candidate in found:
            by_name = {f.alias or n: f for n, f in candidate.model_fields.items()}
            if isinstance(part, str) and part in by_name:
                deeper += _models_in(by_name[part].annotation)
        # A list index, a mapping key or a union tag stays at the same models.
        found = deeper or found
    return found


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type):
        try:
            if issubclass(annotation, BaseModel):
                return [annotation]
        except TypeError:  # a parametrised generic such as tuple[X, ...]
            pass
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def place(path: KeyPath, data: Any, origins: Sequence[tuple[str, str]]) -> tuple[str, int, int]:
    """Source, line and column of a key: in the document that has most of the path to it."""
    best: tuple[int, str, int, int] | None = None
    for source, text in origins:
        depth, mark = _mark(_composed(text), path, data)
        if mark is not None and (best is None or depth > best[0]):
            best = (depth, source, mark.line + 1, mark.column + 1)
    return best[1:] if best else (origins[0][0] if origins else "<data>", 0, 0)


@lru_cache(maxsize=8)
def _composed(text: str) -> yaml.Node | None:
    """The tree of a text that was parsed before; kept, since reports have many places."""
    return yaml.compose(text, Loader=_Dialect)


def _mark(node: yaml.Node | None, path: KeyPath, data: Any) -> tuple[int, yaml.Mark | None]:
    """Follow `path` as far as the document goes; the mark is of the last key that is there.

    `data` is what was validated: merged out of several documents, so that an entry of a list is
    found by its `id` and not by its place.
    """
    depth, mark = 0, node.start_mark if node is not None else None
    for part in path:
        data = _child(data, part)
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair is None:
                continue  # a union tag, or a key that is missing
            mark, node = pair[0].start_mark, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            entry = _entry(node, part, data)
            if entry is None:
                break
            node, mark = entry, entry.start_mark
        else:
            continue
        depth += 1
    return depth, mark


def _child(data: Any, part: int | str) -> Any:
    try:
        return data[part]
    except (KeyError, IndexError, TypeError):
        return data  # a union tag


def _without_tags(path: KeyPath, data: Any) -> KeyPath:
    """A path as it stands in the data, without the union tags that pydantic puts between."""
    kept: list[int | str] = []
    for number, part in enumerate(path):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            if number < len(path) - 1 or not isinstance(part, str):
                continue
        kept.append(part)
    return tuple(kept)


def _value_at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = _child(data, part)
    return data


def _entry(node: yaml.SequenceNode, index: int, data: Any) -> yaml.Node | None:
    entries: list[yaml.Node] = node.value
    if not isinstance(data, dict) or "id" not in data:
        return entries[index] if index < len(entries) else None
    wanted = str(cast("dict[str, Any]", data)["id"])
    return next((entry for entry in entries if _scalar(entry, "id") == wanted), None)


def _scalar(node: yaml.Node, key: str) -> str | None:
    """The text of one key of a mapping node."""
    if not isinstance(node, yaml.MappingNode):
        return None
    pairs = cast("list[tuple[yaml.Node, yaml.Node]]", node.value)
    return next((str(value.value) for name, value in pairs if name.value == key), None)
