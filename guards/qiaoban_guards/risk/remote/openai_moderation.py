"""OpenAI's moderation endpoint, thirteen categories with scores.

Wire: openai/openai-openapi, CreateModerationRequest and CreateModerationResponse. The last
message is judged without its context. `self-harm/intent` is the one label of all vendors that
tells a person at risk from harmful content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qiaoban_guards.risk.remote.answers import NoVerdictError, as_list, as_number, as_object
from qiaoban_guards.risk.remote.base import RemoteGuard, Turn
from qiaoban_guards.risk.remote.server import Question, Server
from qiaoban_guards.risk.remote.tables import Table
from qiaoban_guards.risk.remote.verdict import Reading, Severity, worst
from qiaoban_guards.risk.taxonomy import Finding

_MAY_BE_NULL = frozenset({"illicit", "illicit/violent"})


class OpenAIModeration(RemoteGuard):
    """Judges the last message by the vendor's flags and by the table's thresholds on its scores."""

    name = "openai_moderation"

    def __init__(
        self,
        server: Server,
        model: str = "omni-moderation-latest",
        *,
        table: Table | Path | None = None,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(server, model, context=0, table=table, extra_body=extra_body)

    def questions(self, turns: Sequence[Turn]) -> Sequence[Question]:
        """One moderation of one text."""
        body = {"model": self._model, "input": turns[-1]["content"]}
        return [Question("moderations", body | self._extra())]

    def read(self, _question: Question, answer: Mapping[str, Any], /) -> Reading:
        """Read flags and scores; all categories have to be there, `illicit` ones may be null."""
        results = as_list(answer.get("results"), "results")
        if len(results) != 1:
            raise NoVerdictError(f"{len(results)} results for one text")
        result = as_object(results[0], "result")
        flagged = result.get("flagged")
        if not isinstance(flagged, bool):
            raise NoVerdictError("no flag")
        flags = as_object(result.get("categories"), "categories")
        scores = _scores(flags, as_object(result.get("category_scores"), "scores"))
        if missing := set(self._table.categories) - _MAY_BE_NULL - set(scores):
            raise NoVerdictError(f"categories missing: {', '.join(sorted(missing))}")
        severities: dict[str, Severity] = {
            name: self._severity(name, flags.get(name), scores[name]) for name in scores
        }
        names = [name for name in scores if severities[name] != "safe"]
        findings: list[Finding] = []
        for name in names:
            findings += self._table.findings((name,), severities[name], self.source)
        if flagged and "unsafe" not in severities.values():
            findings += self._table.findings((), "unsafe", self.source)
        return Reading(
            label="flagged" if flagged else "not flagged",
            severity="unsafe" if flagged else worst(tuple(severities.values())),
            categories=tuple(names),
            findings=tuple(findings),
            scores=scores,
        )

    def _severity(self, name: str, flag: object, score: float) -> Severity:
        entry = self._table.categories.get(name, self._table.fallback)
        if flag is True or score >= entry.unsafe_from:
            return "unsafe"
        return "controversial" if score >= entry.controversial_from else "safe"


def _scores(flags: Mapping[str, Any], scores: Mapping[str, Any]) -> dict[str, float]:
    """The scores that are not null; NoVerdictError for a flag or a score that is neither."""
    found: dict[str, float] = {}
    for name in {**flags, **scores}:
        flag, score = flags.get(name), scores.get(name)
        if flag is None and score is None and name in _MAY_BE_NULL:
            continue
        if not isinstance(flag, bool) and not (flag is None and name in _MAY_BE_NULL):
            raise NoVerdictError("a flag that is neither true nor false")
        if score is None and flag is None:
            raise NoVerdictError("a category without a score")
        found[name] = as_number(score, "a score")
    return found
