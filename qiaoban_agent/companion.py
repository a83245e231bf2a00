"""The class an app embeds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qiaoban_agent.care import Care, OutputGuard, RiskGuard
from qiaoban_agent.coaching.content import Content
from qiaoban_agent.coaching.memory import Memory
from qiaoban_agent.coaching.own_words import Vocabulary
from qiaoban_agent.coaching.reading import Reader
from qiaoban_agent.drive import MEMORY_OF, carry, drive, drive_async, memory_key
from qiaoban_agent.errors import MisuseError
from qiaoban_agent.events import Escalated, Event
from qiaoban_agent.locks import SessionLocks
from qiaoban_agent.models.spec import model_from
from qiaoban_agent.reply import Reply
from qiaoban_agent.store import MemoryStore, Store
from qiaoban_guards.output import OutputRules
from qiaoban_guards.policy import Policy, load_policy
from qiaoban_guards.risk import RiskClassifier


class Companion:
    """Talks with children; one object serves any number of sessions, threads and tasks.

    policy: a shipped policy's name, a path, or a Policy.
    model: `curated` (the embedded default), `openai:MODEL`, `transformers:PATH`, a LangChain
        chat model, or any object with `generate(messages)`.
    risk_guards, output_guards: the app's own, beside the embedded ones; each has the policy's
        deadline, and one that fails makes the turn degraded.
    on_escalation: called before the child is answered when an adult has to know; may be a
        coroutine function. One that fails is tried again in the session's next turn.
    store: where sessions live; in memory unless the app brings its own.

    Raises DocumentError for a policy that cannot be used, ModelError and MissingExtraError for
    a model that cannot.
    """

    def __init__(
        self,
        policy: Policy | str | Path = "default",
        model: object = "curated",
        *,
        risk_guards: Sequence[RiskGuard] = (),
        output_guards: Sequence[OutputGuard] = (),
        on_escalation: Callable[[Escalated], Any] | None = None,
        store: Store | None = None,
    ) -> None:
        loaded = policy if isinstance(policy, Policy) else load_policy(policy)
        self._care = Care(
            policy=loaded,
            classifier=RiskClassifier.shipped(),
            rules=OutputRules(loaded.output.rules),
            model=model_from(model),
            store=store if store is not None else MemoryStore(),
            risk_guards=tuple(risk_guards),
            output_guards=tuple(output_guards),
            on_escalation=on_escalation,
        )
        self._locks = SessionLocks()
        for language in loaded.words:  # what is broken is told now, not in a child's turn
            Reader.shipped(language)
            Content.shipped(language)
            Vocabulary.shipped(language)

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._care.policy

    def reply(self, text: str, *, session: str, child: str | None = None) -> Reply:
        """Answer one message of a child; blocks until the reply is whole.

        `child` names whose memory it is, where the policy lets one outlive the session.
        """
        return Reply.of(list(self.stream(text, session=session, child=child)))

    def stream(self, text: str, *, session: str, child: str | None = None) -> Iterator[Event]:
        """The events of one turn as they happen; the child's words come in `Said` events."""
        _check(text, session)
        return self._stream(_as_text(text), session, child)

    async def areply(self, text: str, *, session: str, child: str | None = None) -> Reply:
        """`reply` for asyncio."""
        events = self.astream(text, session=session, child=child)
        return Reply.of([event async for event in events])

    def astream(self, text: str, *, session: str, child: str | None = None) -> AsyncIterator[Event]:
        """`stream` for asyncio."""
        _check(text, session)
        return self._astream(_as_text(text), session, child)

    def recall(self, session: str) -> Memory:
        """What is remembered of the child in a session; empty for one that is not known."""
        _check("", session)
        state = self._care.store.load(session)
        return state.memory if state is not None else Memory()

    def recall_child(self, child: str) -> Memory:
        """What is remembered of a child between sessions; empty where nothing is."""
        _check("", child)
        state = self._care.store.load(memory_key(child))
        return state.memory if state is not None else Memory()

    def hand_over(self, session: str) -> None:
        """Record that an adult has taken over: the open escalation of the session is closed.

        Raises MisuseError for a session that is not known.
        """
        _check("", session)
        with self._turn_of(session):
            state = self._care.store.load(session)
            if state is None:
                raise MisuseError(f"no session is called {session!r}; nothing to hand over")
            self._care.store.save(
                session,
                state.model_copy(
                    update={
                        "risk": state.risk.handed_over(),
                        "escalation": None,
                        "undelivered": False,
                    }
                ),
            )

    def trail(self, session: str) -> tuple[Event, ...]:
        """The recorded events of a session, without the child's words unless the policy says."""
        _check("", session)
        return self._care.store.trail(session)

    def forget(self, session: str) -> None:
        """Remove everything about a session; a session that is not known is no error."""
        _check("", session)
        with self._turn_of(session):
            self._care.store.forget(session)

    def forget_child(self, child: str) -> None:
        """Remove what is remembered of a child between sessions; its sessions stay."""
        _check("", child)
        with self._turn_of(memory_key(child)):
            self._care.store.forget(memory_key(child))

    @contextmanager
    def _turn_of(self, session: str) -> Generator[None, None, None]:
        self._locks.acquire(session, self.policy.deadlines.previous_turn)
        try:
            yield
        finally:
            self._locks.release(session)

    def _stream(self, text: str, session: str, child: str | None) -> Iterator[Event]:
        with self._turn_of(session):
            yield from drive(carry(session, text, self._care, child))

    async def _astream(self, text: str, session: str, child: str | None) -> AsyncIterator[Event]:
        await self._locks.acquire_async(session, self.policy.deadlines.previous_turn)
        events = drive_async(carry(session, text, self._care, child))
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()
            self._locks.release(session)


def _as_text(message: str) -> str:
    """The message as valid Unicode: half an emoji cannot be written anywhere."""
    return message.encode("utf-8", "replace").decode("utf-8")


def _check(text: object, session: object) -> None:
    if not isinstance(text, str):
        raise MisuseError(f"a message is a string, not {type(text).__name__}")
    if not isinstance(session, str) or not session:
        raise MisuseError("session names the child's conversation: a string that is not empty")
    if session.startswith(MEMORY_OF):
        raise MisuseError(f"a session's name may not begin with {MEMORY_OF!r}")
