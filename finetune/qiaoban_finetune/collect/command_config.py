"""A collecting run's configuration: a YAML file, with `key.key=value` laid over it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.overrides import overridden
from qiaoban_guards.documents import parse, read, validate
from qiaoban_guards.errors import DocumentError

_PATHS = ("topics", "source", "personas", "template", "child_template", "supporter_template")
_Config = TypeVar("_Config", bound=BaseModel)


def configured(kind: type[_Config], file: Path | None, overrides: Sequence[str]) -> _Config:
    """What a run is told; ConfigError with file, line, key and remedy.

    Files that are named in the configuration are looked for beside it, then where the command
    runs; those of overrides where the command runs.
    """
    text = "" if file is None else _text(file)
    data: Any = {} if file is None else _parsed(text, file)
    if file is not None:
        data = {key: _beside(file.parent, key, value) for key, value in data.items()}
    try:
        laid, newer = overridden(data, overrides)
        origins = [*newer, (str(file), text)] if file is not None else newer
        return validate(laid, kind, origins=origins or [("--set", "")])
    except DocumentError as error:
        raise ConfigError(str(error)) from error


def _text(file: Path) -> str:
    try:
        return read(file)
    except DocumentError as error:
        raise ConfigError(str(error)) from error


def _parsed(text: str, file: Path) -> dict[str, Any]:
    try:
        data = parse(text, source=str(file))
    except DocumentError as error:
        raise ConfigError(str(error)) from error
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: a configuration is a mapping of keys; see docs/collecting.md")
    return cast("dict[str, Any]", data)


def _beside(folder: Path, key: str, value: Any) -> Any:
    if key == "sets" and isinstance(value, list):
        return [_set_beside(folder, one) for one in cast("list[Any]", value)]
    if key in _PATHS and isinstance(value, str) and (folder / value).exists():
        return str(folder / value)
    return value


def _set_beside(folder: Path, one: Any) -> Any:
    if not isinstance(one, dict):
        return one
    told = cast("dict[str, Any]", one)
    return {k: _beside(folder, "source", v) if k == "path" else v for k, v in told.items()}
