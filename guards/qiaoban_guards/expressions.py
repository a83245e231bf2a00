"""Lists of regular expressions in YAML files, with macros; what every lexicon is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.resources.abc import Traversable
from typing import Self, TypeVar, cast

from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from qiaoban_guards.documents import Frozen, parse, read, validate
from qiaoban_guards.errors import DocumentError
from qiaoban_guards.text import Pattern, expand

LAZY = "lazy"
"""The validation context's key that leaves expressions to be compiled when first used."""


def with_head(data: object, key: str) -> object:
    """A file's data with `key`, which stands at its head, given to each of its `rules`.

    What is of another form is left to the model that validates it.
    """
    if not isinstance(data, dict):
        return data
    file = cast("dict[str, object]", data)
    if not isinstance(file.get("rules"), list):
        return file
    rules = [
        {**cast("dict[str, object]", rule), key: file.get(key)} if isinstance(rule, dict) else rule
        for rule in cast("list[object]", file["rules"])
    ]
    return {**file, "rules": rules}


class Expressions(Frozen):
    """`any` of some expressions, save where one of `except` overlaps the hit."""

    any: tuple[str, ...] = Field(min_length=1)
    except_: tuple[str, ...] = Field(default=(), alias="except")

    @field_validator("any", "except_", "needs", "unless", check_fields=False)
    @classmethod
    def _expand(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        context = cast("Mapping[str, Mapping[str, str]]", info.context or {})
        macros = context.get("macros", {})
        return tuple(expand(expression, macros) for expression in value)

    @model_validator(mode="after")
    def _compiles(self, info: ValidationInfo) -> Self:
        context = cast("Mapping[str, object]", info.context or {})
        if not context.get(LAZY):
            assert self.pattern  # noqa: S101 - compiled here, so that an error names this entry
        return self

    @cached_property
    def pattern(self) -> Pattern:
        """What is looked for."""
        return Pattern(self.any, self.except_)


_Model = TypeVar("_Model", bound=BaseModel)


def load_expressions(
    source: Traversable, model: type[_Model], shared: Mapping[str, str] | None = None
) -> _Model:
    """Read a file whose expressions may use its own `macros` and the shared ones."""
    text = read(source)
    data = parse(text, source=str(source))
    own = cast("dict[str, str]", data["macros"]) if "macros" in (data or ()) else {}
    macros = {**(shared or {}), **own}
    return validate(data, model, origins=[(str(source), text)], context={"macros": macros})


def load_folder(
    folder: Traversable, model: type[_Model], shared: Mapping[str, str] | None = None
) -> Iterator[_Model]:
    """Read every YAML file of a folder whose name begins with no underscore, by name."""
    for source in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if source.name.endswith(".yaml") and not source.name.startswith("_"):
            yield load_expressions(source, model, shared)


def check_unique(ids: Iterable[str], folder: Traversable) -> None:
    """Raise DocumentError that names the ids that stand twice in a folder's files."""
    if twice := sorted(one for one, times in Counter(ids).items() if times > 1):
        raise DocumentError(f"rule ids stand twice: {twice}", source=str(folder))
