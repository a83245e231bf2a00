"""The risk of the last of several messages: what came before it opens dangers."""

from __future__ import annotations

from collections.abc import Sequence

from qiaoban_guards.risk.fragments import Guard, assess_after
from qiaoban_guards.risk.taxonomy import Category, Risk, RiskLevel
from qiaoban_guards.text import normalise

CONTEXT = 12
"""How many of the child's earlier messages are worth reading, so that one costs no more than so
many."""


def assess_last(guard: Guard, messages: Sequence[str]) -> Risk:
    """The risk of the last message; categories found at high or above before it are open.

    ValueError where there is none.
    """
    *earlier, last = messages
    open_: set[Category] = set()
    previous = ""
    for message in earlier[-CONTEXT:]:
        text = normalise(message)
        findings = assess_after(guard, text, previous, frozenset(open_)).findings
        open_ |= {finding.category for finding in findings if finding.level >= RiskLevel.HIGH}
        previous = text.plain
    return assess_after(guard, normalise(last), previous, frozenset(open_))
