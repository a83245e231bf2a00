"""What is evaluated: a companion with its whole journey, or a bare model for contrast."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, cast

from qiaoban_agent.models.base import CutShort, Message, Model, Refused
from qiaoban_agent.models.spec import model_from
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.evaluate.talk import Answer
from qiaoban_guards.documents import Frozen
from qiaoban_guards.policy.types import Language

INSPECT = "inspect:"
REPLIES = "replies:"


class SubjectCard(Frozen):
    """What a report says was evaluated; `prompt` is the system prompt of a bare model."""

    name: str
    kind: Literal["companion", "model"]
    model: str
    policy: str = ""
    prompt: str = ""


class Subject(Protocol):
    """Something that answers a child; any number of sessions at once."""

    @property
    def card(self) -> SubjectCard:
        """What a report says of it."""
        ...

    async def begin(self, session: str, before: Sequence[Message]) -> None:
        """Open a session in which this was said already, the oldest first."""
        ...

    async def answer(self, message: str, session: str) -> Answer:
        """Answer a child's message."""
        ...

    def forget(self, session: str) -> None:
        """End a session."""
        ...


class BareModel:
    """A model without the companion around it: no guard, no stage, nobody who is told.

    `answering` is one of our models, or one of inspect's. `system` is what it is told first.
    """

    def __init__(self, name: str, model: Model, system: str = "") -> None:
        self._card = SubjectCard(name=name, kind="model", model=name, prompt=system)
        self._model, self._system = model, system
        self._said: dict[str, list[Message]] = {}

    @property
    def card(self) -> SubjectCard:
        """What a report says of it."""
        return self._card

    async def begin(self, session: str, before: Sequence[Message]) -> None:
        """Open a session in which this was said already."""
        system = [Message(role="system", content=self._system)] if self._system else []
        self._said[session] = [*system, *before]

    async def answer(self, message: str, session: str) -> Answer:
        """Answer a child's message; raises what the model raises."""
        said = self._said.setdefault(session, [])
        said.append(Message(role="user", content=message))
        reply = await words_of(self._model, said)
        said.append(Message(role="assistant", content=reply))
        return Answer(child=message, reply=reply, by=("model",))

    def forget(self, session: str) -> None:
        """End a session."""
        self._said.pop(session, None)


async def words_of(model: Model, messages: Sequence[Message]) -> str:
    """What a model of any kind says; a reply cut short stands, a refused one is empty."""
    from anyio import to_thread

    pieces: list[str] = []
    try:
        given: Any = await to_thread.run_sync(lambda: model.generate(list(messages)))
        if inspect.isawaitable(given):
            given = await given
        if isinstance(given, str):
            pieces.append(given)
        elif isinstance(given, AsyncIterable):
            async for piece in cast("AsyncIterable[str]", given):
                pieces.append(piece)
        else:
            # what it is made of is kept as it comes: the end may be an exception
            await to_thread.run_sync(pieces.extend, cast("Iterable[str]", given))
    except (CutShort, Refused):
        pass
    return "".join(pieces).strip()


class InspectModel:
    """A model of inspect's providers, asked as ours are; without a name the one inspect runs."""

    def __init__(self, name: str, config: Mapping[str, Any] | None = None) -> None:
        self.name, self._config = name, dict(config or {})

    async def generate(self, messages: Sequence[Message], /) -> str:
        """Answer the last message."""
        from inspect_ai.model import (
            ChatMessage,
            ChatMessageAssistant,
            ChatMessageSystem,
            ChatMessageUser,
            GenerateConfig,
            get_model,
        )

        kinds: Mapping[str, Any] = {
            "system": ChatMessageSystem,
            "user": ChatMessageUser,
            "assistant": ChatMessageAssistant,
        }
        given: list[ChatMessage] = [kinds[m["role"]](content=m["content"]) for m in messages]
        asked = GenerateConfig(max_retries=3, **self._config)
        return (await get_model(self.name or None).generate(given, config=asked)).completion


def bare_model(spec: str, language: Language, system: str = "") -> BareModel:
    """A bare model by name; ConfigError or ModelError for one that cannot be used.

    `openai:MODEL` and `transformers:PATH` are the companion's own; `inspect:PROVIDER/MODEL` is any
    of inspect's; `replies:FILE` says the lines of a file, `replies:bad` those of a companion that
    does everything wrong.
    """
    model = model_from(speaking(spec, language))
    if model is None:
        raise ConfigError(
            f"{spec!r} is the companion's own words, not a model that can stand alone; leave "
            "--bare out"
        )
    return BareModel(spec, model, system)


def speaking(spec: str, language: Language) -> object:
    """What `Companion(model=…)` takes, from a name that may also be the evaluation's own."""
    if spec.startswith(INSPECT):
        return InspectModel(spec.removeprefix(INSPECT))
    if spec.startswith(REPLIES):
        from qiaoban_finetune.evaluate.replies import replies_from

        return replies_from(spec.removeprefix(REPLIES), language)
    return spec


def playing(spec: str, language: Language) -> Model:
    """The model that plays children; ConfigError or ModelError for one that cannot."""
    model = model_from(speaking(spec, language))
    if model is None:
        raise ConfigError(f"{spec!r} cannot play a child; name a language model")
    return model
