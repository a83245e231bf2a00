"""The end of a turn, for the app."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.tracker import Stage
from qiaoban_agent.events import Escalated, Event, Finished, Staged, Weighed
from qiaoban_guards.risk import Level, Risk, RiskLevel


class Reply(BaseModel):
    """What came back to the child, and what was learned on the way.

    `risk` is of this message, `session_risk` of the conversation; `escalation` is the open
    escalation of the session, whichever turn began it, until a hand-off is recorded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    text: str
    risk: Risk = Risk()
    session_risk: Level = RiskLevel.NONE
    stage: Stage = Stage.NOTICE
    emotion: Emotion = Emotion.NONE
    escalation: Escalated | None = None
    degraded: bool = False
    events: tuple[Event, ...] = ()

    @classmethod
    def of(cls, events: Sequence[Event]) -> Reply:
        """Sum up the events of one whole turn."""
        reply: dict[str, object] = {"text": "", "events": tuple(events)}
        for event in events:
            if isinstance(event, Weighed):
                reply.update(risk=event.risk, session_risk=event.session_risk)
            elif isinstance(event, Staged):
                reply.update(stage=event.stage, emotion=event.emotion)
            elif isinstance(event, Finished):
                reply.update(text=event.text, escalation=event.escalation, degraded=event.degraded)
        return cls.model_validate(reply)
