"""Judging the reply of a line of JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qiaoban_guards.batch.lines import Judged, LineJudge, judge_line
from qiaoban_guards.harms import Harm
from qiaoban_guards.output.lines import by_judge
from qiaoban_guards.output.reply import ReplyJudge
from qiaoban_guards.policy import load_policy, parse_policy
from qiaoban_guards.risk.conversation import CONTEXT

KEYS = ["allowed", "action", "rules", "harm", "scores", "ms"]
PLAIN = "extends: default\nid: plain\nremove: {output.rules: [reply_classifier]}\nexamples: []\n"
JUDGE = by_judge(ReplyJudge.of(parse_policy(PLAIN)))
KIND, UNKIND = "谢谢你告诉我，听起来你很难过。", "你真是个废物。"


def answered(judge: LineJudge = JUDGE, **record: Any) -> tuple[Judged, dict[str, Any]]:
    judged = judge_line(json.dumps(record).encode(), 7, judge)
    return judged, json.loads(judged.output)


def talk(*messages: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in messages]


def test_a_reply_is_allowed_or_told_what_is_wrong_with_it() -> None:
    judged, answer = answered(id="a", child="我考砸了", reply=KIND, label="safe")
    assert list(answer) == ["id", *KEYS]
    assert (answer["allowed"], answer["action"], answer["rules"]) == (True, "allow", [])
    assert (judged.flagged, judged.kind, judged.label) == (False, None, "safe")
    judged, answer = answered(child="我考砸了", reply=UNKIND)
    assert list(answer) == KEYS
    assert (answer["allowed"], answer["harm"]) == (False, "insult")
    assert answer["rules"] == ["insult"]
    assert answer["scores"] == {}
    assert (judged.flagged, judged.kind) == (True, Harm.INSULT)


def test_a_policy_with_a_classifier_tells_its_scores() -> None:
    _, answer = answered(by_judge(ReplyJudge.of(load_policy())), child="我考砸了", reply=KIND)
    assert set(answer["scores"]) == {str(harm) for harm in Harm}


def test_the_last_message_is_the_reply_and_the_childs_last_what_it_answers() -> None:
    _, whole = answered(
        messages=talk(
            ("system", UNKIND),
            ("user", "你好"),
            ("assistant", UNKIND),
            ("user", "我考砸了"),
            ("Assistant", KIND),
        )
    )
    assert whole["allowed"]
    _, bad = answered(messages=talk(("child", "我考砸了"), ("assistant", UNKIND)))
    assert bad["harm"] == "insult"


def test_a_long_conversation_is_read_from_its_end() -> None:
    long = [("user", f"第{n}句话") for n in range(100)]
    messages = [{"role": "user"}, *talk(*long[: CONTEXT + 1], ("assistant", KIND))]
    assert answered(messages=messages)[1]["allowed"]


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({}, "neither reply nor messages"),
        ({"child": "geheim"}, "neither reply nor messages"),
        ({"reply": "geheim"}, "child is not a string"),
        ({"child": None, "reply": "geheim"}, "child is not a string"),
        ({"child": "geheim", "reply": 3}, "reply is not a string"),
        ({"child": "geheim", "reply": " \n"}, "the reply is blank"),
        ({"reply": "geheim", "messages": []}, "both reply and messages"),
        ({"messages": []}, "messages is not a list with something in it"),
        ({"messages": talk(("user", "geheim"))}, "messages do not end with one of role assistant"),
        ({"messages": talk(("assistant", "geheim"))}, "messages hold none of role user or child"),
        ({"messages": ["geheim"]}, "messages[0] is not an object"),
    ],
)
def test_what_is_no_reply_is_told_and_not_quoted(record: dict[str, Any], problem: str) -> None:
    judged, answer = answered(**record)
    assert answer == {"error": problem if judged.error == problem else judged.error, "line": 7}
    assert judged.error is not None
    assert judged.error.startswith(problem)
    assert "geheim" not in judged.error
