from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
from pydantic import ValidationError

from qiaoban_guards.errors import DocumentError
from qiaoban_guards.policy import Policy, Response, load_policy, parse_policy, shipped_policies
from qiaoban_guards.policy.schema import Language, PatternRule, Words
from qiaoban_guards.risk import Category, Finding, RiskLevel, Role, Who

_CRISIS = ("crisis", "crisis_other", "crisis_imminent")
_PARENTS = r"爸爸|妈妈|爸妈|父母|家长|\b(?:moms?|mums?|dads?|parents?|mother|father)\b"
_ADULTS = r"大人|老师|警察|亲戚|邻居|校医|adult|grown-up|teacher|police|relative|neighbor|nurse"


def _fixed(words: Words, kinds: tuple[str, ...] = ()) -> Iterator[tuple[str, Category | None, str]]:
    """(kind, category, line) of every fixed sentence, or of those of some kinds."""
    for kind in kinds or tuple(Words.model_fields):
        lines: Any = getattr(words, kind)
        if isinstance(lines, tuple):
            yield from ((kind, None, line) for line in cast("tuple[str, ...]", lines))
            continue
        for key, some in cast("dict[str, tuple[str, ...]]", lines).items():
            about = key.partition(".")[0]
            category = Category(about) if about in list(Category) else None
            yield from ((kind, category, line) for line in some)


def _filled(kinds: tuple[str, ...] = ()) -> list[tuple[Policy, str]]:
    return [
        (policy, policy.fill(line, language, category))
        for policy in (load_policy(name) for name in shipped_policies())
        for language, words in policy.words.items()
        for _, category, line in _fixed(words, kinds)
    ]


def _finding(category: Category, level: RiskLevel, who: Who, role: Role) -> Finding:
    return Finding(category=category, level=level, who=who, role=role, source="test")


def test_every_fixed_sentence_can_be_filled_in() -> None:
    for policy in (load_policy(name) for name in shipped_policies()):
        for language, words in policy.words.items():
            for kind, category, line in _fixed(words):
                for meant in Category if category is None else (category,):
                    filled = policy.fill(line, language, meant)
                    assert filled.strip(), (kind, line)
                    assert not set("{}") & set(filled), filled


def test_no_crisis_line_leaves_a_parent_as_the_only_adult() -> None:
    for policy, line in _filled(_CRISIS):
        alone = re.search(_PARENTS, line.lower()) and not re.search(_ADULTS, line.lower())
        assert not alone, (policy.id, line)


def test_every_crisis_line_names_a_number_or_an_adult() -> None:
    for policy, line in _filled(_CRISIS):
        numbers = any(helpline.number in line for helpline in policy.helplines)
        assert numbers or re.search(_ADULTS, line), (policy.id, line)


def test_every_crisis_line_of_what_happens_now_names_a_number() -> None:
    for policy, line in _filled(("crisis_imminent",)):
        assert any(helpline.number in line for helpline in policy.helplines), line


def test_a_number_of_another_country_is_never_said() -> None:
    for policy, line in _filled():
        known = {helpline.number for helpline in policy.helplines}
        said = set(re.findall(r"(?<![\d-])\d{3,}(?:[- ]\d{3,})*", line))
        assert said <= known, (policy.id, line)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("category", Category)
@pytest.mark.parametrize("role", Role)
def test_there_are_words_for_every_finding(
    language: Language, category: Category, role: Role
) -> None:
    words = load_policy().words[language]
    for who in Who:
        for level in (RiskLevel.HIGH, RiskLevel.IMMINENT):
            assert words.crisis_for(_finding(category, level, who, role))
        moderate = _finding(category, RiskLevel.MODERATE, who, role)
        assert words.careful_for(moderate)
        assert words.redirect_for(moderate)


def test_the_most_specific_words_are_taken() -> None:
    words = load_policy().words["zh"]
    high, mine = RiskLevel.HIGH, Who.SELF
    victim = _finding(Category.VIOLENCE, high, mine, Role.VICTIM)
    assert words.crisis_for(victim) == words.crisis["violence.victim"]
    aggressor = _finding(Category.VIOLENCE, high, mine, Role.AGGRESSOR)
    assert words.crisis_for(aggressor) == words.crisis["violence"]
    other = _finding(Category.SELF_HARM, high, Who.OTHER, Role.WITNESS)
    assert words.crisis_for(other) == words.crisis_other["self_harm"]
    now = _finding(Category.SELF_HARM, RiskLevel.IMMINENT, Who.OTHER, Role.WITNESS)
    assert words.crisis_for(now) == words.crisis_imminent["self_harm"]
    unnamed = _finding(Category.JAILBREAK, high, mine, Role.ASKING)
    assert words.crisis_for(unnamed) == words.crisis["any"]


def test_a_helpline_is_the_first_that_names_the_category() -> None:
    policy = load_policy()
    assert policy.helpline(Category.SELF_HARM).id == "mental_health"
    assert policy.helpline(Category.SEXUAL).id == "women_and_children"
    assert policy.helpline(Category.JAILBREAK).id == policy.helpline(None).id == "youth"


def test_fill_writes_the_numbers_of_the_language() -> None:
    policy = load_policy("en-US")
    line = "{helpline}|{emergency}|{medical}"
    assert policy.fill(line, "zh", Category.SELF_HARM) == "危机热线988|911|911"
    assert policy.fill(line, "en", Category.ABUSE) == "Childhelp (1-800-422-4453)|911|911"


@pytest.mark.parametrize("name", ["default", "en-US"])
def test_the_highest_levels_are_never_left_to_a_model(name: str) -> None:
    risk = load_policy(name).risk
    for category in [*Category, None]:
        for level in (RiskLevel.HIGH, RiskLevel.IMMINENT):
            assert risk.response(level, category) in (Response.CRISIS, Response.REDIRECT)
    assert risk.response(RiskLevel.HIGH, Category.ABUSE) is Response.CRISIS
    assert risk.response(RiskLevel.HIGH, Category.JAILBREAK) is Response.REDIRECT


@pytest.mark.parametrize("name", ["default", "en-US"])
def test_every_rule_of_the_output_has_its_own_id_and_a_reason(name: str) -> None:
    rules = load_policy(name).output.rules
    assert len({rule.id for rule in rules}) == len(rules)
    assert all(rule.reason.strip() for rule in rules)
    assert any(isinstance(rule, PatternRule) and rule.action == "replace" for rule in rules)


def test_policies_are_frozen() -> None:
    policy = load_policy()
    with pytest.raises(ValidationError, match="frozen"):
        policy.title = "x"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValidationError, match="frozen"):
        policy.risk.escalate_at = RiskLevel.NONE  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_mappings_of_policies_are_frozen() -> None:
    policy = parse_policy("extends: default\n")
    responses = cast("dict[str, Response]", policy.risk.responses)
    with pytest.raises(TypeError):
        responses["high"] = Response.COACH


@pytest.mark.parametrize("line", ["打{helplin}吧", "打{吧", "打{0}吧"])
def test_a_fixed_sentence_that_cannot_be_filled_is_refused(line: str) -> None:
    with pytest.raises(DocumentError):
        parse_policy(f"extends: default\nwords: {{zh: {{crisis: {{any: ['{line}']}}}}}}\n")


def test_a_helpline_without_the_language_of_some_words_is_refused() -> None:
    with pytest.raises(DocumentError):
        parse_policy(
            "extends: default\n"
            "helplines:\n"
            "  - {id: own, number: '119', say: {zh: '119'}, kind: emergency,"
            " seen: today, look_again: '2027-05-01'}\n"
        )
