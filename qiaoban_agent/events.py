"""What a journey decided, as a tagged union: the stream, the trail and a test's view alike.

No event carries a character of a model's text that has not passed the output policy.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.tracker import Stage
from qiaoban_guards.harms import Harm
from qiaoban_guards.policy.presence import NoticeKind
from qiaoban_guards.risk import Category, Finding, Level, Risk
from qiaoban_guards.risk.implicated import Person


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Heard(_Event):
    """The child's message as records may hold it; `hidden` names the kinds of personal data in it.

    In the trail `text` is empty unless the policy keeps it, and `digest` is its keyed hash.
    """

    kind: Literal["heard"] = "heard"
    text: str
    hidden: tuple[str, ...] = ()
    digest: str = ""


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
    """An adult has to know; durable before the first word is said.

    `case` is the id of its case; `summary` a line that a guardian reads, without the child's words;
    `implicated` are persons who may be the ones who do harm. About the `model`: not the child gave
    the reason, but what a model wanted to say to it.
    """

    kind: Literal["escalated"] = "escalated"
    session: str
    level: Level
    categories: tuple[Category, ...]
    findings: tuple[Finding, ...]
    turn: int
    case: str = ""
    summary: str = ""
    implicated: tuple[Person, ...] = ()
    about: Literal["child", "model"] = "child"


class Said(_Event):
    """One sentence for the child; the texts of a turn joined are the reply.

    `notice` names what a sentence of the policy is for where it is no answer: that the child talks
    with a program, that it is time for a break … By an `adult`: a person took the session over.
    In the trail `text` stands only where it is the policy's own or the policy keeps it.
    """

    kind: Literal["said"] = "said"
    text: str
    by: Literal["curated", "policy", "model", "adult"]
    notice: NoticeKind | None = None
    digest: str = ""


class Withheld(_Event):
    """What an output rule did to a sentence of the model; never the sentence.

    `start` and `end` bound in it, in characters, what the rule read. `retry`: the model is asked
    once more, told why, or replaced by curated words; `redact`: the span was left out, the rest was
    said; `escalate`: curated words took over and an adult is told.
    """

    kind: Literal["withheld"] = "withheld"
    rule: str
    reason: str
    action: Literal["redact", "drop", "retry", "stop", "replace", "escalate"]
    harm: Harm | None = None
    start: int = 0
    end: int = 0


class Degraded(_Event):
    """A step that failed; the child was answered with curated words."""

    kind: Literal["degraded"] = "degraded"
    step: Literal[
        "risk",
        "coaching",
        "model",
        "output",
        "escalation",
        "store",
        "journey",
        "personal_data",
    ]
    reason: str


class Finished(_Event):
    """The end of the turn."""

    kind: Literal["finished"] = "finished"
    text: str
    escalation: Escalated | None = None
    degraded: bool = False
    digest: str = ""


class Delivered(_Event):
    """A route took an escalation, or did not: `error` says why."""

    kind: Literal["delivered"] = "delivered"
    case: str
    route: str
    attempt: int
    error: str = ""


class Raised(_Event):
    """Nobody acknowledged a case in time: the next rung of the ladder is called on.

    `skipped` routes reach somebody implicated; `stranded`: no route is left.
    """

    kind: Literal["raised"] = "raised"
    case: str
    routes: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    stranded: bool = False


class Acknowledged(_Event):
    """An adult has seen a case and takes care of it."""

    kind: Literal["acknowledged"] = "acknowledged"
    case: str
    by: str


class TakenOver(_Event):
    """An adult speaks in the companion's place from now on."""

    kind: Literal["taken_over"] = "taken_over"
    by: str


class HandedBack(_Event):
    """An adult has dealt with the danger: the session's latch is opened, its case closed."""

    kind: Literal["handed_back"] = "handed_back"
    by: str
    case: str = ""
    note: str = ""


class Forgotten(_Event):
    """What was removed, and why; a receipt without a name."""

    kind: Literal["forgotten"] = "forgotten"
    why: Literal["asked", "retention"]
    sessions: int = 0
    events: int = 0
    cases: int = 0
    cases_kept: int = 0


Event = Annotated[
    Heard
    | Weighed
    | Staged
    | Escalated
    | Said
    | Withheld
    | Degraded
    | Finished
    | Delivered
    | Raised
    | Acknowledged
    | TakenOver
    | HandedBack
    | Forgotten,
    Field(discriminator="kind"),
]
"""Any of them; a pydantic TypeAdapter(Event) reads them back from JSON."""
