"""Judges by name, asked with bounded patience."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from qiaoban_agent.models.base import Message
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.evaluate.subjects import INSPECT, speaking, words_of
from qiaoban_guards.documents import Frozen

SERVICE = "qiaoban"
_RETRIES = 3
_SECONDS = 60


class Wish(Frozen):
    """How an answer is to come: `samples` of them, `form` for structured ones."""

    samples: int = 1
    temperature: float = 0.0
    max_tokens: int = 300
    form: Literal["", "score", "pair"] = ""


class Judge(Protocol):
    """Something that answers a question about a reply."""

    @property
    def name(self) -> str:
        """What a report calls it."""
        ...

    async def ask(self, messages: Sequence[Message], wish: Wish) -> list[str]:
        """So many answers as were wished for, or fewer; raises what the model raises."""
        ...


class InspectJudge:
    """A judge behind one of inspect's providers; `settings` go to `get_model`.

    A request that fails is repeated `retries` times, after 3, 6 and 12 seconds.
    """

    def __init__(self, name: str, model: str, *, retries: int = _RETRIES, **settings: Any) -> None:
        self.name, self._model = name, model
        self._retries, self._settings = retries, settings

    async def ask(self, messages: Sequence[Message], wish: Wish) -> list[str]:
        """The answers; each request has a minute."""
        from inspect_ai.model import (
            ChatMessageSystem,
            ChatMessageUser,
            GenerateConfig,
            ResponseSchema,
            get_model,
        )

        kinds: dict[str, Any] = {"system": ChatMessageSystem, "user": ChatMessageUser}
        schema = (
            ResponseSchema(name=wish.form, json_schema=_schema(wish.form)) if wish.form else None
        )
        output = await get_model(self._model, **self._settings).generate(
            [kinds[m["role"]](content=m["content"]) for m in messages],
            config=GenerateConfig(
                max_retries=self._retries,
                attempt_timeout=_SECONDS,
                num_choices=wish.samples if wish.samples > 1 else None,
                temperature=wish.temperature,
                max_tokens=wish.max_tokens,
                response_schema=schema,
            ),
        )
        return [choice.message.text for choice in output.choices]


def _schema(kind: str) -> Any:
    from inspect_ai.util import JSONSchema

    answer = (
        JSONSchema(type="integer", enum=[1, 2, 3, 4, 5])
        if kind == "score"
        else JSONSchema(type="string", enum=["A", "B", "tie"])
    )
    key = "score" if kind == "score" else "better"
    return JSONSchema(
        type="object",
        properties={"reason": JSONSchema(type="string"), key: answer},
        required=["reason", key],
        additionalProperties=False,
    )


class OwnJudge:
    """A judge that is one of the library's own models; it takes its own temperature."""

    def __init__(self, name: str, model: Any) -> None:
        self.name, self._model = name, model

    async def ask(self, messages: Sequence[Message], wish: Wish) -> list[str]:
        """The answers, one after the other."""
        return [await words_of(self._model, messages) for _ in range(wish.samples)]


def judge_from(spec: str) -> Judge:
    """A judge by name.

    `openai:MODEL` asks the server at OPENAI_BASE_URL, `inspect:PROVIDER/MODEL` any of inspect's,
    `transformers:PATH` one on this machine. Raises ConfigError and ModelError for one that cannot
    be used.
    """
    kind, _, rest = spec.partition(":")
    if spec.startswith(INSPECT) and rest:
        return InspectJudge(rest, rest)
    if kind == "openai" and rest:
        from qiaoban_agent.models.openai.client import address_and_key, require_openai

        require_openai(rest)
        address, key = address_and_key(None)
        return InspectJudge(rest, f"openai-api/{SERVICE}/{rest}", base_url=address, api_key=key)
    if kind == "transformers" and rest:
        from qiaoban_agent.models.spec import model_from

        return OwnJudge(rest, model_from(speaking(spec, "zh")))
    raise ConfigError(
        f"no judge is called {spec!r}; write openai:MODEL, inspect:PROVIDER/MODEL or "
        "transformers:PATH"
    )
