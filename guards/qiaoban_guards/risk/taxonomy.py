"""The words of child protection that everything here speaks in.

Levels are the terms of suicide-risk triage. A finding is one reason for concern: what, how
grave, who is at risk, what part the child has in it, when, and where in the text it stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum, StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer


class RiskLevel(IntEnum):
    """How grave a concern is; ordered, so levels compare."""

    NONE = 0
    LOW = 1
    MODERATE = 2
    HIGH = 3
    IMMINENT = 4

    @property
    def label(self) -> str:
        """The level's name as it stands in policies, events and reports."""
        return self.name.lower()

    @classmethod
    def parse(cls, value: object) -> RiskLevel:
        """Read a level from its name; ValueError names the levels."""
        if isinstance(value, RiskLevel):
            return value
        labels = {level.label: level for level in cls}
        if isinstance(value, str) and value.lower() in labels:
            return labels[value.lower()]
        raise ValueError(f"{value!r} is not a risk level; levels are {', '.join(labels)}")


Level = Annotated[
    RiskLevel,
    BeforeValidator(RiskLevel.parse),
    PlainSerializer(lambda level: RiskLevel(level).label, return_type=str),
]
"""A RiskLevel that is written and read by its name."""


class Category(StrEnum):
    """What a child may be in danger of."""

    SELF_HARM = "self_harm"
    ABUSE = "abuse"
    SEXUAL = "sexual"
    VIOLENCE = "violence"
    BULLYING = "bullying"
    RUNAWAY = "runaway"
    EATING = "eating"
    SUBSTANCE = "substance"
    DANGEROUS_CHALLENGE = "dangerous_challenge"
    STRANGER_CONTACT = "stranger_contact"
    MEDICAL_EMERGENCY = "medical_emergency"
    PRIVACY = "privacy"
    JAILBREAK = "jailbreak"


class Who(StrEnum):
    """Who is at risk: the child who writes, or somebody else."""

    SELF = "self"
    OTHER = "other"


class Role(StrEnum):
    """The part the child who writes has in what is told."""

    VICTIM = "victim"
    AT_RISK = "at_risk"
    AGGRESSOR = "aggressor"
    WITNESS = "witness"
    ASKING = "asking"


class When(StrEnum):
    """When it happens."""

    NOW = "now"
    PAST = "past"
    PLANNED = "planned"


class Finding(BaseModel):
    """One reason for concern; `start` and `end` bound `span` in the child's original message."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    category: Category
    level: Level
    who: Who = Who.SELF
    role: Role = Role.AT_RISK
    when: When = When.NOW
    span: str = ""
    start: int = 0
    end: int = 0
    source: str


class Risk(BaseModel):
    """The risk of one message: its findings, the gravest first, and the level of the gravest.

    `scores` are calibrated probabilities that the message speaks of a danger of each category at
    moderate or above; empty where nothing was estimated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    level: Level = RiskLevel.NONE
    findings: tuple[Finding, ...] = ()
    scores: Mapping[Category, float] = {}

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories found, the gravest first, each once."""
        return tuple(dict.fromkeys(finding.category for finding in self.findings))

    @classmethod
    def of(
        cls, findings: Sequence[Finding], scores: Mapping[Category, float] | None = None
    ) -> Risk:
        """Weigh findings together: the level is that of the gravest."""
        ordered = tuple(sorted(findings, key=lambda finding: (-finding.level, finding.start)))
        level = ordered[0].level if ordered else RiskLevel.NONE
        return cls(level=level, findings=ordered, scores=scores or {})
