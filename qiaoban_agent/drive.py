"""Carrying a turn: the session around a journey, the trail, and the two drivers that wait.

`carry` is again a generator that never waits; `drive` and `drive_async` fulfil its requests. A
caller that stops reading early still leaves the turn complete: the risk is kept, and an
escalation reaches its adult.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from qiaoban_agent.care import Care
from qiaoban_agent.events import (
    Degraded,
    Escalated,
    Event,
    Finished,
    Heard,
    Said,
    Weighed,
)
from qiaoban_agent.journey import Steps, journey
from qiaoban_agent.session import Session
from qiaoban_agent.store import MemoryStore
from qiaoban_agent.waiting import Call, Failure, Request
from qiaoban_guards.risk import Risk
from qiaoban_guards.risk.session import SessionRisk

Carried = Generator[Event | Request, Any, None]


def drive(steps: Carried) -> Iterator[Event]:
    """Yield the events of a turn, waiting where it has to be waited."""
    answer: Any = None
    try:
        while True:
            step = steps.send(answer)
            if isinstance(step, Request):
                answer = step.wait()
            else:
                yield step
                answer = None
    except StopIteration:
        return
    finally:
        steps.close()


async def drive_async(steps: Carried) -> AsyncGenerator[Event, None]:
    """The same without blocking the event loop."""
    answer: Any = None
    try:
        while True:
            try:
                step = steps.send(answer)
            except StopIteration:
                return
            if isinstance(step, Request):
                answer = await step.wait_async()
            else:
                yield step
                answer = None
    finally:
        steps.close()


@dataclass(slots=True)
class _Progress:
    """What of a turn has reached the caller; `child` where the memory outlives the session."""

    before: Session
    child: str | None = None
    after: Session | None = None
    finished: Finished | None = None
    said: list[str] = field(default_factory=list[str])
    store_failed: bool = False
    asked: bool = False
    """Whether the journey stands at a request and wants an answer."""


MEMORY_OF = "memory of "


def memory_key(child: str) -> str:
    """The name under which the store keeps what is remembered of a child between sessions."""
    return f"{MEMORY_OF}{child}"


def carry(name: str, text: str, care: Care, child: str | None = None) -> Carried:
    """One whole turn of a session: load, journey, save; nothing is raised from inside.

    `child` names the child whose memory outlives the session, where the policy allows it.
    """
    stored: Any = yield from _ask(care, care.store.load, name)
    lost = isinstance(stored, Failure)
    before = stored if isinstance(stored, Session) else Session()
    if not care.policy.memory.across_sessions:
        child = None
    if child is not None:
        known: Any = yield from _ask(care, care.store.load, memory_key(child))
        if isinstance(known, Session):  # another session of the child may have learnt more
            memory = before.memory.joined(known.memory)
            before = before.model_copy(update={"memory": memory})
    progress = _Progress(before=before, child=child)
    steps = journey(name, text, progress.before, care, care.clock())
    try:
        if lost:
            progress.store_failed = True
            yield from _emit(Degraded(step="store", reason=str(stored)), name, care, progress)
        yield from _play(steps, name, care, progress)
        yield from _close(name, care, progress)
    except GeneratorExit:
        _complete_unheard(steps, name, care, progress)
        raise


def _play(steps: Steps, name: str, care: Care, progress: _Progress) -> Carried:
    """Pass the journey's events and requests on; a journey that breaks is replaced by words."""
    answer: Any = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as stop:
            progress.after = stop.value
            return
        except Exception as error:  # a fault of ours: the child must not feel it
            yield from _play_fallback(name, care, progress, type(error).__name__)
            return
        progress.asked = isinstance(step, Request)
        if isinstance(step, Request):
            answer = yield step
            continue
        answer = None
        if isinstance(step, Finished):
            progress.finished = step
        else:
            if isinstance(step, Escalated):
                progress.before = _kept_open(progress.before, step, care)
            yield from _emit(step, name, care, progress)


def _play_fallback(name: str, care: Care, progress: _Progress, reason: str) -> Carried:
    policy = care.policy
    language = policy.audience.language
    lines = policy.words[language].degraded
    line = policy.fill(lines[progress.before.turns % len(lines)], language)
    said = line if not progress.said else f" {line}" if language == "en" else line
    for event in (
        Degraded(step="journey", reason=reason),
        Said(text=said, by="policy"),
    ):
        yield from _emit(event, name, care, progress)
    progress.finished = Finished(
        text="".join(progress.said), escalation=progress.before.escalation, degraded=True
    )


def _kept_open(before: Session, escalated: Escalated, care: Care) -> Session:
    """The session to fall back to, should the journey break after it escalated."""
    risk = SessionRisk(
        level=escalated.level,
        high_water=max(before.risk.high_water, escalated.level),
        open=True,
        evidence=before.risk.evidence,
    )
    return before.model_copy(
        update={
            "risk": risk,
            "escalation": escalated,
            "undelivered": care.on_escalation is not None,
        }
    )


def _close(name: str, care: Care, progress: _Progress) -> Carried:
    """Save the session, then end the turn."""
    after = progress.after or progress.before.model_copy(
        update={"turns": progress.before.turns + 1}
    )
    answer: Any = yield from _ask(care, care.store.save, name, after)
    progress.after = after
    if progress.child is not None and not isinstance(answer, Failure):
        lasting = Session(memory=after.memory.lasting())
        answer = yield from _ask(care, care.store.save, memory_key(progress.child), lasting)
    finished = progress.finished or Finished(text="".join(progress.said))
    if isinstance(answer, Failure):
        event = Degraded(step="store", reason=str(answer))
        yield from _emit(event, name, care, progress)
    if progress.store_failed or isinstance(answer, Failure):
        finished = finished.model_copy(update={"degraded": True})
    progress.finished = None  # from here on there is nothing left to complete
    yield from _emit(finished, name, care, progress)


def _emit(event: Event, name: str, care: Care, progress: _Progress) -> Carried:
    """Write the trail first, then show the event."""
    answer: Any = yield from _ask(care, care.store.record, name, for_trail(event, care))
    if isinstance(answer, Failure) and not progress.store_failed:
        progress.store_failed = True
        yield Degraded(step="store", reason=str(answer))
    if isinstance(event, Said):
        progress.said.append(event.text)
    yield event


def _ask(care: Care, function: Callable[..., Any], *arguments: Any) -> Generator[Request, Any, Any]:
    """Call the store: at once if it is ours and in memory, else as a request."""
    if type(care.store) is MemoryStore:
        return function(*arguments)
    return (yield Call(function, *arguments, seconds=care.policy.deadlines.store))


def _complete_unheard(steps: Steps, name: str, care: Care, progress: _Progress) -> None:
    """The caller stopped reading: play the rest without a model, so that nothing is lost."""
    unheard = Failure("raised", "the caller stopped reading")
    answer = unheard if progress.asked else None
    while progress.after is None:
        try:
            step = steps.send(answer)
        except StopIteration as stop:
            progress.after = stop.value if isinstance(stop.value, Session) else progress.before
        except Exception:  # a fault of ours, and nobody left to tell
            progress.after = progress.before
        else:
            answer = None
            if isinstance(step, Request):
                must = isinstance(step, Call) and step.must
                answer = step.wait() if must else unheard
            elif isinstance(step, Escalated):
                _wait_for_store(care, care.store.record, name, for_trail(step, care))
    heard = "".join(progress.said)
    history = progress.after.history
    if history and history[-1]["role"] == "assistant":
        history = (*history[:-1], {"role": "assistant", "content": heard})
    after = progress.after.model_copy(update={"history": history})
    _wait_for_store(care, care.store.save, name, after)
    if progress.child is not None:
        lasting = Session(memory=after.memory.lasting())
        _wait_for_store(care, care.store.save, memory_key(progress.child), lasting)


def _wait_for_store(care: Care, function: Callable[..., Any], *arguments: Any) -> None:
    Call(function, *arguments, seconds=care.policy.deadlines.store).wait()


def for_trail(event: Event, care: Care) -> Event:
    """The event as it may be kept: without the child's words unless the policy keeps them."""
    if care.policy.memory.keep_text:
        return event
    if isinstance(event, Heard):
        return event.model_copy(update={"text": ""})
    if isinstance(event, Weighed):
        bare = Risk(level=event.risk.level, findings=_bare(event.risk.findings))
        return event.model_copy(update={"risk": bare})
    if isinstance(event, Escalated):
        return event.model_copy(update={"findings": _bare(event.findings)})
    if isinstance(event, Finished) and event.escalation is not None:
        return event.model_copy(update={"escalation": for_trail(event.escalation, care)})
    return event


def _bare(findings: Any) -> Any:
    return tuple(finding.model_copy(update={"span": ""}) for finding in findings)
