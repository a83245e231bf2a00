"""The risk of a whole conversation: evidence adds up, fades slowly, and latches when grave.

Each rule that fired is one piece of evidence, weighted by its level and fading with turns. The
same rule firing again refreshes its evidence instead of adding to it, so a child who repeats
itself is not in greater danger for it, and the record cannot grow with the conversation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from qiaoban_guards.risk.taxonomy import Category, Finding, Level, RiskLevel

if TYPE_CHECKING:
    from qiaoban_guards.policy.schema import SessionRiskPolicy

_MOST_EVIDENCE = 64


class Evidence(BaseModel):
    """The last time a rule fired: its category, its level, and the turn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    category: Category
    level: Level
    turn: int


class SessionRisk(BaseModel):
    """What is held against a conversation so far; immutable, `after` returns the next one.

    `open` is true from the first high level until a hand-off to an adult is recorded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Level = RiskLevel.NONE
    high_water: Level = RiskLevel.NONE
    open: bool = False
    evidence: Mapping[str, Evidence] = {}

    def after(
        self, findings: tuple[Finding, ...], turn: int, policy: SessionRiskPolicy
    ) -> SessionRisk:
        """Take in the findings of turn number `turn` (counted from 1)."""
        evidence = {**self.evidence, **_gravest_by_source(findings, turn)}
        weights = {key: _weight(item, turn, policy) for key, item in evidence.items()}
        faintest = policy.thresholds["low"] / 4
        kept = sorted((k for k in evidence if weights[k] >= faintest), key=lambda k: -weights[k])
        evidence = {key: evidence[key] for key in kept[:_MOST_EVIDENCE]}
        per_category = dict.fromkeys((item.category for item in evidence.values()), 0.0)
        for key, item in evidence.items():
            per_category[item.category] += weights[key]
        level = _level(max(per_category.values(), default=0.0), policy)
        if not any(item.level is RiskLevel.IMMINENT for item in evidence.values()):
            level = min(level, RiskLevel.HIGH)  # what adds up is grave, but does not happen now
        now_open = self.open or level >= RiskLevel.HIGH
        if now_open:
            level = max(level, RiskLevel.HIGH)
        return SessionRisk(
            level=level,
            high_water=max(self.high_water, level),
            open=now_open,
            evidence=evidence,
        )

    def handed_over(self) -> SessionRisk:
        """The same conversation once an adult has taken over: the evidence is dealt with."""
        return SessionRisk(level=RiskLevel.NONE, high_water=self.high_water)


def _gravest_by_source(findings: tuple[Finding, ...], turn: int) -> dict[str, Evidence]:
    evidence: dict[str, Evidence] = {}
    for finding in sorted(findings, key=lambda finding: finding.level):
        evidence[finding.source] = Evidence(
            category=finding.category, level=finding.level, turn=turn
        )
    return evidence


def _weight(item: Evidence, turn: int, policy: SessionRiskPolicy) -> float:
    full = policy.weights.get(item.level.label, 0.0)
    return float(full * 2.0 ** ((item.turn - turn) / policy.half_life))


def _level(weight: float, policy: SessionRiskPolicy) -> RiskLevel:
    reached = [
        RiskLevel.parse(name) for name, least in policy.thresholds.items() if weight >= least
    ]
    return max(reached, default=RiskLevel.NONE)
