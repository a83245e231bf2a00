"""Any chat model as a judge, asked for our own taxonomy as JSON.

The question is `prompts/judge.yaml`; the conversation is sent as JSON in one message, so that a
child who writes instructions writes them inside a string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.risk.remote.answers import (
    NoVerdictError,
    as_list,
    as_object,
    content,
    first_choice,
    parse_object,
)
from qiaoban_guards.risk.remote.base import RemoteGuard, Turn
from qiaoban_guards.risk.remote.server import Question, Server
from qiaoban_guards.risk.remote.tables import Table
from qiaoban_guards.risk.remote.verdict import Reading, Severity
from qiaoban_guards.risk.taxonomy import Category, Finding, RiskLevel, Role, When, Who

_FENCED = re.compile(r"```(?:json)?\s*(\{.*\})\s*```", re.DOTALL)
_Word = TypeVar("_Word", bound=StrEnum)


class _Prompt(Frozen):
    system: str


class Judge(RemoteGuard):
    """Judges with context.

    prompt: a YAML file with the key `system`; DocumentError if unusable.
    most_tokens: cap of the answer; a model that thinks aloud needs more.
    """

    name = "judge"

    def __init__(
        self,
        server: Server,
        model: str,
        *,
        prompt: Path | None = None,
        most_tokens: int = 400,
        context: int = 6,
        table: Table | Path | None = None,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(server, model, context=context, table=table, extra_body=extra_body)
        shipped = files("qiaoban_guards") / "risk" / "remote" / "prompts" / "judge.yaml"
        self._system = load(prompt or shipped, _Prompt).system
        self._most_tokens = most_tokens

    def questions(self, turns: Sequence[Turn]) -> Sequence[Question]:
        """One chat completion."""
        who = {"user": "child", "assistant": "companion"}
        said = [{"from": who[turn["role"]], "text": turn["content"]} for turn in turns]
        asked = json.dumps({"before": said[:-1], "judge": said[-1]}, ensure_ascii=False)
        return [
            self._chat(
                [{"role": "system", "content": self._system}, {"role": "user", "content": asked}],
                self._most_tokens,
            )
        ]

    def read(self, _question: Question, answer: Mapping[str, Any], /) -> Reading:
        """Read `level` and `findings`; the level is the worse of the two."""
        text = content(first_choice(answer, ("stop",)))
        fenced = _FENCED.fullmatch(text)
        said = parse_object(fenced.group(1) if fenced else text, "the answer")
        level = _level(said.get("level"))
        told = [as_object(item, "a finding") for item in as_list(said.get("findings"), "findings")]
        findings = [self._finding(item) for item in told]
        if level > max((finding.level for finding in findings), default=RiskLevel.NONE):
            findings.append(self._unnamed(level))
        gravest = max((finding.level for finding in findings), default=RiskLevel.NONE)
        return Reading(
            label=gravest.label,
            severity=_severity(gravest),
            categories=tuple(dict.fromkeys(str(item.get("category")) for item in told)),
            findings=tuple(finding for finding in findings if finding.level),
        )

    def _finding(self, item: Mapping[str, Any]) -> Finding:
        level = _level(item.get("level"))
        category = _word(Category, item.get("category"))
        if category is None:
            return self._unnamed(level)
        return Finding(
            category=category,
            level=level,
            who=_word(Who, item.get("who")) or Who.SELF,
            role=_word(Role, item.get("role")) or Role.AT_RISK,
            when=_word(When, item.get("when")) or When.NOW,
            source=self.source,
        )

    def _unnamed(self, level: RiskLevel) -> Finding:
        category = self._table.fallback.category or Category.DANGEROUS_CHALLENGE
        return Finding(category=category, level=level, source=self.source)


def _level(value: object) -> RiskLevel:
    try:
        return RiskLevel.parse(value)
    except ValueError:
        raise NoVerdictError("no level") from None


def _word(words: type[_Word], value: object) -> _Word | None:
    return next((word for word in words if word.value == value), None)


def _severity(level: RiskLevel) -> Severity:
    if level is RiskLevel.NONE:
        return "safe"
    return "unsafe" if level >= RiskLevel.HIGH else "controversial"
