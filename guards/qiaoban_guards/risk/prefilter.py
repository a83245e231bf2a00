"""Which rules can fire at all: found by the short strings that their expressions need.

Every match of an expression contains one of a few grams (short strings), which can be read off its
syntax. A message is cut into grams once; a rule none of whose grams is there is not tried.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import import_module
from operator import add
from string import ascii_lowercase, digits
from typing import Any

# How the standard library reads an expression; it has no other name for it.
op: Any = import_module("re._constants")
syntax: Any = import_module("re._parser")

HAN_GRAM = 2
LATIN_GRAM = 4
_FEW = 2
_LATIN_RUN = re.compile(r"[\x00-\x7f]{3}")
_MOST_STRINGS = 400
_MOST_SETS = 2
_WIDEST_RANGE = 12
_USUAL = "的一是了我不人在他有这个上们来到你说就去会和那要没好么看起都还过后可以给为什对啊吗呢吧"
_OFTEN = 40
"""How much dearer than a rare one a usual character is as a gram."""
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
        self._keys = frozenset(self.index)
        self._lengths = sorted({len(gram) for gram in grams})
        longest = max((len(gram) for gram in grams if not gram.isascii()), default=0)
        self._short = [length for length in self._lengths if length <= max(longest, _FEW)]

    def candidates(self, plain: str) -> list[int]:
        """The numbers, in order, of the rules that may fire in `plain`."""
        # A Chinese message has none of the longer grams, which are Latin.
        grams = _cut(plain, self._lengths if _LATIN_RUN.search(plain) else self._short)
        found = set(self.always)
        for gram in grams & self._keys:
            found.update(self.index[gram])
        also = self.also
        return sorted(
            [
                rule
                for rule in found
                if rule not in also or not any(map(grams.isdisjoint, also[rule]))
            ]
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


class FinePrefilter:
    """The same for rules whose expressions are long lists, made when they are loaded.

    Each alternative of each expression is an entry of its own, with grams that are rare in talk; a
    digit or a letter from a to z counts as one too, since few Chinese messages have either.
    """

    def __init__(self, rules: Iterable[Sequence[str]]) -> None:
        """`rules` are the expressions of each, any of which must match; with none it may always."""
        reader = _Reader(dict.fromkeys(_USUAL, _OFTEN), classes=True)
        index: dict[str, list[int]] = {}
        also: dict[int, list[frozenset[str]]] = {}
        always: list[int] = []
        self._owners: list[int] = []
        for rule, expressions in enumerate(rules):
            found = [sets for one in expressions for sets in reader.alternatives(one)]
            known = bool(found) and all(found)
            alternatives: list[list[frozenset[str]]] = found if known else [[]]
            for sets in alternatives:
                entry = len(self._owners)
                self._owners.append(rule)
                for gram in sorted(sets[0]) if sets else ():
                    index.setdefault(gram, []).append(entry)
                if not sets:
                    always.append(entry)
                if sets[1:]:
                    also[entry] = sets[1:]
        self._entries = Prefilter(index, always, also)

    def candidates(self, plain: str) -> list[int]:
        """The numbers, in order, of the rules that may fire in `plain`."""
        return sorted({self._owners[entry] for entry in self._entries.candidates(plain)})


def _cut(plain: str, lengths: Sequence[int]) -> set[str]:
    """Every stretch of a text that has one of some lengths."""
    grams: set[str] = set()
    stretches = list(plain)
    for length in range(1, lengths[-1] + 1 if lengths else 1):
        if length in lengths:
            grams.update(stretches)
        stretches = list(map(add, stretches, plain[length:]))
    return grams


class _Reader:
    def __init__(self, frequency: Mapping[str, int], *, classes: bool = False) -> None:
        self._frequency, self._classes = frequency, classes
        self._widest = len(ascii_lowercase) if classes else _WIDEST_RANGE

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

    def alternatives(self, expression: str) -> list[list[frozenset[str]]]:
        """The same for each alternative of an expression by itself."""
        tree = syntax.parse(expression, re.ASCII)
        while len(tree) == 1 and tree[0][0] is op.SUBPATTERN:
            tree = tree[0][1][3]
        one_branch = len(tree) == 1 and tree[0][0] is op.BRANCH
        branches = tree[0][1][1] if one_branch else [tree]
        return [sorted(self._offers(one), key=self._cost)[:_MOST_SETS] for one in branches]

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
                if self._classes and operator is op.ASSERT:  # what is looked ahead for is there
                    offers.append(self._of_sequence(argument[1]) or frozenset())
                continue
            strings = self._strings(operator, argument)
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

    def _strings(self, operator: Any, argument: Any) -> list[str] | None:
        """All strings that a part of an expression stands for; None where they are too many."""
        if operator is op.LITERAL:
            return [chr(argument)]
        if operator is op.IN:
            return self._members(argument)
        if operator is op.SUBPATTERN:
            return self._strings_of_sequence(argument[3])
        if operator is op.BRANCH:
            branches = [self._strings_of_sequence(branch) for branch in argument[1]]
            if any(branch is None for branch in branches):
                return None
            return _few([string for branch in branches if branch for string in branch])
        return None

    def _strings_of_sequence(self, tree: Any) -> list[str] | None:
        strings = [""]
        for operator, argument in tree:
            if operator in _TRANSPARENT:
                continue
            following = self._strings(operator, argument)
            if following is None or len(strings) * len(following) > _MOST_STRINGS:
                return None
            strings = [before + after for before in strings for after in following]
        return strings

    def _members(self, argument: Any) -> list[str] | None:
        strings: list[str] = []
        for operator, value in argument:
            if operator is op.LITERAL:
                strings.append(chr(value))
            elif operator is op.RANGE and value[1] - value[0] < self._widest:
                strings += [chr(code) for code in range(value[0], value[1] + 1)]
            elif self._classes and value is op.CATEGORY_DIGIT:
                strings += digits
            else:
                return None
        return strings


def _few(strings: list[str]) -> list[str] | None:
    return strings if len(strings) <= _MOST_STRINGS else None
