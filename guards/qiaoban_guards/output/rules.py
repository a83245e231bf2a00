"""Judging one sentence of a reply in the context of all that was said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from qiaoban_guards.policy.schema import (
    Language,
    LengthRule,
    OutputRule,
    PatternRule,
    QuestionsRule,
)
from qiaoban_guards.text import Text, normalise

_REACH = 200
"""Characters of what was said that are read again with each sentence; keeps the cost constant."""
_QUESTIONS = re.compile(r"[?？]+")


@dataclass(frozen=True, slots=True)
class Spoken:
    """Where a sentence stands: what the child said, and what was said to it in this turn."""

    child: str
    said: str
    language: Language
    ahead: str = ""
    """Text behind the sentence that has come already and is not judged yet."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a sentence.

    `drop` leaves it out; `stop` ends the reply before it; `replace` ends the model's words, and
    curated ones take their place.
    """

    action: Literal["allow", "drop", "stop", "replace"]
    rule: str = ""
    reason: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the sentence may be shown."""
        return self.action == "allow"


ALLOW = Verdict("allow")


class OutputRules:
    """The policy's output rules, applied to one sentence at a time."""

    def __init__(self, rules: Sequence[OutputRule]) -> None:
        # A rule that replaces outranks one that merely drops.
        self._rules = sorted(rules, key=lambda rule: rule.action != "replace")

    def judge(self, sentence: str, spoken: Spoken) -> Verdict:
        """Whether `sentence` may follow what was said; the first rule broken decides."""
        said = spoken.said[-_REACH:]
        text = normalise(said + sentence + spoken.ahead)
        for rule in self._rules:
            if _is_broken(rule, sentence, spoken, text, len(said)):
                return Verdict(rule.action, rule.id, rule.reason)
        return ALLOW


def _is_broken(
    rule: OutputRule, sentence: str, spoken: Spoken, text: Text, said_length: int
) -> bool:
    match rule:
        case PatternRule():
            sentence_ends = said_length + len(sentence)
            spans = (text.span(hit.start, hit.end) for hit in rule.pattern.hits(text.plain))
            return any(start < sentence_ends and end > said_length for start, end in spans)
        case QuestionsRule():
            return len(_QUESTIONS.findall(spoken.said + sentence)) > rule.most
        case LengthRule():
            most = rule.most.get(spoken.language)
            return most is not None and len(spoken.said + sentence) > most
