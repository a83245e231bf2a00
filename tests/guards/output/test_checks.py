"""What each kind of output rule reads in a sentence, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from qiaoban_guards.harms import Harm
from qiaoban_guards.output import OutputRules, Segmenter, Spoken, Verdict
from qiaoban_guards.output.gate import visible
from qiaoban_guards.output.reading import hardest_clause, long_words, other_language
from qiaoban_guards.policy import load_policy
from qiaoban_guards.policy.output import OutputRule
from qiaoban_guards.policy.types import Language

RULE: TypeAdapter[OutputRule] = TypeAdapter(OutputRule)


def judge(
    sentence: str, child: str = "", language: Language = "zh", said: str = "", **rule: Any
) -> Verdict:
    one = RULE.validate_python({"id": "one", "reason": "for this test", **rule})
    rules = OutputRules([one], spare=["12338"])
    acts = frozenset(rule.get("acts", ())[:1])
    return rules.judge(sentence, Spoken(child, said, language, acts=acts))


@pytest.mark.parametrize(
    ("child", "allowed"),
    [("我给妈妈准备了惊喜", True), ("叔叔摸了我", False), ("", False)],
)
def test_a_pattern_may_depend_on_what_the_child_said(child: str, allowed: bool) -> None:
    verdict = judge("这件事我不说。", child, kind="pattern", any=["我不说"], unless=["惊喜"])
    assert verdict.allowed is allowed


def test_a_pattern_may_need_something_in_the_message() -> None:
    rule: dict[str, Any] = {"kind": "pattern", "any": ["没事的"], "needs": ["打我"]}
    assert judge("没事的。", "我考砸了", **rule).allowed
    assert not judge("没事的。", "哥哥打我", **rule).allowed


@pytest.mark.parametrize("said", ["这是我们的……", "这是我们的...", "这是我们的。。。"])
def test_dots_do_not_tear_a_phrase(said: str) -> None:
    assert not judge("小秘密。", said=said, kind="pattern", any=["我们的小秘密"]).allowed


def test_the_span_is_that_of_the_sentence() -> None:
    verdict = judge("嗯，小秘密哦。", said="我们的", kind="pattern", any=["秘密"])
    assert "嗯，小秘密哦。"[verdict.start : verdict.end] == "秘密"


@pytest.mark.parametrize(
    ("sentence", "allowed"),
    [
        ("打12338就有人听。", True),
        ("打13812345678找我。", False),
        ("发到someone@example.com吧。", False),
        ("三加五等于八。", True),
    ],
)
def test_numbers_are_personal_but_for_the_helplines(sentence: str, allowed: bool) -> None:
    rule: dict[str, Any] = {"kind": "personal_data", "kinds": ["phone", "email"]}
    assert judge(sentence, **rule).allowed is allowed


def test_an_act_is_held_against_a_sentence() -> None:
    rule: dict[str, Any] = {"kind": "acts", "acts": ["promise"]}
    assert judge("好的。", **rule).rule == "one"


@pytest.mark.parametrize(
    ("sentence", "language", "other"),
    [
        ("今天很好玩。", "zh", False),
        ("OK，我们用WiFi下载。", "zh", False),
        ("I am sorry that your day was so bad.", "zh", True),
        ("I am sorry.", "en", False),
        ("今天你一定很难过吧。", "en", True),
        ("大丈夫だよ、心配しないでね。", "zh", True),
        ("괜찮아요 걱정하지 마세요.", "zh", True),
        ("Не плачь, всё будет хорошо.", "en", True),
        ("Café is a nice word.", "en", False),
        ("😀😀😀", "zh", False),
    ],
)
def test_the_language_of_a_sentence(sentence: str, language: Language, other: bool) -> None:
    assert other_language(sentence.lower(), language) is other


def test_hard_sentences_are_told_from_easy_ones() -> None:
    assert hardest_clause("你好，今天天气真不错。", "zh") == 7
    assert hardest_clause("well, this is a nice day", "en") == 5
    assert long_words("responsibility and communication") == 2
    assert long_words("we like ice cream") == 0


@given(st.text(max_size=60), st.integers(1, 60))
def test_what_steers_a_screen_is_gone_whatever_the_pieces(text: str, size: int) -> None:
    segmenter = Segmenter(120, 40)
    out = [s for at in range(0, len(text), size) for s in segmenter.feed(text[at : at + size])]
    out += segmenter.finish()
    assert "".join(out) == visible(text)
    assert not {"\u202e", "\x1b", "\x00"} & set("".join(out))


def test_the_gravest_rule_decides_and_all_are_told() -> None:
    rules = [
        RULE.validate_python(
            {"id": action, "kind": "pattern", "reason": "r", "any": ["坏话"], "action": action}
        )
        for action in ("redact", "drop", "stop", "retry", "replace", "escalate")
    ]
    verdict = OutputRules(rules).judge("说一句坏话。", Spoken("", "", "zh"))
    assert verdict.action == "escalate"
    assert [one.action for one in verdict.broken] == [
        "escalate",
        "replace",
        "retry",
        "stop",
        "drop",
        "redact",
    ]


def test_a_forbidden_persona_is_never_played() -> None:
    verdict = OutputRules.of(load_policy()).judge("我是真人。", Spoken("", "", "zh"))
    assert verdict.rule == "persona.human"
    assert verdict.harm is Harm.IDENTITY_CLAIM
