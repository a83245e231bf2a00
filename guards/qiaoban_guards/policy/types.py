"""Types that several parts of a policy share."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from types import MappingProxyType
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, PositiveFloat, WrapSerializer

from qiaoban_guards.documents import nearest
from qiaoban_guards.risk.taxonomy import Category, RiskLevel, Role

Language = Literal["zh", "en"]
_K = TypeVar("_K")
_V = TypeVar("_V")
FrozenMapping = Annotated[
    Mapping[_K, _V],
    AfterValidator(MappingProxyType),
    WrapSerializer(lambda value, handler: handler(dict(value))),
]
"""A mapping that nobody changes behind a policy's back."""
Lines = Annotated[tuple[str, ...], Field(min_length=1)]
SLOTS = ("helpline", "emergency", "medical")


def _check_slots(lines: tuple[str, ...]) -> tuple[str, ...]:
    """A fixed sentence has no slot but the ones that are filled in."""
    for line in lines:
        check_template(line, SLOTS)
    return lines


def check_template(line: str, slots: tuple[str, ...]) -> None:
    """ValueError where a line has another slot than those, or braces that do not match."""
    try:
        used = [slot for _, slot, _, _ in Formatter().parse(line) if slot is not None]
    except ValueError as error:
        raise ValueError(f"braces do not match in {line!r}") from error
    if wrong := [slot for slot in used if slot not in slots]:
        names = ", ".join(f"{{{name}}}" for name in slots)
        raise ValueError(f"no slot is called {{{wrong[0]}}}; slots are {names}")


FixedLines = Annotated[Lines, AfterValidator(_check_slots)]


def _check_levels(values: Mapping[str, float]) -> Mapping[str, float]:
    """Every level but `none` has its number."""
    wanted = [level.label for level in RiskLevel if level]
    if wrong := [name for name in values if name not in wanted]:
        raise ValueError(f"{wrong[0]!r} is no level{nearest(wrong[0], wanted)}")
    if sorted(values) != sorted(wanted):
        raise ValueError(f"give a number for each of {', '.join(wanted)}")
    return values


ByLevel = Annotated[FrozenMapping[str, PositiveFloat], AfterValidator(_check_levels)]


def _check_categories(lines: Mapping[str, Lines]) -> Mapping[str, Lines]:
    """Keys are `any`, a category, or a category and a role (`violence.victim`)."""
    for key in lines:
        category, _, role = key.partition(".")
        if key != "any" and (category not in list(Category) or (role and role not in list(Role))):
            known = ["any", *Category, *(f"{one}.{part}" for one in Category for part in Role)]
            raise ValueError(
                f"{key!r} is neither 'any' nor a category nor category.role{nearest(key, known)}"
            )
    if "any" not in lines:
        raise ValueError("needs an entry 'any' for the remaining categories")
    return lines


ByCategory = Annotated[FrozenMapping[str, FixedLines], AfterValidator(_check_categories)]
