"""Probabilities of two words at one place of an answer."""

from __future__ import annotations

import math
from collections.abc import Iterable

from qiaoban_guards.risk.remote.answers import NoVerdictError


def probability(tokens: Iterable[tuple[str, float]], word: str, other: str) -> float:
    """The probability of `word` against `other`, 0 to 1, out of (token, log-probability) pairs.

    The variants of a word with a space before it are added up. Raises NoVerdictError where
    neither word is among the tokens.
    """
    mass = {word: 0.0, other: 0.0}
    for token, logprob in tokens:
        plain = token.replace("\u2581", " ").strip()
        if plain in mass:
            mass[plain] += math.exp(min(logprob, 0.0))
    total = sum(mass.values())
    if total <= 0.0:
        raise NoVerdictError(f"neither {word} nor {other} among the tokens")
    return mass[word] / total
