"""What else moves a judge: the order of two replies, and their length.

Every reply is set against itself with sentences added that say nothing, in both orders. A fair
judge finds neither better and answers alike in both orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

from qiaoban_finetune.evaluate.judges.criteria import prompts, question
from qiaoban_finetune.evaluate.judges.judge import Judge, Wish
from qiaoban_finetune.evaluate.judges.protocols import Asking, object_in
from qiaoban_finetune.evaluate.judges.scoring import judge_reply
from qiaoban_finetune.evaluate.statistics import Estimate, estimate
from qiaoban_guards.documents import Frozen
from qiaoban_guards.policy.types import Language

Better = Literal["A", "B", "tie"]


class Probed(Frozen):
    """A reply to probe with; `talk` is (role, words) up to the child's last message."""

    id: str
    talk: tuple[tuple[str, str], ...]
    reply: str
    language: Language


class Bias(Frozen):
    """How a judge is moved by what should not move it.

    `first`: the share of decided pairs in which the reply shown first won; fair is 0.5. `flipped`:
    pairs whose winner changed with the order; fair is 0. `longer`: decided pairs in which the
    padded reply won; fair is 0.5 at most. `padding`: points that padding adds to a score; fair is
    0 at most. `length`: rank correlation of scores with the length of replies (Spearman), which
    says something only where long replies are not better ones.
    """

    judge: str
    criterion: str
    replies: int
    unanswered: int
    first: Estimate | None
    flipped: Estimate | None
    longer: Estimate | None
    padding: Estimate | None
    length: float | None


async def probe(judge: Judge, criterion: str, replies: Sequence[Probed], how: Asking) -> Bias:
    """Probe a judge with replies; four questions each."""
    from anyio import CapacityLimiter, create_task_group

    seen: dict[str, _Seen] = {}
    limit = CapacityLimiter(8)

    async def one(reply: Probed) -> None:
        async with limit:
            seen[reply.id] = await _see(judge, criterion, reply, how)

    async with create_task_group() as group:
        for reply in replies:
            group.start_soon(one, reply)
    return _bias(judge.name, criterion, [seen[reply.id] for reply in replies], replies)


class _Seen(Frozen):
    plain_first: Better | None
    padded_first: Better | None
    score: float | None
    padded_score: float | None


async def _see(judge: Judge, criterion: str, one: Probed, how: Asking) -> _Seen:
    longer = padded(one.reply, one.language)
    scores = [
        (await judge_reply(judge, criterion, one.talk, reply, language=one.language, how=how)).score
        for reply in (one.reply, longer)
    ]
    return _Seen(
        plain_first=await _better(judge, criterion, one, (one.reply, longer), how),
        padded_first=await _better(judge, criterion, one, (longer, one.reply), how),
        score=scores[0],
        padded_score=scores[1],
    )


async def _better(
    judge: Judge, criterion: str, one: Probed, pair: tuple[str, str], how: Asking
) -> Better | None:
    asked = question(criterion, one.talk, pair, one.language, "pair")
    try:
        said = await judge.ask(asked, Wish(form="pair" if how.told_form else ""))
    except Exception:
        return None
    better = object_in(said[0]).get("better") if said else None
    return better if better in ("A", "B", "tie") else None


def padded(reply: str, language: Language) -> str:
    """A reply with sentences behind it that say nothing, about as long again."""
    glue = "" if language == "zh" else " "
    parts = [reply]
    for sentence in prompts().padding[language]:
        parts.append(sentence)
        if len(glue.join(parts)) >= 2 * len(reply):
            break
    return glue.join(parts)


def _bias(judge: str, criterion: str, seen: Sequence[_Seen], replies: Sequence[Probed]) -> Bias:
    first: dict[str, list[float]] = {}
    longer: dict[str, list[float]] = {}
    flipped: dict[str, list[float]] = {}
    padding: dict[str, list[float]] = {}
    unanswered = 0
    for reply, one in zip(replies, seen, strict=True):
        answers = (one.plain_first, one.padded_first)
        unanswered += sum(answer is None for answer in answers)
        decided = [answer for answer in answers if answer in ("A", "B")]
        first[reply.id] = [float(answer == "A") for answer in decided]
        longer[reply.id] = [
            float(answer == padded_is)
            for answer, padded_is in zip(answers, ("B", "A"), strict=True)
            if answer in ("A", "B")
        ]
        if None not in answers:
            swapped = {"A": "B", "B": "A", "tie": "tie"}[str(one.padded_first)]
            flipped[reply.id] = [float(one.plain_first != swapped)]
        if one.score is not None and one.padded_score is not None:
            padding[reply.id] = [one.padded_score - one.score]
    return Bias(
        judge=judge,
        criterion=criterion,
        replies=len(replies),
        unanswered=unanswered,
        first=estimate(first, share=True),
        flipped=estimate(flipped, share=True),
        longer=estimate(longer, share=True),
        padding=estimate(padding, share=False),
        length=_rank_correlation(
            [(len(r.reply), s.score) for r, s in zip(replies, seen, strict=True) if s.score]
        ),
    )


def _rank_correlation(pairs: Sequence[tuple[int, float]]) -> float | None:
    if len({a for a, _ in pairs}) < 2 or len({b for _, b in pairs}) < 2:
        return None
    scipy: Any = import_module("scipy.stats")
    return float(scipy.spearmanr(*zip(*pairs, strict=True)).statistic)
