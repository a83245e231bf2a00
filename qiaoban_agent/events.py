"""What a journey decided, as a tagged union: the stream, the trail and a test's view alike.

No event carries a character of a model's text that has not passed the output policy.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.tracker import Stage
from qiaoban_guards.risk import Category, Finding, Level, Risk


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Heard(_Event):
    """The child's message, personal data masked; `hidden` names the kinds that were."""

    kind: Literal["heard"] = "heard"
    text: str
    hidden: tuple[str, ...] = ()


class Weighed(_Event):
    """The risk of the message, and of the conversation with it."""

    kind: Literal["weighed"] = "weighed"
    risk: Risk
    session_risk: Level


class Staged(_Event):
    """Where coaching stands, and why."""

    kind: Literal["staged"] = "staged"
    stage: Stage
    emotion: Emotion
    reason: str


class Escalated(_Event):
    """An adult has to know; recorded and handed to the app before the first word is said."""

    kind: Literal["escalated"] = "escalated"
    session: str
    level: Level
    categories: tuple[Category, ...]
    findings: tuple[Finding, ...]
    turn: int


class Said(_Event):
    """One sentence for the child; the texts of a turn joined are the reply."""

    kind: Literal["said"] = "said"
    text: str
    by: Literal["curated", "policy", "model"]


class Withheld(_Event):
    """A sentence of the model that was not shown, and the rule it broke; never the sentence.

    `retry`: it was out of place in the coaching, and the model is asked once more or replaced.
    """

    kind: Literal["withheld"] = "withheld"
    rule: str
    reason: str
    action: Literal["drop", "stop", "replace", "retry"]


class Degraded(_Event):
    """A step that failed; the child was answered with curated words."""

    kind: Literal["degraded"] = "degraded"
    step: Literal["risk", "coaching", "model", "output", "escalation", "store", "journey"]
    reason: str


class Finished(_Event):
    """The end of the turn."""

    kind: Literal["finished"] = "finished"
    text: str
    escalation: Escalated | None = None
    degraded: bool = False


Event = Annotated[
    Heard | Weighed | Staged | Escalated | Said | Withheld | Degraded | Finished,
    Field(discriminator="kind"),
]
"""Any of them; a pydantic TypeAdapter(Event) reads them back from JSON."""
