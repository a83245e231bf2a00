"""Any server that speaks OpenAI's chat completions, through the `openai` SDK.

The address and the key are read by the SDK from OPENAI_BASE_URL and OPENAI_API_KEY.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qiaoban_agent.errors import MissingExtraError
from qiaoban_agent.models.base import Message

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletionMessageParam


class OpenAIModel:
    """A model behind an OpenAI-compatible server; `client` may be the app's own."""

    def __init__(
        self, model: str, *, client: openai.OpenAI | None = None, max_tokens: int = 300
    ) -> None:
        if client is None:
            try:
                import openai
            except ImportError as error:
                raise MissingExtraError(f"the model openai:{model}", "openai") from error
            client = openai.OpenAI()
        self._model, self._client, self._max_tokens = model, client, max_tokens

    def generate(self, messages: Sequence[Message], /) -> Iterator[str]:
        """Stream one answer; closing the generator closes the connection.

        Raises ConnectionError for a stream that ends without saying that it is finished.
        """
        with self._client.chat.completions.create(
            model=self._model,
            messages=[_as_param(message) for message in messages],
            max_tokens=self._max_tokens,
            stream=True,
        ) as chunks:
            finished = False
            for chunk in chunks:
                for choice in chunk.choices[:1]:
                    finished = finished or choice.finish_reason is not None
                    if choice.delta.content:
                        yield choice.delta.content
        if not finished:
            raise ConnectionError("the stream ended without a finish_reason")


def _as_param(message: Message) -> ChatCompletionMessageParam:
    if message["role"] == "system":
        return {"role": "system", "content": message["content"]}
    if message["role"] == "user":
        return {"role": "user", "content": message["content"]}
    return {"role": "assistant", "content": message["content"]}
