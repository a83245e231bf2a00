"""Patterns with exceptions, and named fragments to write them with."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

_MACRO = re.compile(r"\{([a-z][a-z_]*)\}")


@dataclass(frozen=True, slots=True)
class Hit:
    """A stretch `text[start:end]` of the plain form that a pattern matched."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Pattern:
    r"""Any of some regular expressions, save where an exception overlaps the hit.

    `\b` and `\w` are ASCII, so that an English word has an edge where it touches Han.

    Raises ValueError that names the expression which does not compile.
    """

    any: Sequence[str]
    except_: Sequence[str] = ()
    _any: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _except: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_any", _alternation(self.any))
        object.__setattr__(self, "_except", _alternation(self.except_) if self.except_ else None)

    def hits(self, text: str) -> Iterator[Hit]:
        """Yield every hit in `text` that no exception overlaps, from left to right.

        An empty match is neither a hit nor an exception.
        """
        spared: list[tuple[int, int]] | None = None
        position = 0
        while position <= len(text) and (match := self._any.search(text, position)) is not None:
            start, end = match.span()
            if start == end:
                position = end + 1
                continue
            if spared is None:
                found = self._except.finditer(text) if self._except else ()
                spared = [m.span() for m in found if m.start() < m.end()]
            if _overlaps(start, end, spared):
                position = start + 1
            else:
                yield Hit(start, end)
                position = end

    @property
    def search(self) -> Callable[[str], re.Match[str] | None]:
        """The bare search: None only where there is no hit, exceptions aside."""
        return self._any.search

    def first(self, text: str) -> Hit | None:
        """The leftmost hit, or None."""
        return next(self.hits(text), None)

    def matches_whole(self, text: str) -> bool:
        """Whether one of the expressions covers all of `text`."""
        return self._any.fullmatch(text) is not None


def _overlaps(start: int, end: int, spans: list[tuple[int, int]]) -> bool:
    """Whether a span, of those in order and apart, shares a character with [start, end)."""
    index = bisect_right(spans, start, key=lambda span: span[1])
    return index < len(spans) and spans[index][0] < end


def _alternation(expressions: Sequence[str]) -> re.Pattern[str]:
    try:
        return re.compile("|".join(f"(?:{e})" for e in expressions), re.ASCII)
    except re.error as error:
        raise ValueError(f"not a regular expression: {_culprit(expressions) or error}") from error


def _culprit(expressions: Sequence[str]) -> str | None:
    for expression in expressions:
        try:
            re.compile(expression)
        except re.error as error:
            return f"{error} in {expression!r}"
    return None


def expand(expression: str, macros: Mapping[str, str]) -> str:
    """Replace every `{name}` by its macro as a group; macros may use macros.

    Raises ValueError for a name that is not defined.
    """
    for _ in range(9):  # deeper nesting than this is a macro that names itself
        expanded = _MACRO.sub(lambda match: _macro(match[1], macros), expression)
        if expanded == expression:
            break
        expression = expanded
    return expression


def _macro(name: str, macros: Mapping[str, str]) -> str:
    if name not in macros:
        near = get_close_matches(name, macros, n=1)
        hint = f", did you mean {{{near[0]}}}?" if near else ""
        raise ValueError(f"no macro is called {{{name}}}{hint}")
    return f"(?:{macros[name]})"
