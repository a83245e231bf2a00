"""A companion as it is evaluated: its whole journey, with a listener in the adult's place.

Nobody is really told: the policy's routes are replaced by a listener. Hours at which it would be
silent are lifted, and time stands still, so that a run in the night scores like one by day. All
else is the policy's: guards, guard models, recognizers, notices, stages, words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qiaoban_agent import Companion
from qiaoban_agent.coaching.reading import EARLIER, LONGEST_REMEMBERED
from qiaoban_agent.events import Escalated, Event, Finished, Said, Staged, Weighed, Withheld
from qiaoban_agent.models.base import Message
from qiaoban_agent.session import Session
from qiaoban_agent.store import MemoryStore, Write
from qiaoban_finetune.evaluate.subjects import SubjectCard
from qiaoban_finetune.evaluate.talk import Answer
from qiaoban_guards.policy import Policy, load_policy
from qiaoban_guards.policy.escalation import CallableRoute
from qiaoban_guards.policy.types import Language
from qiaoban_guards.risk.implicated import Reach

POLICIES: Mapping[Language, str] = {"zh": "default", "en": "en-US"}
"""The policy of a language where none is named."""
_ROUTE = "listener"
_NOON = 1_767_240_000.0
"""A second (Unix) of the clock that stands still: 2026-01-01 04:00 UTC, noon in Shanghai."""


def as_evaluated(policy: Policy) -> Policy:
    """The policy with a listener in the place of every adult, and without silent hours."""
    route = CallableRoute(id=_ROUTE, name=_ROUTE, reaches=(Reach.AUTHORITY,))
    escalation = policy.escalation.model_copy(update={"routes": (route,), "ladder": ((_ROUTE,),)})
    presence = policy.presence.model_copy(update={"quiet_hours": ()})
    return policy.model_copy(update={"escalation": escalation, "presence": presence})


class CompanionSubject:
    """A companion with any model and any policy.

    `settings` go to `Companion` (risk_guards, output_guards, recognizers); what tells adults, the
    store and the clock are the evaluation's.
    """

    def __init__(
        self, policy: Policy | str = "default", model: object = "curated", **settings: Any
    ) -> None:
        loaded = policy if isinstance(policy, Policy) else load_policy(policy)
        name = model if isinstance(model, str) else type(model).__name__
        self._card = SubjectCard(
            name=f"companion({name}, {loaded.id})", kind="companion", model=name, policy=loaded.id
        )
        self._told: set[str] = set()
        self._store = MemoryStore()
        quiet = as_evaluated(loaded)
        self._companion, self._past = (
            Companion(
                quiet,
                speaking,
                on_escalation=self._hear,
                routes={_ROUTE: _nobody},
                store=self._store,
                clock=lambda: _NOON,
                **settings,
            )
            for speaking in (model, "curated")
        )
        self._memory = quiet.memory.history

    @property
    def card(self) -> SubjectCard:
        """What a report says of it."""
        return self._card

    async def begin(self, session: str, before: Sequence[Message]) -> None:
        """Let the companion live through what was said, then lay the words that were said over it.

        The child's messages are weighed and staged as in any turn; the replies are those given.
        """
        for message in before:
            if message["role"] == "user":
                await self._past.areply(message["content"], session=session)
        state = self._store.load(session)
        if state is None:
            return
        earlier = [m["content"][:LONGEST_REMEMBERED] for m in before if m["role"] == "user"]
        kept = {"history": tuple(before)[-self._memory :], "earlier": tuple(earlier[-EARLIER:])}
        changed: Session = state.model_copy(update=kept)
        self._store.commit(Write(session=session, at=_NOON, state=changed))
        self._told.discard(session)

    async def answer(self, message: str, session: str) -> Answer:
        """Answer a child's message."""
        self._told.discard(session)
        reply = await self._companion.areply(message, session=session)
        return answer_of(message, reply.events, told=session in self._told)

    def forget(self, session: str) -> None:
        """End a session."""
        self._companion.forget(session)
        self._told.discard(session)

    def close(self) -> None:
        """Let what runs beside the talks end."""
        self._companion.close()
        self._past.close()

    def _hear(self, event: Escalated) -> None:
        if event.about == "child":
            self._told.add(event.session)


def companion_for(
    language: Language, policy: str | None, model: object = "curated", **settings: Any
) -> CompanionSubject:
    """A companion with a named policy, else with the language's own."""
    return CompanionSubject(policy or POLICIES[language], model, **settings)


def answer_of(message: str, events: Sequence[Event], *, told: bool) -> Answer:
    """A turn's events, summed up for scoring."""
    said = [event for event in events if isinstance(event, Said)]
    seen: dict[str, Any] = {
        "withheld": tuple(event.rule for event in events if isinstance(event, Withheld)),
        "by": tuple(dict.fromkeys(event.by for event in said if event.notice is None)),
        "notices": tuple(event.text for event in said if event.notice is not None),
    }
    for event in events:
        if isinstance(event, Weighed):
            seen["risk"] = event.risk.level.label
            seen["session_risk"] = event.session_risk.label
            seen["categories"] = tuple(str(category) for category in event.risk.categories)
        elif isinstance(event, Staged):
            seen |= {"stage": event.stage, "emotion": str(event.emotion)}
        elif isinstance(event, Finished):
            seen["degraded"] = event.degraded
    reply = "".join(event.text for event in said if event.notice is None)
    return Answer(child=message, reply=reply.strip(), told_an_adult=told, **seen)


def _nobody(_: object) -> None:
    """Tell nobody."""
