"""Doing a recipe's tasks: many at a time, within limits, and never one twice.

What a task has been answered before is taken from the journal; its talk goes on behind that. What
comes out is made of the journal alone, in the order of the tasks, so that a run that was killed
fifty times writes the same file as one that was not.
"""

from __future__ import annotations

import asyncio
import hashlib
import signal
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Generic

from qiaoban_agent.models.openai.errors import KeyRefusedError, ModelUnknownError, ServerError
from qiaoban_finetune.collect.asking import Answer, Found, Malformed, Recipe, Request
from qiaoban_finetune.collect.client import Server
from qiaoban_finetune.collect.journal import Journal, Recorded, fingerprint
from qiaoban_finetune.collect.limits import Budget, Estimate, most_tokens
from qiaoban_finetune.collect.settings import CollectConfig
from qiaoban_finetune.errors import CollectError, ConfigError
from qiaoban_guards.errors import QiaobanError

_TASKS_A_CALL = 2
"""So many tasks are open for each call: while an answer is made durable, another one is asked."""


@dataclass
class Progress:
    """How far a run is; `told` is called whenever that changes."""

    tasks: int
    done: int = 0
    dialogues: int = 0
    malformed: Counter[str] = field(default_factory=Counter[str])
    unanswered: Counter[str] = field(default_factory=Counter[str])
    """Tasks without an answer after every repetition, by reason; they are asked at the next run."""
    asked: int = 0
    """Calls that were answered in this run; those of the journal are not among them."""
    stopped: str = ""
    """Why the run ended before its last task; empty if it did not."""
    told: Callable[[Progress], object] = bool

    def ended(self, found: object) -> None:
        """A task is done."""
        self.done += 1
        if isinstance(found, Malformed):
            self.malformed[found.reason] += 1
        else:
            self.dialogues += 1
        self.told(self)

    def failed(self, error: ServerError) -> None:
        """A task has no answer."""
        self.unanswered[type(error).__name__.removesuffix("Error")] += 1
        self.told(self)


class _Stopped(Exception):  # noqa: N818 - nothing is wrong
    """A task is left where it is."""


class Engine(Generic[Found]):
    """A run of one recipe."""

    def __init__(
        self,
        recipe: Recipe[Found],
        config: CollectConfig,
        *,
        server: Server,
        journal: Journal,
        budget: Budget,
        progress: Progress,
    ) -> None:
        self._recipe, self._config, self._server = recipe, config, server
        self._journal, self._budget, self._progress = journal, budget, progress
        self._calls = asyncio.Semaphore(config.limits.concurrency)
        self._failures = 0
        self._error: QiaobanError | ServerError | None = None
        self._settled = asyncio.Condition()

    async def collect(self, numbers: range) -> None:
        """Do those of these tasks that are not done.

        An interrupt (SIGINT, SIGTERM) begins no more calls and waits for those under way; a second
        one gives them up. Raises ServerError where the server takes no calls at all, CollectError
        when too many tasks in a row had no answer, ConfigError for a journal of another run.
        """
        waiting = iter(numbers)
        with _interrupting(self._stop):
            async with asyncio.TaskGroup() as group:
                for _ in range(min(_TASKS_A_CALL * self._config.limits.concurrency, len(numbers))):
                    group.create_task(self._work(waiting))
        if self._error is not None:
            raise self._error

    def _stop(self, why: str) -> None:
        self._progress.stopped = self._progress.stopped or why

    def _is_stopping(self) -> bool:
        return bool(self._progress.stopped)

    async def _work(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            if self._is_stopping():
                return
            try:
                found = await self._talk(number)
            except _Stopped:
                return
            except ConfigError as error:
                self._end(error)
            except ServerError as error:
                self._fail(error)
            else:
                self._failures = 0
                self._progress.ended(found)

    def _fail(self, error: ServerError) -> None:
        self._progress.failed(error)
        self._failures += 1
        if isinstance(error, KeyRefusedError | ModelUnknownError):
            self._end(error)
        elif self._failures >= self._config.limits.failures:
            self._end(
                CollectError(
                    f"{self._failures} tasks in a row had no answer, the last because: {error}; "
                    "what was answered is kept, and the same command goes on with the rest"
                )
            )

    def _end(self, error: QiaobanError | ServerError) -> None:
        """Begin no more calls; those under way are paid for, and waited for."""
        self._error = self._error or error
        self._stop("an error")

    async def _talk(self, number: int) -> Found | Malformed:
        talk = self._recipe.talk(number)
        answer: Answer | None = None
        step = 0
        while True:
            try:
                request = next(talk) if answer is None else talk.send(answer)
            except StopIteration as end:
                value: Found | Malformed = end.value
                return value
            answer = recorded_answer(self._journal, number, step, request)
            if answer is None:
                answer = await self._asked(number, step, request)
            step += 1

    async def _asked(self, number: int, step: int, request: Request) -> Answer:
        estimate = most_tokens(request, self._config.server.max_tokens)
        await self._reserved(estimate)
        used = (0, 0)
        try:
            seed = _seed(self._config.seed, number, step)
            async with self._calls:
                if self._is_stopping():
                    raise _Stopped
                reply = await self._server.ask(request, estimate, seed, self._is_stopping)
            used = (reply.input_tokens, reply.output_tokens)
        finally:
            self._budget.settle(estimate, *used)
            async with self._settled:
                self._settled.notify_all()
        answer = reply.answer
        await self._journal.add(
            Recorded(number, step, fingerprint(request), answer.text, answer.end, *used)
        )
        self._progress.asked += 1
        self._progress.told(self._progress)
        return answer

    async def _reserved(self, estimate: Estimate) -> None:
        """Wait for money that calls under way may give back; stop where there is none."""
        async with self._settled:
            while not self._is_stopping():
                if self._budget.reserve(estimate):
                    return
                if self._budget.idle:
                    self._stop("the cost limit")
                else:
                    await self._settled.wait()
        raise _Stopped


def recorded_answer(journal: Journal, number: int, step: int, request: Request) -> Answer | None:
    """What the journal has as the answer; ConfigError where it answers another request."""
    recorded = journal.recorded(number, step)
    if recorded is None:
        return None
    if recorded.request != fingerprint(request):
        raise ConfigError(
            f"{journal.file}: the answer to task {number}, step {step} is to another request: the "
            "configuration, a template or a file it reads was changed since; change it back, or "
            "write another output"
        )
    return recorded.answer


def outcome(recipe: Recipe[Found], journal: Journal, number: int) -> Found | Malformed | None:
    """What the journal's answers make of a task; None where it is not done."""
    talk = recipe.talk(number)
    answer: Answer | None = None
    step = 0
    while True:
        try:
            request = next(talk) if answer is None else talk.send(answer)
        except StopIteration as end:
            value: Found | Malformed = end.value
            return value
        answer = recorded_answer(journal, number, step, request)
        if answer is None:
            return None
        step += 1


def _seed(run: int, number: int, step: int) -> int:
    """A seed of a call's own, within what servers take."""
    told = hashlib.blake2b(f"{run}:{number}:{step}".encode(), digest_size=4).digest()
    return int.from_bytes(told) & 0x7FFFFFFF


@contextmanager
def _interrupting(stop: Callable[[str], None]) -> Generator[None]:
    """Let the first interrupt call `stop`, and the second one end the process's loop."""
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    heard: list[int] = []

    def interrupted(number: int) -> None:
        heard.append(number)
        stop("an interrupt")
        if len(heard) > 1 and main is not None:
            main.cancel()

    signals = (signal.SIGINT, signal.SIGTERM)
    set_up: list[int] = []
    with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
        for one in signals:
            loop.add_signal_handler(one, interrupted, one)
            set_up.append(one)
    try:
        yield
    finally:
        for number in set_up:
            loop.remove_signal_handler(number)
