"""What is done at which level of risk, and how concern lasts."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, PositiveFloat, model_validator

from qiaoban_guards.documents import Frozen, nearest
from qiaoban_guards.policy.types import ByLevel, FrozenMapping
from qiaoban_guards.risk.taxonomy import Category, Level, RiskLevel


class Response(StrEnum):
    """What a level of risk is answered with."""

    COACH = "coach"
    CAREFUL = "careful"
    CRISIS = "crisis"
    REDIRECT = "redirect"


class SessionRiskPolicy(Frozen):
    """How concern lasts beyond the message that raised it.

    `half_life` is the number of turns, `half_life_hours` the time, after which a piece of evidence
    weighs half as much. Categories that stand `together` add up with each other, as the steps of
    one grooming do.
    """

    half_life: PositiveFloat = 6
    half_life_hours: PositiveFloat = 24
    together: tuple[frozenset[Category], ...] = ()
    weights: ByLevel
    thresholds: ByLevel


class RiskPolicy(Frozen):
    """What is done at which level of risk; a category may answer differently from the rest.

    `specific_from`: a concern that only the statistical model reads is named for what it may be
    from this probability on; below it, the careful words are those for any concern.
    """

    responses: FrozenMapping[str, Response]
    categories: FrozenMapping[Category, FrozenMapping[str, Response]] = Field(
        default_factory=dict, validate_default=True
    )
    escalate_at: Level = RiskLevel.HIGH
    never_escalate: tuple[Category, ...] = ()
    specific_from: Annotated[float, Field(ge=0, le=1)] = 0.6
    session: SessionRiskPolicy

    @model_validator(mode="after")
    def _answers_every_level(self) -> RiskPolicy:
        levels = {level.label for level in RiskLevel}
        named = [*self.responses, *(name for per in self.categories.values() for name in per)]
        if wrong := [name for name in named if name not in levels]:
            raise ValueError(f"{wrong[0]!r} is no level{nearest(wrong[0], levels)}")
        if missing := levels - set(self.responses):
            raise ValueError(f"responses lack {', '.join(sorted(missing))}; name all levels")
        for label in ("high", "imminent"):
            own = [per[label] for per in self.categories.values() if label in per]
            allowed = {Response.CRISIS, Response.REDIRECT}
            if self.responses[label] is not Response.CRISIS or not set(own) <= allowed:
                raise ValueError(f"{label} is answered by crisis words, never by a model")
        return self

    def response(self, level: RiskLevel, category: Category | None) -> Response:
        """The answer to one finding."""
        own = self.categories.get(category) if category is not None else None
        return (own or {}).get(level.label, self.responses[level.label])
