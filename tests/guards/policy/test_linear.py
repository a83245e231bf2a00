from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiaoban_guards.policy import load_policy, shipped_policies
from qiaoban_guards.policy.expression_tree import alternatives, texts
from qiaoban_guards.policy.linear import STEEPEST, adversaries, growth, not_linear
from qiaoban_guards.policy.output import PatternRule

FAST = [
    "(?:ab|cd)?ef",
    "a+b",
    "(?:a{0,3}b)+",
    r"\d+-\d+",
    "[^。]{0,10}死",
    "(?<!不)我.{0,6}是",
    "(?:a,)+b",
    r"\w+\s\w+",
    "a*b*c*",
    "(?:爸|妈)+打",
    "x(?=a+)y",
    "(?: (?:so|an?|such an?|really))* mean",
]
SLOW = [
    "(a+)+$",
    "(?:a|a)+$",
    "(?:a|ab|b)+$",
    r"\s*\s*$",
    ".*a.*b.*c$",
    "(?:a*)*b",
    r"(?:\w+\s?)+$",
    r"(a)\1+",
    "(?:.*,)+x",
    "(?:a+){10,}",
    "a*a*b",
    r"\d+\d+x",
    "(?:a?){50}a{50}",
    "(?:a{1,2}){30}b",
    "a+b?a+c",
    "(?:.|。)*x",
    "(?:爸|爸爸)+打",
    "[^。]*[^！]*死",
]


@pytest.mark.parametrize("expression", FAST)
def test_what_is_fast_is_let_pass(expression: str) -> None:
    assert not_linear(expression) is None
    assert growth(expression) <= STEEPEST


@pytest.mark.parametrize("expression", SLOW)
def test_what_can_be_slow_is_refused(expression: str) -> None:
    assert not_linear(expression)


def test_what_the_tree_does_not_show_is_measured() -> None:
    assert growth("a*(?:b|a*)?a*c$") > STEEPEST


def test_a_text_for_each_repeat_leads_up_to_it() -> None:
    assert list(adversaries("xy(?:ab)+z")) == [("xy", "ab")]


@pytest.mark.parametrize("name", sorted(shipped_policies()))
def test_every_shipped_expression_is_linear(name: str) -> None:
    for rule in load_policy(name).output.rules:
        if isinstance(rule, PatternRule):
            for expression in (*rule.any, *rule.except_, *rule.needs, *rule.unless):
                assert not_linear(expression) is None, (rule.id, expression)


def test_all_texts_of_a_small_expression() -> None:
    assert texts("(?:我|你)(?:是|不是)人", 9) == (
        ["我是人", "我不是人", "你是人", "你不是人"],
        True,
    )


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("a|b", ["a", "b"]),
        ("(?:a|b)c|[|)]|d\\|e", ["(?:a|b)c", "[|)]", "d\\|e"]),
        ("[]|]|a", ["[]|]", "a"]),
        ("", [""]),
    ],
)
def test_alternatives_at_the_top(expression: str, parts: list[str]) -> None:
    assert alternatives(expression) == parts


@settings(deadline=None)
@given(st.lists(st.text("ab我你", min_size=1, max_size=4), min_size=1, max_size=5))
def test_made_texts_are_matched(words: list[str]) -> None:
    expression = f"(?:{'|'.join(words)})x?"
    made, complete = texts(expression, 99)
    assert complete
    assert all(re.fullmatch(expression, text) for text in made)
    assert set(made) == {word + end for word in words for end in ("", "x")}
