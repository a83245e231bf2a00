"""The parse tree of a regular expression: what it begins with, and texts that it matches.

Trees are those of Python's own engine, lists of (operation, argument).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from itertools import islice, product
from typing import Any, cast

sre: Any = import_module("re._constants")
"""What operations are called; private to Python, and the same in 3.11 to 3.14."""
_parser: Any = import_module("re._parser")
Operation = tuple[Any, Any]
Tree = list[Operation]
UNBOUNDED = 64
"""Repeats of this many are as bad as endless ones: a sentence is about as long."""
REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT)
ASSERTIONS = (sre.ASSERT, sre.ASSERT_NOT)
_ANYTHING = frozenset({"\0any"})


def parsed(expression: str) -> Tree:
    """The tree of an expression as patterns compile it; re.error where it is none."""
    return cast("Tree", list(_parser.parse(expression, re.ASCII)))


def everywhere(tree: Tree) -> Iterator[tuple[Any, Any]]:
    """Every operation of a tree, at any depth."""
    for operation, argument in tree:
        yield operation, argument
        for inner in inner_of(operation, argument):
            yield from everywhere(inner)


def sequences(tree: Tree) -> Iterator[Tree]:
    """Every stretch of operations that follow each other, groups without a repeat opened."""
    yield flat(tree)
    for operation, argument in tree:
        for inner in inner_of(operation, argument):
            yield from sequences(inner)


def inner_of(operation: Any, argument: Any) -> list[Tree]:
    """The trees inside one operation."""
    if operation in REPEATS or operation is sre.POSSESSIVE_REPEAT:
        return [list(argument[2])]
    if operation is sre.SUBPATTERN:
        return [list(argument[3])]
    if operation is sre.BRANCH:
        return [list(branch) for branch in argument[1]]
    if operation in ASSERTIONS:
        return [list(argument[1])]
    return [list(argument)] if operation is sre.ATOMIC_GROUP else []


def flat(tree: Tree) -> Tree:
    """A sequence with its plain groups opened."""
    opened: Tree = []
    for operation, argument in tree:
        if operation is sre.SUBPATTERN:
            opened += flat(list(argument[3]))
        else:
            opened.append((operation, argument))
    return opened


def is_unbounded(argument: Any) -> bool:
    """Whether a repeat's argument is of one without end, or as good as without."""
    return bool(argument[1] >= UNBOUNDED) and bool(argument[0] != argument[1])


def can_be_empty(tree: Tree) -> bool:
    """Whether a tree matches the empty text."""
    for operation, argument in tree:
        if operation in REPEATS and (argument[0] == 0 or can_be_empty(list(argument[2]))):
            continue
        if operation in (*ASSERTIONS, sre.AT):
            continue
        if operation is sre.SUBPATTERN and can_be_empty(list(argument[3])):
            continue
        if operation is sre.BRANCH and any(can_be_empty(list(b)) for b in argument[1]):
            continue
        return False
    return True


def begins_with(tree: Tree) -> frozenset[Any]:
    """What a text that the tree matches can begin with: items of character sets."""
    found: frozenset[Any] = frozenset()
    for operation, argument in tree:
        found |= _items(operation, argument, first=True)
        if not can_be_empty([(operation, argument)]):
            break
    return found


def all_of(tree: Tree) -> frozenset[Any]:
    """Every character that a text which the tree matches can hold."""
    return frozenset[Any]().union(*(_items(o, a, first=False) for o, a in tree))


def _items(operation: Any, argument: Any, *, first: bool) -> frozenset[Any]:
    if operation is sre.LITERAL:
        return frozenset({(sre.LITERAL, argument)})
    if operation is sre.IN:
        return frozenset({(sre.IN, tuple(argument))})
    if operation is sre.NOT_LITERAL:
        return frozenset({(sre.IN, ((sre.NEGATE, None), (sre.LITERAL, argument)))})
    if operation is sre.ANY:
        return _ANYTHING
    if operation in ASSERTIONS:
        return frozenset()
    inner = inner_of(operation, argument)
    return frozenset[Any]().union(*(begins_with(tree) if first else all_of(tree) for tree in inner))


def overlap(left: frozenset[Any], right: frozenset[Any]) -> bool:
    """Whether one character is in both."""
    if not left or not right:
        return False
    return any(_holds(right, one) for one in characters(left)) or any(
        _holds(left, one) for one in characters(right)
    )


def _holds(items: frozenset[Any], character: str) -> bool:
    return any(item in _ANYTHING or _class(item).match(character) is not None for item in items)


def _class(item: Any) -> re.Pattern[str]:
    kind, argument = item
    if kind is sre.LITERAL:
        return re.compile(re.escape(chr(argument)))
    return re.compile(_written(argument), re.ASCII)


_CLASSES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}


def _written(items: tuple[tuple[Any, Any], ...]) -> str:
    """A character set as it is written."""
    parts: list[str] = []
    for kind, value in items:
        if kind is sre.NEGATE:
            parts.append("^")
        elif kind is sre.LITERAL:
            parts.append(re.escape(chr(value)))
        elif kind is sre.RANGE:
            parts.append(f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}")
        else:
            parts.append(_CLASSES[str(value)])
    return f"[{''.join(parts)}]"


_PROBES = "a0 Z-,.!?\n_我。，é\u3000\U0001f600"
"""Characters of every kind, for sets that are told by what is not in them."""


def characters(items: frozenset[Any]) -> Iterator[str]:
    """Some characters of each item: its own, else probes."""
    for item in items:
        if item in _ANYTHING:
            yield from _PROBES
            continue
        kind, argument = item
        if kind is sre.LITERAL:
            yield chr(argument)
            continue
        named = [c for k, v in argument for c in _named(k, v)]
        fits = _class(item)
        yield from (c for c in [*named, *_PROBES] if fits.match(c))


def _named(kind: Any, value: Any) -> list[str]:
    if kind is sre.LITERAL:
        return [chr(value)]
    return [chr(value[0]), chr(value[1])] if kind is sre.RANGE else []


def sample(tree: Tree) -> str:
    """A short text that the tree matches."""
    text = ""
    for operation, argument in tree:
        if operation in REPEATS or operation is sre.POSSESSIVE_REPEAT:
            text += sample(list(argument[2])) * min(argument[0], UNBOUNDED)
        elif operation in (sre.SUBPATTERN, sre.BRANCH, sre.ATOMIC_GROUP):
            text += sample(inner_of(operation, argument)[0])
        elif operation not in (*ASSERTIONS, sre.AT):
            text += next(characters(_items(operation, argument, first=True)), "")
    return text


def texts(expression: str, most: int) -> tuple[list[str], bool]:
    """Up to `most` texts that an expression matches, and whether they are all there are.

    What an expression looks for around the text (`(?<!…)`, `^`) is passed over.
    """
    return texts_of(parsed(expression), most)


def texts_of(tree: Tree, most: int) -> tuple[list[str], bool]:
    """The same of a tree."""
    found = list(islice(_texts(tree), most + 1))
    return list(dict.fromkeys(found[:most])), len(found) <= most and is_finite(tree)


def is_finite(tree: Tree) -> bool:
    """Whether a tree matches no more texts than can be written down: no sets, no long repeats."""
    few = 4
    for operation, argument in everywhere(tree):
        if operation in REPEATS and argument[1] > few:
            return False
        if operation in (sre.ANY, sre.NOT_LITERAL, sre.GROUPREF):
            return False
        if operation is sre.IN and any(kind is not sre.LITERAL for kind, _ in argument):
            return False
    return True


def _texts(tree: Tree) -> Iterator[str]:
    """Texts that a tree matches, in an order of its own; some where there are too many."""
    if not tree:
        yield ""
        return
    for first in _texts_of(*tree[0]):
        for rest in _texts(tree[1:]):
            yield first + rest


def _texts_of(operation: Any, argument: Any) -> Iterator[str]:
    if operation in (*ASSERTIONS, sre.AT):
        yield ""
    elif operation in REPEATS:
        fewest = min(argument[0], UNBOUNDED)
        for times in range(fewest, min(argument[1], max(fewest, 2)) + 1):
            body = list(argument[2])
            few = list(islice(_texts(body), 20))
            yield from ("".join(parts) for parts in product(few, repeat=times))
    elif inner := inner_of(operation, argument):
        yield from _in_turn([_texts(tree) for tree in inner])
    else:
        yield from islice(dict.fromkeys(characters(_items(operation, argument, first=True))), 20)


def _in_turn(sources: list[Iterator[str]]) -> Iterator[str]:
    """One of each in turn, until all are used up: some of every alternative."""
    while sources:
        for source in list(sources):
            text = next(source, None)
            if text is None:
                sources.remove(source)
            else:
                yield text


def alternatives(expression: str) -> list[str]:
    """The alternatives at the top of an expression, as they are written: `a|b` has two."""
    found, depth, start, position, in_set = list[str](), 0, 0, 0, False
    while position < len(expression):
        character = expression[position]
        if character == "\\":
            position += 2
            continue
        if in_set:
            in_set = character != "]" or expression[position - 1] in "[^"
        elif character == "[":
            in_set = True
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == "|" and not depth:
            found.append(expression[start:position])
            start = position + 1
        position += 1
    return [*found, expression[start:]]
