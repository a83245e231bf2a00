"""A local causal language model with a chat template, through transformers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from qiaoban_agent.errors import MissingExtraError
from qiaoban_agent.models.base import Message


class TransformersModel:
    """Loads a folder or hub id once; never runs code that comes with a checkpoint."""

    def __init__(self, path: str, *, max_new_tokens: int = 160) -> None:
        try:
            import torch
            import transformers
        except ImportError as error:
            raise MissingExtraError(f"the model transformers:{path}", "transformers") from error
        self._torch: Any = torch
        self._transformers: Any = transformers
        self._tokenizer: Any = self._transformers.AutoTokenizer.from_pretrained(path)
        self._model: Any = self._transformers.AutoModelForCausalLM.from_pretrained(path)
        self._max_new_tokens = max_new_tokens
        self._one_at_a_time = threading.Lock()

    def generate(self, messages: Sequence[Message], /) -> Iterator[str]:
        """Stream one answer; closing the generator stops generation at the next token."""
        inputs = self._tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(self._model.device)
        streamer = self._transformers.TextIteratorStreamer(
            self._tokenizer, skip_prompt=True, skip_special_tokens=True
        )
        stopped = threading.Event()
        worker = threading.Thread(
            target=self._run, args=(dict(inputs), streamer, stopped), daemon=True
        )
        worker.start()
        try:
            yield from streamer
        finally:
            stopped.set()

    def _run(self, inputs: dict[str, Any], streamer: Any, stopped: threading.Event) -> None:
        def is_stopped(ids: Any, _scores: Any, **_: Any) -> Any:
            return self._torch.full((ids.shape[0],), stopped.is_set(), device=ids.device)

        try:
            with self._one_at_a_time:
                self._model.generate(
                    **inputs,
                    streamer=streamer,
                    max_new_tokens=self._max_new_tokens,
                    stopping_criteria=self._transformers.StoppingCriteriaList([is_stopped]),
                )
        finally:
            streamer.end()  # a generation that failed must not leave the reader waiting
