"""What every guard model behind HTTP has in common; an adapter asks questions and reads answers.

What is sent leaves the device: hide personal details (`qiaoban_guards.pii`) before.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from qiaoban_guards.risk.remote.answers import NoVerdictError, parse_object, without_control_tokens
from qiaoban_guards.risk.remote.pending import Pending
from qiaoban_guards.risk.remote.server import Question, Server
from qiaoban_guards.risk.remote.tables import Table
from qiaoban_guards.risk.remote.verdict import Reading, Verdict, worst
from qiaoban_guards.risk.taxonomy import Finding, Risk

_RAW = 2000
_GRACE = 0.2
"""Seconds after the deadline in which the answers that did come are still put together."""
Turn = dict[str, str]


class RemoteGuard(ABC):
    """A guard model behind a Server.

    model: the name under which the server serves it.
    context: messages before the judged one that are sent along.
    table: vendor categories in our terms; the shipped one unless the app brings its own.
    extra_body: further keys of the request, as in `{"chat_template_kwargs": {…}}`.

    `assess` and `aassess` take messages of `role` and `content` and judge the last one: the
    child's if its role is `user`, a reply if it is `assistant`. They never raise.
    """

    name: ClassVar[str]

    def __init__(
        self,
        server: Server,
        model: str,
        *,
        context: int = 6,
        table: Table | Path | None = None,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        self._server, self._model, self._context = server, model, context
        self._table = Table.of(table, self.name)
        self._extra_body = dict(extra_body or {})

    @property
    def source(self) -> str:
        """The source of this guard's findings."""
        return f"remote:{self.name}"

    def assess(self, messages: Sequence[Mapping[str, object]], /) -> Verdict:
        """Judge the last message, blocking."""
        return self.begin(messages).wait()

    async def aassess(self, messages: Sequence[Mapping[str, object]], /) -> Verdict:
        """Judge the last message without blocking the event loop."""
        return await self.begin(messages).wait_async()

    def begin(self, messages: Sequence[Mapping[str, object]], /) -> PendingVerdict:
        """Send the questions now and wait for the verdict later."""
        return PendingVerdict(self._judge(messages), self._server.deadline + _GRACE)

    @abstractmethod
    def questions(self, turns: Sequence[Turn]) -> Sequence[Question]:
        """The requests that one verdict needs; the last turn is judged."""

    @abstractmethod
    def read(self, question: Question, answer: Mapping[str, Any], /) -> Reading:
        """Read the answer to one request; NoVerdictError where it says nothing certain."""

    async def _judge(self, messages: Sequence[Mapping[str, object]]) -> Verdict:
        started = time.monotonic()
        try:
            questions = self.questions(_turns(messages, self._context))
            answers = await asyncio.gather(*(self._answer(question) for question in questions))
        except Exception as error:
            return Verdict.failed(_why(error), latency=time.monotonic() - started)
        return _verdict(answers, time.monotonic() - started)

    async def _answer(self, question: Question) -> tuple[Reading | str, str]:
        """A reading or the reason for none, and the raw answer."""
        raw = ""
        try:
            async with asyncio.timeout(self._server.deadline):
                body = await self._server.ask(question)
            raw = body.decode(errors="replace")
            answer = parse_object(raw, "the body")
            raw = _said(answer) or raw
            return self.read(question, answer), raw
        except Exception as error:
            return _why(error), raw

    def _chat(self, messages: Sequence[Mapping[str, Any]], most_tokens: int) -> Question:
        """A deterministic chat completion."""
        body: dict[str, Any] = {
            "model": self._model,
            "messages": list(messages),
            "temperature": 0,
            "max_tokens": most_tokens,
        }
        return Question("chat", body | self._extra())

    def _extra(self) -> dict[str, Any]:
        return {"extra_body": self._extra_body} if self._extra_body else {}


class PendingVerdict:
    """A verdict under way; a deadline that passes is a failed verdict, not an error."""

    def __init__(self, coroutine: Any, seconds: float) -> None:
        self._seconds = seconds
        self._pending: Pending[Verdict] = Pending(coroutine, seconds)

    def wait(self) -> Verdict:
        """The verdict, blocking."""
        try:
            return self._pending.wait()
        except TimeoutError:
            return Verdict.failed("late", latency=self._seconds)

    async def wait_async(self) -> Verdict:
        """The verdict, without blocking the event loop."""
        try:
            return await self._pending.wait_async()
        except TimeoutError:
            return Verdict.failed("late", latency=self._seconds)


def _turns(messages: Sequence[Mapping[str, object]], context: int) -> list[Turn]:
    """The last turns, user and assistant alternating and a user's first, as templates want them.

    Raises NoVerdictError where there is nothing to judge.
    """
    turns: list[Turn] = []
    for message in messages[-context - 1 :]:
        role, text = _parts(message)
        text = without_control_tokens(text)
        if role != "system" and turns and turns[-1]["role"] == role:
            turns[-1]["content"] += "\n" + text
        elif role != "system":
            turns.append({"role": role, "content": text})
    role, text = _parts(messages[-1]) if messages else ("system", "")
    if role == "system" or not text.strip():
        raise NoVerdictError("nothing to judge")
    if turns[0]["role"] == "user":
        return turns
    return turns[1:] or [{"role": "user", "content": ""}, *turns]


def _parts(message: Mapping[str, object]) -> tuple[str, str]:
    role, text = message.get("role"), message.get("content")
    if not isinstance(text, str) or role not in ("system", "user", "assistant"):
        raise NoVerdictError("a message without role or content")
    return str(role), text


def _verdict(answers: Sequence[tuple[Reading | str, str]], latency: float) -> Verdict:
    """Put the answers together: the worst severity, all categories, every reason of a failure."""
    readings = [reading for reading, _ in answers if isinstance(reading, Reading)]
    reasons = dict.fromkeys(reason for reason, _ in answers if isinstance(reason, str))
    raw = "\n".join(raw for _, raw in answers)[:_RAW]
    if not readings:
        return Verdict.failed("; ".join(reasons) or "no answer", raw=raw, latency=latency)
    risk = Risk.of(_gravest(tuple(f for reading in readings for f in reading.findings)))
    severity = worst(tuple(reading.severity for reading in readings))
    label = next(reading.label for reading in readings if reading.severity == severity)
    return Verdict(
        label="" if reasons and severity == "safe" else label,
        severity="unsafe" if reasons else severity,
        categories=tuple(dict.fromkeys(c for reading in readings for c in reading.categories)),
        risk=None if reasons and not risk.findings else risk,
        scores={name: score for reading in readings for name, score in reading.scores.items()},
        raw=raw,
        latency=latency,
        parse_ok=not reasons,
        reason="; ".join(reasons),
    )


def _gravest(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The gravest finding of each category."""
    by_category = {f.category: f for f in sorted(findings, key=lambda finding: finding.level)}
    return tuple(by_category.values())


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "late"
    return str(error) if isinstance(error, NoVerdictError) else type(error).__name__


def _said(answer: Mapping[str, Any]) -> str:
    """What the model wrote, if the answer has the form of a chat completion."""
    try:
        return str(answer["choices"][0]["message"]["content"] or "")
    except (KeyError, IndexError, TypeError):
        return ""
