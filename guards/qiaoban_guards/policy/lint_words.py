"""Whether there are words and numbers for every danger, in every language, and who forbids them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import cast

from qiaoban_guards.documents import KeyPath
from qiaoban_guards.output.passage import Spoken
from qiaoban_guards.output.rules import OutputRules
from qiaoban_guards.policy.output import PatternRule, PersonalDataRule
from qiaoban_guards.policy.problem import Problem, error, warning
from qiaoban_guards.policy.risk import Response
from qiaoban_guards.policy.schema import Policy
from qiaoban_guards.policy.types import Language, Lines
from qiaoban_guards.policy.words import Helpline, Words
from qiaoban_guards.risk.taxonomy import Category, RiskLevel
from qiaoban_guards.text import split_sentences

_ANSWERS = (Response.CRISIS, Response.CAREFUL, Response.REDIRECT)


def word_problems(policy: Policy) -> Iterator[Problem]:
    """Dangers that have no words of their own, and words that the policy's own rules forbid."""
    for language, words in policy.words.items():
        yield from _without_words(policy, language, words)
        if language not in policy.escalation.message:
            what = f"children are answered in {language!r}, but no adult is written to in it"
            yield warning(("escalation", "message"), what, f"add a message in {language!r}")
    yield from _forbidden(policy)


def _without_words(policy: Policy, language: Language, words: Words) -> Iterator[Problem]:
    for response in _ANSWERS:
        lines = cast("Mapping[str, Lines]", getattr(words, response))
        for category in Category:
            if category in lines or response not in _responses(policy, category):
                continue
            what = f"{category} can be answered by {response} and has only the words for any danger"
            key = ("words", language, str(response))
            yield warning(key, what, f"add an entry {category!r}")


def _responses(policy: Policy, category: Category) -> set[Response]:
    return {policy.risk.response(level, category) for level in RiskLevel if level}


def fixed_lines(policy: Policy) -> Iterator[tuple[KeyPath, Language, Category | None, str]]:
    """Every fixed sentence with its key, its language and the category it is about."""
    for language, words in policy.words.items():
        for kind in Words.model_fields:
            held = getattr(words, kind)
            if isinstance(held, tuple):
                for index, line in enumerate(cast("Lines", held)):
                    yield ("words", language, kind, index), language, None, line
                continue
            for name, lines in cast("Mapping[str, Lines]", held).items():
                about = name.partition(".")[0]
                category = Category(about) if about in list(Category) else None
                for index, line in enumerate(lines):
                    yield ("words", language, kind, name, index), language, category, line


def _forbidden(policy: Policy) -> Iterator[Problem]:
    """Rules about what is said hold for fixed words too; rules about its form are for models."""
    wanted = [r for r in policy.output.rules if isinstance(r, PatternRule | PersonalDataRule)]
    output = policy.output.model_copy(update={"rules": tuple(wanted)})
    rules = OutputRules.of(policy.model_copy(update={"output": output}))
    for key, language, category, line in fixed_lines(policy):
        filled = policy.fill(line, language, category)
        said = ""
        for sentence in split_sentences(filled):
            verdict = rules.judge(sentence.text, Spoken("", said, language))
            said += sentence.text
            if not verdict.allowed:
                read = sentence.text[verdict.start : verdict.end]
                what = f"the policy's own rule {verdict.rule!r} withholds “{read}”"
                yield error(key, what, "say it differently, or add it to the rule's `except`")


def helpline_problems(policy: Policy, today: date) -> Iterator[Problem]:
    """Numbers that nobody has looked at lately, lines that tell too little, categories without."""
    for line in policy.helplines:
        yield from _of_line(policy, line, today)
    counselling = [line for line in policy.helplines if line.kind == "counselling"]
    named = {category for line in counselling for category in line.categories}
    for category in Category:
        if category in named or not _calls_helpline(policy, category):
            continue
        what = f"no counselling line names {category}; children are given {counselling[0].id!r}"
        remedy = f"add {category} to the `categories` of the line that serves it"
        yield warning(("helplines", counselling[0].id), what, remedy)


def _calls_helpline(policy: Policy, category: Category) -> bool:
    """Whether a child in this danger can be given the counselling line."""
    return Response.CRISIS in _responses(policy, category) and any(
        "{helpline}" in line
        for words in policy.words.values()
        for by_category in (words.crisis, words.crisis_other, words.crisis_imminent)
        for line in by_category.get(str(category), by_category["any"])
    )


def _of_line(policy: Policy, line: Helpline, today: date) -> Iterator[Problem]:
    key = ("helplines", line.id)
    if line.look_again < today:
        what = f"nobody has looked since {line.look_again} whether {line.number} still answers"
        yield warning((*key, "look_again"), what, "call it or look it up; write the next date")
    for name in ("seen", "serves", "hours"):
        if not cast("str", getattr(line, name)).strip():
            what = f"does not tell {'where it was' if name == 'seen' else 'what it'} {name}"
            yield error((*key, name), f"`{name}` is empty: {what}", "write it as the source does")
    for language in policy.words:
        if not line.name.get(language, "").strip():
            yield error((*key, "name"), f"has no name in {language!r}", "add it")
