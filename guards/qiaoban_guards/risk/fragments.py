"""A thought typed in pieces: 我想 / 死. Short messages in a row are also read as one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from qiaoban_guards.risk.taxonomy import Category, Finding, Risk
from qiaoban_guards.text import Text, has_han, normalise


class Guard(Protocol):
    """Whatever judges a message; `open_` are the dangers already open in the conversation."""

    def assess(self, text: Text, open_: Collection[Category] = ()) -> Risk:
        """The risk of one message."""
        ...


_FRAGMENT = {True: 12, False: 32}
"""Characters up to which a message, in Chinese or not, may be a piece of a thought."""


def assess_after(guard: Guard, text: Text, previous: str, open_: Collection[Category] = ()) -> Risk:
    """The risk of a message that came right after `previous`, the child's message before it.

    Both are read as one where each is short; what a rule then finds across the seam counts, and
    stands on the part of it that is in `text`.
    """
    alone = guard.assess(text, open_)
    if not (_is_fragment(previous) and _is_fragment(text.plain)):
        return alone
    joined = normalise(previous + (" " if previous.isascii() else "") + text.original)
    seam = len(joined.original) - len(text.original)
    across = [
        _moved(finding, seam, text.original)
        for finding in guard.assess(joined, open_).findings
        if finding.start < seam < finding.end and not finding.source.startswith("model.")
    ]
    return Risk.of([*alone.findings, *across], alone.scores) if across else alone


def _is_fragment(plain: str) -> bool:
    return 0 < len(plain) <= _FRAGMENT[has_han(plain)]


def _moved(finding: Finding, before: int, original: str) -> Finding:
    start = min(max(finding.start - before, 0), max(len(original) - 1, 0))
    end = max(finding.end - before, start + 1)
    return finding.model_copy(update={"start": start, "end": end, "span": original[start:end]})
