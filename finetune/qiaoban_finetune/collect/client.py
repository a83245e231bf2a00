"""Asking a server once, and again after errors that may pass, a bounded number of times."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from typing import Any, cast

from qiaoban_agent.models.base import CutShort, Refused
from qiaoban_agent.models.openai.answer import Answer as WireAnswer
from qiaoban_agent.models.openai.client import require_openai
from qiaoban_agent.models.openai.errors import (
    ServerFailedError,
    ServerTimeoutError,
    UnreachableError,
    headers_of,
    is_passing,
    told,
)
from qiaoban_agent.models.openai.request import RequestForm
from qiaoban_agent.models.openai.retries import Retries
from qiaoban_finetune.collect.asking import Answer, End, Request
from qiaoban_finetune.collect.connection import Connection
from qiaoban_finetune.collect.limits import Estimate, Paces
from qiaoban_finetune.collect.settings import LimitsConfig, ServerConfig
from qiaoban_guards.errors import MissingExtraError

_SAMPLING = ("top_p", "frequency_penalty")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer and the tokens it took."""

    answer: Answer
    input_tokens: int
    output_tokens: int


class Server:
    """The server of a run. `repeated` counts why calls were repeated.

    Raises ModelError where the address or the key cannot be used, MissingExtraError without the
    packages of `qiaoban-agent[collect]`. The key comes from OPENAI_API_KEY and nowhere else.
    """

    def __init__(self, config: ServerConfig, limits: LimitsConfig) -> None:
        require_openai(config.model)
        try:
            import_module("aiohttp")
            self._tenacity: Any = import_module("tenacity")
        except ImportError as error:
            raise MissingExtraError("collecting dialogues", "collect") from error
        self.repeated: Counter[str] = Counter()
        self._config, self._limits = config, limits
        self._paces = Paces(limits)
        self._retries = Retries(most=limits.retries, backoff=limits.backoff)
        self._connection = Connection(config.base_url, config.timeout)
        self._form = RequestForm(
            config.model, config.max_tokens, config.temperature, dict(config.extra_body)
        )
        sampling = {name: getattr(config, name) for name in _SAMPLING}
        self._sampling = {name: value for name, value in sampling.items() if value is not None}

    async def ask(
        self, request: Request, estimate: Estimate, seed: int, stopping: Callable[[], bool]
    ) -> Reply:
        """The answer to a request; `stopping` tells that nothing is to be repeated any more.

        Raises ServerError when the last attempt failed.
        """

        def pause(state: Any) -> float:
            error: Exception = state.outcome.exception()
            return self._retries.pause(state.attempt_number - 1, headers_of(error))

        def is_last(state: Any) -> bool:
            return bool(state.attempt_number > self._limits.retries) or stopping()

        def count(state: Any) -> None:
            self.repeated[reason(state.outcome.exception())] += 1

        attempts = self._tenacity.AsyncRetrying(
            retry=self._tenacity.retry_if_exception(_may_pass),
            wait=pause,
            stop=is_last,
            before_sleep=count,
            reraise=True,
        )
        try:
            reply = await attempts(self._once, request, estimate, seed)
        except Refused:
            return Reply(Answer("", "refused"), 0, 0)
        except Exception as error:
            raise told(error, self._config.model) from None  # the SDK's error holds the key
        return cast("Reply", reply)

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def _once(self, request: Request, estimate: Estimate, seed: int) -> Reply:
        changed = self._form.changed
        while True:
            await self._paces.wait(estimate)
            try:
                reply = await self._call(request, seed, changed)
            except Exception as error:
                self._paces.used(estimate, 0)
                more = self._form.change(error, changed)
                if more is None:
                    raise
                changed = more
            else:
                self._paces.used(estimate, reply.input_tokens + reply.output_tokens)
                return reply

    async def _call(self, request: Request, seed: int, changed: frozenset[str]) -> Reply:
        arguments: dict[str, Any] = self._form.filled(request.messages, changed) | self._sampling
        del arguments["stream"]
        if request.stop:
            arguments["stop"] = list(request.stop)
        if self._config.send_seed:
            arguments["seed"] = seed
        for name in ("max_tokens", "max_completion_tokens"):
            if name in arguments and request.max_tokens:
                arguments[name] = min(arguments[name], request.max_tokens)
        extra = arguments.pop("extra_body", {})
        body = await self._connection.post({**arguments, **extra})
        return _read(body, request, thinks=self._config.thinks)


def reason(error: BaseException | None) -> str:
    """Why a call is repeated, in words that can be counted."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return f"status {error.status_code}"
    if isinstance(error, openai.APITimeoutError | ServerTimeoutError):
        return "timeout"
    if isinstance(error, ServerFailedError):
        return "unreadable answer"
    return "no connection"


def _may_pass(error: BaseException) -> bool:
    """As `is_passing`, but an answer that is late is asked for again: nobody waits meanwhile."""
    import openai

    ours = openai.APITimeoutError | ServerFailedError | ServerTimeoutError | UnreachableError
    return isinstance(error, ours) or (isinstance(error, Exception) and is_passing(error))


def _read(body: bytes, request: Request, *, thinks: bool) -> Reply:
    reading, pieces = WireAnswer(thinks=thinks), list[str]()
    end: End = "whole"
    try:
        for piece in chain(reading.feed(body), _finish(reading)):
            pieces.append(piece)
    except CutShort:
        end = "cut_short"
    except Refused:
        end = "refused"
    text = "".join(pieces)
    usage: Any = json.loads(body).get("usage") or {}
    asked = sum(len(message["content"]) for message in request.messages)
    return Reply(
        Answer(text, end),
        _tokens(usage.get("prompt_tokens"), asked),
        _tokens(usage.get("completion_tokens"), len(text)),
    )


def _finish(reading: WireAnswer) -> Iterator[str]:
    """The end of an answer, read when all before it was."""
    yield from reading.finish()


def _tokens(told_by_server: object, characters: int) -> int:
    if isinstance(told_by_server, int) and told_by_server >= 0:
        return told_by_server
    return characters


__all__ = ["Reply", "Server", "reason"]
