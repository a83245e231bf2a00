"""Judging the reply of one line of JSON.

A line has `child` and `reply`, or `messages` (a list of {role, content}) that end with one of role
`assistant`: the reply. The last message of role `user` or `child` is then what it answers, and the
child's CONTEXT messages before that say how grave it is.
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
    role,
    said_by_child,
    string,
)
from qiaoban_guards.output.reply import ReplyJudge
from qiaoban_guards.risk.conversation import CONTEXT


def by_judge(judge: ReplyJudge) -> LineJudge:
    """Judges replies by a policy's rules; a reply that is not allowed is flagged."""
    return partial(_judge, judge=judge)


def _judge(record: Mapping[str, Any], *, judge: ReplyJudge) -> Answer:
    *before, child, reply = _exchange(record)
    context = [{"role": "child", "content": message} for message in before]
    found = judge.judge(child, reply, before=context)
    fields = {
        "allowed": found.allowed,
        "action": found.action,
        "rules": list(found.rules),
        "harm": found.harm,
        "scores": {str(harm): round(score, 4) for harm, score in found.scores.items()},
    }
    return Answer(fields, not found.allowed, found.harm)


def _exchange(record: Mapping[str, Any]) -> list[str]:
    """What the child said, oldest first, and the reply to the last of it."""
    reply, messages = record.get("reply"), record.get("messages")
    if (reply is None) == (messages is None):
        both = "both reply and messages" if reply is not None else "neither reply nor messages"
        raise MalformedError(f"{both}; one of them is needed")
    if reply is not None:
        said = [string(record.get("child"), "child"), string(reply, "reply")]
    else:
        said = _last_exchange(record)
    if not said[-1].strip():
        raise MalformedError("the reply is blank")
    return said


def _last_exchange(record: Mapping[str, Any]) -> list[str]:
    messages = messages_of(record)
    last = len(messages) - 1
    if role(messages, last) != "assistant":
        raise MalformedError("messages do not end with one of role assistant")
    said = said_by_child(messages, last, CONTEXT + 1)
    if not said:
        raise MalformedError("messages hold none of role user or child")
    return [*said, content(messages, last)]
