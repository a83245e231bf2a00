"""`--set optimiser.learning_rate=1e-4`: single values laid over a configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from qiaoban_finetune.errors import ConfigError
from qiaoban_guards.documents import parse


def overridden(
    data: Mapping[str, Any], overrides: Sequence[str]
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The data with each `key.key=value` laid over it, the last one first to count.

    A value is YAML; a number in the path is a place of a list. Naming another `kind` drops what
    stood beside it, which belonged to the former kind. Also gives (`--set …`, its YAML) for each,
    newest first, so that an error can name it. Raises ConfigError for what is no such assignment,
    DocumentError for a value that is no YAML.
    """
    origins: list[tuple[str, str]] = []
    laid = dict(data)
    for override in overrides:
        source = f"--set {override}"
        path, equals, text = override.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise ConfigError(f"{source}: write key.key=value, as optimiser.learning_rate=1e-4")
        value = parse(text, source=source)
        laid = _set(laid, keys, value, source)
        origins.insert(0, (source, _as_yaml(keys, value)))
    return laid, origins


def _set(node: Any, keys: Sequence[str], value: Any, source: str) -> Any:
    """A copy of `node` in which `value` stands where `keys` lead."""
    if not keys:
        return value
    key, *rest = keys
    if isinstance(node, list):
        listed = cast("list[Any]", node)
        if not key.isdecimal() or int(key) > len(listed):
            raise ConfigError(
                f"{source}: {key!r} is no place of a list of {len(listed)}; write a number from 0 "
                f"to {len(listed)}, the last of which appends"
            )
        place = int(key)
        old = listed[place] if place < len(listed) else None
        return [*listed[:place], _set(old, rest, value, source), *listed[place + 1 :]]
    if node is not None and not isinstance(node, dict):
        raise ConfigError(f"{source}: {key!r} stands below {node!r}, which has no keys")
    mapping = cast("dict[str, Any]", node or {})
    if key == "kind" and not rest and mapping.get("kind") != value:
        return {"kind": value}
    return {**mapping, key: _set(mapping.get(key), rest, value, source)}


def _as_yaml(keys: Sequence[str], value: Any) -> str:
    text = json.dumps(value, default=str)
    for key in reversed(keys):
        text = f"{{{json.dumps(key)}: {text}}}"
    return text
