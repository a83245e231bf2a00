"""How much a companion repeats itself over a whole set: Distinct-n (Li et al. 2016)."""

from __future__ import annotations

from collections.abc import Iterable

from qiaoban_finetune.evaluate.metrics.tokens import Cut, tokens


def distinct(replies: Iterable[str], n: int, cut: Cut = "characters") -> float | None:
    """Different n-grams of all n-grams, over all replies; None where there is none.

    Falls as a set grows: compare sets of one size.
    """
    seen: set[tuple[str, ...]] = set()
    total = 0
    for reply in replies:
        cut_up = tokens(reply, cut)
        grams = list(zip(*(cut_up[start:] for start in range(n)), strict=False))
        seen.update(grams)
        total += len(grams)
    return len(seen) / total if total else None
