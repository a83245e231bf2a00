"""Which rules can fire at all: found by the short strings that their expressions need.

Every match of an expression contains one of a few grams (short strings), which can be read off its
syntax. A message is cut into grams once; a rule none of whose grams is there is not tried.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

# How the standard library reads an expression; it has no other name for it.
op: Any = import_module("re._constants")
syntax: Any = import_module("re._parser")

HAN_GRAM = 2
LATIN_GRAM = 4
_MOST_STRINGS = 400
_MOST_SETS = 2
_WIDEST_RANGE = 12
_TRANSPARENT = (op.AT, op.ASSERT, op.ASSERT_NOT)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


class Prefilter:
    """`index` maps a gram to the numbers of the rules that need it or one of its like.

    `always` are the rules of which no gram is known. `also` maps a rule to further sets of grams,
    of each of which a message must have one.
    """

    def __init__(
        self,
        index: Mapping[str, Sequence[int]],
        always: Collection[int] = (),
        also: Mapping[int, Iterable[Collection[str]]] | None = None,
    ) -> None:
        self.index, self.always = dict(index), tuple(always)
        self.also = {rule: tuple(map(frozenset, sets)) for rule, sets in (also or {}).items()}
        grams = {*self.index, *(gram for sets in self.also.values() for s in sets for gram in s)}
        self._lengths = sorted({len(gram) for gram in grams})

    def candidates(self, plain: str) -> list[int]:
        """The numbers, in order, of the rules that may fire in `plain`."""
        grams = {
            plain[place : place + length]
            for length in self._lengths
            for place in range(len(plain) - length + 1)
        }
        found = set(self.always)
        for gram in grams & self.index.keys():
            found.update(self.index[gram])
        also = self.also
        return sorted(
            rule for rule in found if rule not in also or not any(map(grams.isdisjoint, also[rule]))
        )

    @classmethod
    def build(
        cls,
        rules: Iterable[tuple[Sequence[str], Sequence[str]]],
        frequency: Mapping[str, int] | None = None,
    ) -> Prefilter:
        """Read the grams off each rule's expressions, and off those that it needs besides.

        Of what an expression needs, what is rarest by `frequency` leads to the rule.
        """
        index: dict[str, list[int]] = {}
        always: list[int] = []
        also: dict[int, list[frozenset[str]]] = {}
        reader = _Reader(frequency or {})
        for number, (expressions, needs) in enumerate(rules):
            sets = reader.needed_by_all(expressions)
            if not sets:
                always.append(number)
            for gram in sorted(sets[0]) if sets else ():
                index.setdefault(gram, []).append(number)
            if more := [*sets[1:], *reader.needed_by_all(needs)]:
                also[number] = more
        return cls(index, always, also)


class _Reader:
    def __init__(self, frequency: Mapping[str, int]) -> None:
        self._frequency = frequency

    def needed_by_all(self, expressions: Sequence[str]) -> list[frozenset[str]]:
        """Sets of grams, the rarest first, of each of which every match has one."""
        offers = [
            sorted(self._offers(syntax.parse(expression, re.ASCII)), key=self._cost)
            for expression in expressions
        ]
        told = min(map(len, offers), default=0)
        return [
            frozenset(gram for of in offers for gram in of[place])
            for place in range(min(told, _MOST_SETS))
        ]

    def _cost(self, grams: Iterable[str]) -> int:
        # Whole numbers: the sum must not depend on the order of a set.
        return sum(12 * self._frequency.get(gram, 0) + 12 // len(gram) for gram in grams)

    def _of_sequence(self, tree: Any) -> frozenset[str] | None:
        return min(self._offers(tree), key=self._cost, default=None)

    def _offers(self, tree: Any) -> list[frozenset[str]]:
        """For every part of a sequence that must be there, the grams of which it has one."""
        offers: list[frozenset[str]] = []
        run: list[str] = [""]
        for operator, argument in tree:
            if operator in _TRANSPARENT:
                continue
            strings = _strings(operator, argument)
            if strings and all(strings) and len(run) * len(strings) <= _MOST_STRINGS:
                run = [before + after for before in run for after in strings]
                continue
            offers.append(self._grams(run))
            run = strings if strings and all(strings) else [""]
            offers.append(self._of_part(operator, argument) or frozenset())
        offers.append(self._grams(run))
        return [offer for offer in offers if offer]

    def _of_part(self, operator: Any, argument: Any) -> frozenset[str] | None:
        if operator is op.SUBPATTERN:
            return self._of_sequence(argument[3])
        if operator is op.BRANCH:
            parts = [self._of_sequence(branch) for branch in argument[1]]
            if None in parts:
                return None
            return frozenset(gram for part in parts if part for gram in part)
        if operator in (op.MAX_REPEAT, op.MIN_REPEAT) and argument[0] >= 1:
            return self._of_sequence(argument[2])
        return None

    def _grams(self, strings: Sequence[str]) -> frozenset[str]:
        if not all(strings):
            return frozenset()
        return frozenset(self._rarest(string) for string in strings)

    def _rarest(self, string: str) -> str:
        length = LATIN_GRAM if string.isascii() else HAN_GRAM
        windows = [string[i : i + length] for i in range(max(len(string) - length, 0) + 1)]
        return min(windows, key=lambda gram: self._frequency.get(gram, 0))


def _strings(operator: Any, argument: Any) -> list[str] | None:
    """All strings that a part of an expression stands for; None where they are too many."""
    if operator is op.LITERAL:
        return [chr(argument)]
    if operator is op.IN:
        return _members(argument)
    if operator is op.SUBPATTERN:
        return _strings_of_sequence(argument[3])
    if operator is op.BRANCH:
        branches = [_strings_of_sequence(branch) for branch in argument[1]]
        if any(branch is None for branch in branches):
            return None
        return _few([string for branch in branches if branch for string in branch])
    return None


def _strings_of_sequence(tree: Any) -> list[str] | None:
    strings: list[str] | None = [""]
    for operator, argument in tree:
        if operator in _TRANSPARENT:
            continue
        following = _strings(operator, argument)
        if strings is None or following is None:
            return None
        strings = _few([before + after for before in strings for after in following])
    return strings


def _few(strings: list[str]) -> list[str] | None:
    return strings if len(strings) <= _MOST_STRINGS else None


def _members(argument: Any) -> list[str] | None:
    strings: list[str] = []
    for operator, value in argument:
        if operator is op.LITERAL:
            strings.append(chr(value))
        elif operator is op.RANGE and value[1] - value[0] < _WIDEST_RANGE:
            strings += [chr(code) for code in range(value[0], value[1] + 1)]
        else:
            return None
    return strings
