"""Judging the message of one line of JSON.

A line has `text`, or `messages` (a list of {role, content}), of which the last is judged whatever
its role. What the child said before it opens dangers: categories found at high or above in the last
CONTEXT messages of role `user` or `child`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from qiaoban_guards.batch.lines import (
    Answer,
    LineJudge,
    MalformedError,
    content,
    messages_of,
    said_by_child,
    string,
)
from qiaoban_guards.risk.classifier import RiskClassifier
from qiaoban_guards.risk.conversation import CONTEXT, assess_last
from qiaoban_guards.risk.fragments import Guard
from qiaoban_guards.risk.taxonomy import Risk, RiskLevel
from qiaoban_guards.text import normalise


def judge_messages(flag_from: RiskLevel = RiskLevel.MODERATE) -> LineJudge:
    """Judges messages by the guard that comes with the package."""
    return by_guard(RiskClassifier.shipped(), flag_from)


def by_guard(guard: Guard, flag_from: RiskLevel = RiskLevel.MODERATE) -> LineJudge:
    """Judges messages by any guard; a message is flagged from that level on."""
    return partial(_judge, guard=guard, flag_from=flag_from)


def _judge(record: Mapping[str, Any], *, guard: Guard, flag_from: RiskLevel) -> Answer:
    risk = _assess(record, guard)
    category = risk.findings[0].category if risk.findings else None
    flagged = risk.level >= flag_from
    fields = {
        "level": risk.level.label,
        "flagged": flagged,
        "category": category,
        "scores": {str(name): round(score, 4) for name, score in risk.scores.items()},
        "findings": [finding.model_dump(mode="json") for finding in risk.findings],
    }
    return Answer(fields, flagged, category)


def _assess(record: Mapping[str, Any], guard: Guard) -> Risk:
    text, messages = record.get("text"), record.get("messages")
    if (text is None) == (messages is None):
        both = "both text and messages" if text is not None else "neither text nor messages"
        raise MalformedError(f"{both}; one of them is needed")
    if text is not None:
        return guard.assess(normalise(string(text, "text")), frozenset())
    given = messages_of(record)
    last = content(given, len(given) - 1)
    return assess_last(guard, [*said_by_child(given, len(given) - 1, CONTEXT), last])
