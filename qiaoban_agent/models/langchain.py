"""Any LangChain chat model as the companion's model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from qiaoban_agent.errors import MissingExtraError, ModelError
from qiaoban_agent.models.base import Message


class LangChainModel:
    """Wraps a `BaseChatModel`; raises ModelError for any other runnable."""

    def __init__(self, chat_model: object) -> None:
        try:
            from langchain_core.language_models import BaseChatModel
        except ImportError as error:
            raise MissingExtraError("a LangChain model", "langchain") from error
        if not isinstance(chat_model, BaseChatModel):
            raise ModelError(
                f"{type(chat_model).__name__} is no LangChain chat model; give a BaseChatModel"
            )
        self._chat_model = chat_model

    def generate(self, messages: Sequence[Message], /) -> Iterator[str]:
        """Stream one answer."""
        given: list[Any] = [(message["role"], message["content"]) for message in messages]
        for chunk in self._chat_model.stream(given):
            if chunk.text:
                yield str(chunk.text)
