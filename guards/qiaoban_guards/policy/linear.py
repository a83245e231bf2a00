"""Whether a regular expression can take far longer than its text is long.

Python's engine tries every way of reading a text. An expression is refused where it has a nested
unbounded repeat, two of them in a row that can share characters, alternatives of a repeat that can
begin alike, or a backreference; that is read from the engine's own parse tree. What is left is
measured on texts made from the expression: the time may not grow more than `STEEPEST` times for
four times the text. See docs/decisions/0008-linear-patterns.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from time import perf_counter

from qiaoban_guards.policy.expression_tree import (
    ASSERTIONS,
    REPEATS,
    Operation,
    Tree,
    all_of,
    begins_with,
    can_be_empty,
    everywhere,
    flat,
    inner_of,
    is_unbounded,
    overlap,
    parsed,
    sample,
    sequences,
    sre,
    texts_of,
)

OFTEN = 8
"""Repeats of fewer times than this cost little, whatever they repeat."""
STEEPEST = 40.0
"""A search that begins at every character is quadratic: 16 times; a cubic one takes 64."""
_LONGEST_TEXT = 4096
_MEASURABLE = 0.002
"""Seconds below which a time says nothing about growth."""
_LONG_ENOUGH = 0.02
_STEP = 1.25
_AGAIN = 5
_MOST_TEXTS = 50


def not_linear(expression: str) -> str | None:
    """Why an expression may be slow, or None; what the parse tree tells."""
    return next(_faults(parsed(expression)), None)


def growth(expression: str) -> float:
    """How many times longer the search takes for four times the text; 1 where nothing is told.

    The steepest of the texts made from the expression's repeats counts; what is too steep is
    measured again, since other work on the machine can look like growth.
    """
    pattern = re.compile(expression, re.ASCII)
    steepest = 1.0
    for text in adversaries(expression):
        found = _growth_on(pattern, *text)
        for _ in range(_AGAIN):
            if found > STEEPEST:
                found = min(found, _growth_on(pattern, *text))
        steepest = max(steepest, found)
    return steepest


def adversaries(expression: str) -> Iterator[tuple[str, str]]:
    """Pairs of what leads up to a repeat and what it repeats: texts that fail late."""
    yield from _pumps(parsed(expression), "")


def _faults(tree: Tree) -> Iterator[str]:
    for operation, argument in everywhere(tree):
        if operation in (sre.GROUPREF, sre.GROUPREF_EXISTS):
            yield "refers back to a group"
        if operation in REPEATS and argument[1] >= OFTEN:
            yield from _faults_of_repeated(list(argument[2]), endless=is_unbounded(argument))
    for sequence in sequences(tree):
        if _has_rivals_in_a_row(sequence):
            yield "has two endless repeats in a row that can share characters"


def _faults_of_repeated(body: Tree, *, endless: bool) -> Iterator[str]:
    if endless and any(o in REPEATS and is_unbounded(a) for o, a in everywhere(body)):
        yield "repeats without end what itself repeats without end"
    if any(_alike([left], [right]) for left, right in _rivals(body)):
        yield "repeats alternatives that can begin alike"
    if can_be_empty(body):
        yield "repeats what can be empty"
    elif _has_open_end(body):
        yield "repeats what can end with its own beginning, so that one text has many readings"


def _alike(left: Tree, right: Tree) -> bool:
    """Whether a text of one tree can begin a text of the other."""
    one, all_of_one = texts_of(left, _MOST_TEXTS)
    other, all_of_other = texts_of(right, _MOST_TEXTS)
    if all_of_one and all_of_other:
        return any(a.startswith(b) or b.startswith(a) for a in one for b in other)
    both_empty = can_be_empty(left) and can_be_empty(right)
    return both_empty or overlap(begins_with(left), begins_with(right))


def _has_open_end(body: Tree) -> bool:
    """Whether the last repeat of a body can read on into the beginning of the next round."""
    begins = begins_with(body)
    for operation, argument in reversed(flat(body)):
        varies = operation in REPEATS and argument[0] != argument[1] and argument[1] > 1
        if varies and overlap(all_of(list(argument[2])), begins):
            return True
        if not can_be_empty([(operation, argument)]):
            return False
    return False


def _rivals(body: Tree) -> Iterator[tuple[Operation, Operation]]:
    """Pairs of alternatives between which a repeat chooses."""
    for operation, argument in flat(body):
        if operation is sre.BRANCH:
            branches = [(sre.SUBPATTERN, (None, 0, 0, branch)) for branch in argument[1]]
            for index, left in enumerate(branches):
                for right in branches[index + 1 :]:
                    yield left, right


def _has_rivals_in_a_row(sequence: Tree) -> bool:
    """Whether a repeat without end can hand its characters to a later one in the sequence.

    Between them may stand only what can be empty or what both can read as well.
    """
    for index, (operation, argument) in enumerate(sequence):
        if operation not in REPEATS or not is_unbounded(argument):
            continue
        own = all_of(list(argument[2]))
        for later, other in sequence[index + 1 :]:
            if later in REPEATS and is_unbounded(other):
                if overlap(own, all_of(list(other[2]))):
                    return True
                if not other[0]:
                    continue
            if later in (sre.AT, *ASSERTIONS) or can_be_empty([(later, other)]):
                continue
            if not overlap(own, begins_with([(later, other)])):
                break
    return False


def _pumps(tree: Tree, before: str) -> Iterator[tuple[str, str]]:
    for operation, argument in tree:
        if operation in REPEATS and argument[1] > 1 and (pump := sample(list(argument[2]))):
            yield before, pump
        for inner in inner_of(operation, argument):
            if operation not in ASSERTIONS:
                yield from _pumps(inner, before)
        before += sample([(operation, argument)])


def _growth_on(pattern: re.Pattern[str], before: str, pump: str) -> float:
    """The growth for four times the text; short texts first, so that nothing hangs."""
    times = 4.0
    while _seconds(pattern, before, pump, int(times)) < _LONG_ENOUGH:
        if len(pump) * times >= _LONGEST_TEXT:
            break
        times *= _STEP
    took, less = (
        min(_seconds(pattern, before, pump, int(times / part)) for _ in range(3)) for part in (1, 4)
    )
    return took / max(less, 1e-6) if took >= _MEASURABLE else 1.0


def _seconds(pattern: re.Pattern[str], before: str, pump: str, times: int) -> float:
    text = f"{before}{pump * times}\0"
    began = perf_counter()
    pattern.search(text)
    return perf_counter() - began
