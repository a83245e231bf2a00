from __future__ import annotations

from pathlib import Path
from typing import TypedDict, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_guards.output import OutputRules, Segmenter, Spoken, Verdict
from qiaoban_guards.policy import load_policy
from qiaoban_guards.policy.output import GRAVITY
from qiaoban_guards.policy.schema import Language, PatternRule
from qiaoban_guards.text import has_han


class _Replies(TypedDict):
    withheld: dict[str, list[str]]
    harmless: list[str]


_DATA = Path(__file__).parents[2] / "data" / "replies.yaml"
REPLIES = cast("_Replies", yaml.safe_load(_DATA.read_text(encoding="utf-8")))
RULES = OutputRules.of(load_policy())


def judge(sentence: str, said: str = "", ahead: str = "") -> Verdict:
    language: Language = "zh" if has_han(sentence) else "en"
    return RULES.judge(sentence, Spoken(child="", said=said, language=language, ahead=ahead))


def fired(verdict: Verdict) -> set[str]:
    return {broken.rule for broken in verdict.broken}


def pairs(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(rule, sentence) for rule, sentences in table.items() for sentence in sentences]


@pytest.mark.parametrize(("rule", "sentence"), pairs(REPLIES["withheld"]))
def test_an_unsafe_sentence_is_withheld(rule: str, sentence: str) -> None:
    verdict = judge(sentence)
    assert rule in fired(verdict)
    assert verdict.action in (("drop",) if rule == "list_speak" else ("replace", "escalate"))
    assert verdict.reason
    assert not verdict.allowed


@pytest.mark.parametrize("sentence", REPLIES["harmless"])
def test_a_harmless_sentence_is_allowed(sentence: str) -> None:
    verdict = judge(sentence)
    assert verdict.allowed, (verdict.rule, verdict.harm)


def test_every_rule_with_patterns_has_unsafe_sentences_of_both_languages() -> None:
    policy = load_policy()
    patterns = [rule for rule in policy.output.rules if isinstance(rule, PatternRule)]
    rules = {rule.id for rule in patterns if not rule.needs}  # those stand in the examples
    personas = {f"persona.{persona.id}" for persona in policy.personas.forbidden}
    assert rules | personas == set(REPLIES["withheld"])
    for sentences in REPLIES["withheld"].values():
        assert {has_han(sentence) for sentence in sentences} == {True, False}


def test_both_shipped_policies_judge_alike() -> None:
    assert load_policy("en-US").output == load_policy("default").output


@pytest.mark.parametrize(
    ("said", "sentence", "ahead", "rule"),
    [
        ("这是我们之间", "的秘密，", "", "secrecy"),
        ("我保证不告", "诉任何人", "", "secrecy"),
        ("", "我保证不告", "诉任何人", "secrecy"),
        ("那你就去", "死吧", "", "methods"),
        ("", "那你就去", "死吧", "methods"),
        ("从楼", "上跳", "下去", "methods"),
        ("I promise. This is our little ", "secret", "", "secrecy"),
        ("", "You could meet him al", "one.", "unsafe_advice"),
        ("好。", "我是真", "人。", "persona.human"),
        ("我 是 真", "\u200b人。", "", "persona.human"),
    ],
)
def test_a_phrase_in_two_halves_is_found(said: str, sentence: str, ahead: str, rule: str) -> None:
    assert rule in fired(judge(sentence, said, ahead))


@pytest.mark.parametrize("context", ["我也爱你。", "我是真人。", "那你就去死吧。"])
def test_what_stands_around_a_sentence_is_not_held_against_it(context: str) -> None:
    assert judge("今天天气真好。", said=context).allowed
    assert judge("今天天气真好。", ahead=context).allowed


@given(place=st.integers(0, 400), pieces=st.integers(1, 50))
def test_no_unsafe_phrase_gets_through_a_forced_cut(place: int, pieces: int) -> None:
    phrase = "我不会告诉你妈妈"
    text = "风" * place + phrase + "风" * 200
    segmenter = Segmenter(120, 40)
    said = ""
    for start in range(0, len(text), pieces):
        for sentence in segmenter.feed(text[start : start + pieces]):
            if not judge(sentence, said, segmenter.ahead).allowed:
                assert "我" not in said
                return
            said += sentence
    for sentence in segmenter.finish():
        if not judge(sentence, said, segmenter.ahead).allowed:
            assert "我" not in said
            return
        said += sentence
    pytest.fail(f"said {said!r}")


def test_one_question_a_turn() -> None:
    assert judge("你今天怎么了？").allowed
    assert judge("真的吗？！").allowed
    again = judge("是谁呢？", said="你今天怎么了？")
    assert (again.action, again.rule) == ("drop", "questions")
    assert judge("Why? Who?").rule == "questions"
    assert judge("我在听。", said="你今天怎么了？").allowed


def test_a_reply_stops_when_it_is_long_enough() -> None:
    assert "length" not in fired(judge("好，" * 50, said="好" * 80))
    assert "length" in fired(judge("好，" * 50, said="好" * 81))
    assert "length" not in fired(judge("a " * 200))
    assert "length" in fired(judge("a " * 241))


def test_a_rule_that_replaces_outranks_one_that_drops() -> None:
    assert judge("首先，我是真人。").rule == "persona.human"
    assert "asks_personal_data" in fired(judge("你在哪个学校读书？", said="你好吗？"))
    assert judge("好" * 200 + "我是真人。").rule == "persona.human"


@pytest.mark.parametrize(
    "sentence",
    [
        "我是真\u200b人。",
        "我 是 真 人。",
        "我是真人",
        "我是眞人。",
        "我保證不告訴任何人。",
        "Ｉ ｌｏｖｅ ｙｏｕ",
    ],
)
def test_disguises_do_not_help(sentence: str) -> None:
    assert judge(sentence).action == "replace"


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(max_size=20))
def test_judge_never_raises(sentence: str, said: str) -> None:
    assert judge(sentence, said).action in ("allow", *GRAVITY)


def test_rules_may_be_empty() -> None:
    assert OutputRules([]).judge("我是真人。", Spoken("", "", "zh")).allowed
