"""A server on loopback that judges: what it says may hang on what it was asked."""

from __future__ import annotations

import gc
import json
import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest

from tests.agent.models.fake_openai import FakeServer, Wire

Answer = Callable[["JudgeWire"], None]


class JudgeWire(Wire):
    """One request, whose body a behaviour can read whoever else is asking."""

    body: dict[str, Any]

    def do_POST(self) -> None:  # noqa: N802 - its name there
        server = cast("FakeServer", self.server)
        self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with _LOCK:
            server.heard.append(self.body)
            number = len(server.heard)
        behaviour = cast("Sequence[Answer]", server.script)[min(number, len(server.script)) - 1]
        try:
            behaviour(self)
        except OSError:
            self.close_connection = True

    @property
    def asked(self) -> str:
        """What the judge was asked last."""
        return str(self.body["messages"][-1]["content"])

    def answer(self, *said: str | None) -> None:
        """A completion with these choices."""
        choices = [
            {
                "index": n,
                "message": {"role": "assistant", "content": one},
                "finish_reason": "stop",
            }
            for n, one in enumerate(said)
        ]
        completion = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "judge",
            "choices": choices,
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
        self.whole(json.dumps(completion).encode(), "application/json")


_LOCK = threading.Lock()


@contextmanager
def judging(monkeypatch: pytest.MonkeyPatch, *script: Answer) -> Generator[FakeServer]:
    """A server that plays these, at the address that `openai:` judges ask."""
    with FakeServer(*cast("Any", script)) as server:
        server.RequestHandlerClass = JudgeWire
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        monkeypatch.setenv("OPENAI_BASE_URL", server.address)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)  # inspect keeps connections open
                gc.collect()


def saying(*said: str | None) -> Answer:
    """These choices, whatever was asked; as many as were asked for where there is one."""

    def behave(wire: JudgeWire) -> None:
        wanted = int(wire.body.get("n") or 1)
        wire.answer(*(said * wanted if len(said) == 1 else said))

    return behave


def scoring(score: int, reason: str = "so") -> Answer:
    """A structured score."""
    return saying(json.dumps({"reason": reason, "score": score}))
