"""Overlap with references: BLEU-4 (sacrebleu) and ROUGE-L.

What a good reply to a child is, no reference exhausts: overlap tells models of one data set apart,
not good replies from bad ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from qiaoban_finetune.evaluate.metrics.tokens import Cut, tokens
from qiaoban_guards.documents import Frozen
from qiaoban_guards.errors import MissingExtraError


class Bleu(Frozen):
    """Corpus BLEU-4 from 0 to 100, and sacrebleu's signature, which says how it was computed."""

    score: float
    signature: str


def bleu4(
    replies: Sequence[str], references: Sequence[Sequence[str]], cut: Cut = "characters"
) -> Bleu:
    """BLEU-4 over a corpus, with one or more references a reply.

    `characters` is sacrebleu's `zh`, which cuts Han characters apart and the rest as 13a does;
    `jieba` is cut here and handed over as it is. Raises MissingExtraError without sacrebleu.
    """
    try:
        sacrebleu: Any = import_module("sacrebleu.metrics.bleu")
    except ImportError as error:
        raise MissingExtraError("BLEU", "evaluate") from error
    metric = sacrebleu.BLEU(tokenize="zh" if cut == "characters" else "none")
    said, meant = list(replies), [list(one) for one in references]
    if cut == "jieba":
        said = [" ".join(tokens(one, cut)) for one in said]
        meant = [[" ".join(tokens(one, cut)) for one in row] for row in meant]
    most = max(len(row) for row in meant)
    streams = [[row[n] if n < len(row) else None for row in meant] for n in range(most)]
    score = metric.corpus_score(said, streams)
    signature = str(metric.get_signature()) + ("|cut:jieba" if cut == "jieba" else "")
    return Bleu(score=float(score.score), signature=signature)


def rouge_l(reply: str, references: Sequence[str], cut: Cut = "characters") -> float:
    """ROUGE-L from 0 to 1: F1 of the longest common subsequence, of the best reference (Lin 2004).

    Over tokens that Chinese has: the usual tokenizer drops every Han character.
    """
    said = tokens(reply, cut)
    return max((_f1(said, tokens(one, cut)) for one in references), default=0.0)


def _f1(said: Sequence[str], meant: Sequence[str]) -> float:
    common = _longest_common(said, meant)
    return 2 * common / (len(said) + len(meant)) if common else 0.0


def _longest_common(one: Sequence[str], two: Sequence[str]) -> int:
    row = [0] * (len(two) + 1)
    for token in one:
        before = 0
        for place, other in enumerate(two, start=1):
            kept = row[place]
            row[place] = before + 1 if token == other else max(row[place], row[place - 1])
            before = kept
    return row[-1]
