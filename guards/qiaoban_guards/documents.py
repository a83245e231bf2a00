"""YAML files read into frozen pydantic models, with errors that say where and what to do.

Policies, lexicons and curated content are all read here. The dialect is YAML with duplicate
keys refused and without the `yes`/`no`/`on`/`off` booleans, which have eaten words before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from qiaoban_guards.errors import DocumentError

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Frozen(BaseModel):
    """Base of everything read from YAML: immutable, strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


_Model = TypeVar("_Model", bound=BaseModel)


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


_BOOL = "tag:yaml.org,2002:bool"
_Dialect.yaml_implicit_resolvers = {
    first: [
        (tag, re.compile("^(?:true|false)$") if tag == _BOOL else pattern)
        for tag, pattern in resolvers
    ]
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
) -> _Model:
    """Validate plain data that came from YAML texts.

    `origins` are (source name, YAML text), the most specific first: an error is reported at the
    one of them that has most of the path to the offending key. `context` reaches validators.
    """
    try:
        return model.model_validate(data, context=dict(context or {}))
    except ValidationError as error:
        raise _located(error, data, model, origins) from error


def _located(
    error: ValidationError,
    data: Any,
    model: type[BaseModel],
    origins: Sequence[tuple[str, str]],
) -> DocumentError:
    details = error.errors(include_url=False)
    first = details[0]
    path = first["loc"]
    problem = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        problem = f"{path[-1]!r} is not a key here" + _nearest(str(path[-1]), model, path[:-1])
    elif first["type"] == "missing":
        problem = f"the key {path[-1]!r} is missing; add it"
    if len(details) > 1:
        problem += f" (and {len(details) - 1} more)"
    source, line, column = _place(path, data, origins)
    key = ".".join(str(part) for part in path)
    return DocumentError(problem, source=source, line=line, column=column, key=key)


def _nearest(wrong: str, model: type[BaseModel], path: tuple[int | str, ...]) -> str:
    """Name the key that was probably meant, out of the fields of the model at `path`."""
    names = sorted(
        name
        for candidate in _models_at(model, path)
        for field_name, field in candidate.model_fields.items()
        for name in [field.alias or field_name]
    )
    near = get_close_matches(wrong, names, n=1, cutoff=0.5)
    if near:
        return f", did you mean {near[0]!r}?"
    return f"; keys here are {', '.join(names)}" if names else ""


def _models_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[type[BaseModel]]:
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


def _place(
    path: tuple[int | str, ...], data: Any, origins: Sequence[tuple[str, str]]
) -> tuple[str, int, int]:
    best: tuple[int, str, int, int] | None = None
    for source, text in origins:
        depth, mark = _mark(yaml.compose(text, Loader=_Dialect), path, data)
        if mark is not None and (best is None or depth > best[0]):
            best = (depth, source, mark.line + 1, mark.column + 1)
    return best[1:] if best else (origins[0][0] if origins else "<data>", 0, 0)


def _mark(
    node: yaml.Node | None, path: tuple[int | str, ...], data: Any
) -> tuple[int, yaml.Mark | None]:
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
