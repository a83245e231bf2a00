"""How a judge's answers become a score: PICA's protocol, and one without its faults.

PICA (NEU-DataMining/PICA) asks for 20 samples at temperature 2 with 5 tokens each; a sample counts
if a number in (0, 5] leads it; a round is taken if two thirds count, or in the fifth try if one
does; the score is their mean. Its code repeated for ever where none ever counted, and tied scores
to items by the order of arrival. Here a judge is asked a bounded number of times, and a score is
returned to whoever asked for it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Literal, cast

from qiaoban_agent.models.base import Message
from qiaoban_finetune.evaluate.judges.judge import Judge, Wish
from qiaoban_guards.documents import Frozen

Protocol_ = Literal["structured", "pica"]
PICA = Wish(samples=20, temperature=2.0, max_tokens=5)
_PICA_TRIES = 5
_TRIES = 3
_LEADING = re.compile(r"\s*(\d+(?:\.\d+)?)")
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


class Verdict(Frozen):
    """A score from 1 to 5, or None and why there is none; `reason` is the judge's."""

    score: float | None
    reason: str = ""
    counted: int = 0
    asked: int = 0


class Asking(Frozen):
    """How judges are asked: `samples` and `temperature` are for the structured protocol.

    `told_form`: whether the server is told the form of the answer; not every server understands.
    """

    protocol: Protocol_ = "structured"
    samples: int = 1
    temperature: float = 0.0
    told_form: bool = True


async def verdict_of(
    judge: Judge, messages: Callable[[Literal["score", "number"]], Sequence[Message]], how: Asking
) -> Verdict:
    """Ask a judge for a score. What goes wrong is told in the verdict, never raised."""
    try:
        if how.protocol == "pica":
            return await _pica(judge, messages("number"))
        return await _structured(judge, messages("score"), how)
    except Exception as error:
        return Verdict(score=None, reason=f"the judge failed: {type(error).__name__}: {error}")


async def _pica(judge: Judge, messages: Sequence[Message]) -> Verdict:
    for number in range(1, _PICA_TRIES + 1):
        said = await judge.ask(messages, PICA)
        scores = [score for one in said if (score := leading_number(one)) is not None]
        enough = 3 * len(scores) >= 2 * PICA.samples
        if enough or (number == _PICA_TRIES and scores):
            mean = sum(scores) / len(scores)
            return Verdict(score=mean, counted=len(scores), asked=number * PICA.samples)
    asked = _PICA_TRIES * PICA.samples
    return Verdict(score=None, reason=f"no score in {asked} answers", asked=asked)


async def _structured(judge: Judge, messages: Sequence[Message], how: Asking) -> Verdict:
    """Up to three rounds, each for the samples that are still missing."""
    wish = Wish(temperature=how.temperature, form="score" if how.told_form else "")
    scores: list[int] = []
    reasons: list[str] = []
    asked = 0
    for _ in range(_TRIES):
        missing = how.samples - len(scores)
        if not missing:
            break
        said = await judge.ask(messages, wish.model_copy(update={"samples": missing}))
        asked += missing
        for one in said:
            if (read := structured_score(one)) is not None:
                scores.append(read[0])
                reasons.append(read[1])
    if not scores:
        return Verdict(score=None, reason=f"no score in {asked} answers", asked=asked)
    mean = sum(scores) / len(scores)
    return Verdict(score=mean, reason=reasons[0], counted=len(scores), asked=asked)


def leading_number(answer: str) -> float | None:
    """The number in (0, 5] that leads an answer."""
    found = _LEADING.match(answer)
    if found is None:
        return None
    value = float(found[1])
    return value if 0 < value <= 5 and math.isfinite(value) else None


def structured_score(answer: str) -> tuple[int, str] | None:
    """A whole score from 1 to 5 and the reason, from an answer that holds one JSON object."""
    given = object_in(answer)
    score = given.get("score")
    if isinstance(score, bool) or not isinstance(score, int) or not 1 <= score <= 5:
        return None
    return score, str(given.get("reason", ""))


def object_in(answer: str) -> dict[str, object]:
    """The JSON object of an answer, also between other words; empty where there is none."""
    found = _OBJECT.search(answer)
    if found is None:
        return {}
    try:
        given: object = json.loads(found[0])
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", given) if isinstance(given, dict) else {}
