"""Lists of regular expressions in YAML files, with macros; what every lexicon is made of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.resources.abc import Traversable
from typing import Self, TypeVar, cast

from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from qiaoban_guards.documents import Frozen, parse, read, validate
from qiaoban_guards.text import Pattern, expand

LAZY = "lazy"
"""The validation context's key that leaves expressions to be compiled when first used."""


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
