"""The risk of a whole conversation: evidence adds up, fades slowly, and latches when grave.

Each thing that was found is one piece of evidence, weighted by its level and fading with turns and
with hours. The same thing said again refreshes its evidence instead of adding to it, so a child who
repeats itself is not in greater danger for it, and the record cannot grow with the conversation.
Nothing takes evidence away but time and an adult: a child that says it was a joke is heard, and
what it said before stands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING
from zlib import crc32

from pydantic import BaseModel, ConfigDict

from qiaoban_guards.risk.taxonomy import Category, Finding, Level, RiskLevel

if TYPE_CHECKING:
    from qiaoban_guards.policy.schema import SessionRiskPolicy

_MOST_EVIDENCE = 64


class Evidence(BaseModel):
    """The last time a thing was found: its category, its level, the turn and the second (Unix)."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    category: Category
    level: Level
    turn: int
    at: float = 0.0


class SessionRisk(BaseModel):
    """What is held against a conversation so far; immutable, `after` returns the next one.

    `open` is true from the first high level until a hand-off to an adult is recorded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    level: Level = RiskLevel.NONE
    high_water: Level = RiskLevel.NONE
    open: bool = False
    evidence: Mapping[str, Evidence] = {}

    def after(
        self,
        findings: tuple[Finding, ...],
        turn: int,
        policy: SessionRiskPolicy,
        at: float = 0.0,
        quiet: Collection[Category] = (),
    ) -> SessionRisk:
        """Take in the findings of turn number `turn` (counted from 1), heard at second `at`.

        What adds up is at most one level above the gravest piece: many hints are a concern, several
        concerns are grave, and only what happens now is imminent. Findings of a category that
        overlap in the message are one piece. Evidence of a `quiet` category is no danger by itself,
        however much there is; it adds to a danger of its group that is there without it.
        """
        evidence = dict(self.evidence)
        joined = frozenset[Category]().union(*policy.together)
        counted = [one for one in findings if one.category not in quiet or one.category in joined]
        apart = _apart(counted, quiet)
        for thing, item in _gravest_by_thing(apart, turn, at).items():
            before = evidence.get(thing)
            # Said again more lightly, it does not weigh less than what is left of it.
            if before is None or _weight(before, turn, at, policy) <= _weight(
                item, turn, at, policy
            ):
                evidence[thing] = item
        weights = {key: _weight(item, turn, at, policy) for key, item in evidence.items()}
        faintest = policy.thresholds["low"] / 4
        kept = sorted((k for k in evidence if weights[k] >= faintest), key=lambda k: -weights[k])
        evidence = {key: evidence[key] for key in kept[:_MOST_EVIDENCE]}
        level = max(_level_of(group, evidence, weights, policy, quiet) for group in _groups(policy))
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


def _apart(findings: Iterable[Finding], quiet: Collection[Category]) -> tuple[Finding, ...]:
    """The findings without those that say nothing more than a graver or longer one.

    Several rules of a category that read the same words are one disclosure, and so is all that a
    message has of a quiet category.
    """
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (-f.level, f.start - f.end, f.start, f.source)):
        rivals = [other for other in kept if other.category is finding.category]
        if finding.category in quiet and rivals:
            continue
        if all(finding.end <= other.start or finding.start >= other.end for other in rivals):
            kept.append(finding)
    return tuple(kept)


def _gravest_by_thing(findings: tuple[Finding, ...], turn: int, at: float) -> dict[str, Evidence]:
    evidence: dict[str, Evidence] = {}
    for finding in sorted(findings, key=lambda finding: finding.level):
        evidence[_thing(finding)] = Evidence(
            category=finding.category, level=finding.level, turn=turn, at=at
        )
    return evidence


def _thing(finding: Finding) -> str:
    """What tells one piece of evidence from another: a rule, or what was read in which words."""
    if finding.source.startswith(("model.", "remote:")):
        words = crc32(finding.span.encode("utf-8", "replace"))
        return f"{finding.source}:{finding.category}:{words:08x}"
    return finding.source


def _weight(item: Evidence, turn: int, at: float, policy: SessionRiskPolicy) -> float:
    full = policy.weights.get(item.level.label, 0.0)
    halves = (turn - item.turn) / policy.half_life
    hours = max(at - item.at, 0.0) / 3600
    return float(full * 2.0 ** -(halves + hours / policy.half_life_hours))


def _groups(policy: SessionRiskPolicy) -> Iterator[frozenset[Category]]:
    """The categories that add up with each other; every one at least with itself."""
    yield from policy.together
    together = frozenset[Category]().union(*policy.together)
    yield from (frozenset({category}) for category in Category if category not in together)


def _level_of(
    group: frozenset[Category],
    evidence: Mapping[str, Evidence],
    weights: Mapping[str, float],
    policy: SessionRiskPolicy,
    quiet: Collection[Category],
) -> RiskLevel:
    pieces = [key for key, item in evidence.items() if item.category in group]
    dangers = (evidence[key] for key in pieces if evidence[key].category not in quiet)
    gravest = max((item.level for item in dangers), default=RiskLevel.NONE)
    weight = sum(weights[key] for key in pieces)
    reached = [
        RiskLevel.parse(name) for name, least in policy.thresholds.items() if weight >= least
    ]
    if gravest is RiskLevel.NONE:
        return gravest
    most = min(gravest + 1, RiskLevel.HIGH) if gravest < RiskLevel.IMMINENT else gravest
    return RiskLevel(min(max(reached, default=RiskLevel.NONE), most))
