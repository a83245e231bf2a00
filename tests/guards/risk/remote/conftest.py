"""A server on loopback that answers as a guard model would, or fails as servers do."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest

from qiaoban_guards.risk.remote import (
    Judge,
    LlamaGuard,
    NemoGuard,
    OpenAIModeration,
    Qwen3Guard,
    RemoteGuard,
    Server,
    ShieldGemma,
    ShieldLM,
)

KEY = "sk-not-a-real-key-0123456789"
FLAGS = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


def chat(text: object, finish: object = "stop") -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


def completion(top: object, finish: object = "length") -> dict[str, Any]:
    logprobs = {"top_logprobs": [top]}
    choice = {"index": 0, "text": " ", "finish_reason": finish, "logprobs": logprobs}
    return {"id": "x", "object": "text_completion", "model": "m", "choices": [choice]}


def moderation(
    scores: Mapping[str, float | None], named: tuple[str, ...] = (), **more: object
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "flagged": bool(named),
        "categories": dict.fromkeys(FLAGS, False) | dict.fromkeys(named, True),
        "category_scores": dict.fromkeys(FLAGS, 0.0001) | dict(scores),
        "category_applied_input_types": {name: ["text"] for name in FLAGS},
    }
    return {"id": "modr-1", "model": "omni-moderation-latest", "results": [result | more]}


@dataclass
class Kind:
    """One adapter: how it is made, and whole answers of its model."""

    make: Callable[[Server], RemoteGuard]
    safe: dict[str, Any]
    unsafe: dict[str, Any]


KINDS = {
    "qwen3guard": Kind(
        lambda server: Qwen3Guard(server, "m"),
        chat("Safety: Safe\nCategories: None"),
        chat("Safety: Unsafe\nCategories: Suicide & Self-Harm"),
    ),
    "llama_guard": Kind(
        lambda server: LlamaGuard(server, "m"), chat("\n\nsafe"), chat("\n\nunsafe\nS11")
    ),
    "shieldgemma": Kind(
        lambda server: ShieldGemma(server, "m"),
        completion({"No": -0.01, "Yes": -5.0}),
        completion({"No": -5.0, "Yes": -0.01}),
    ),
    "openai_moderation": Kind(
        OpenAIModeration,
        moderation({}),
        moderation({"self-harm/intent": 0.9}, ("self-harm/intent",)),
    ),
    "shieldlm": Kind(
        lambda server: ShieldLM(server, "m"),
        chat("[答案] 安全", "length"),
        chat("[答案] 不安全", "length"),
    ),
    "judge": Kind(
        lambda server: Judge(server, "m"),
        chat('{"level": "none", "findings": []}'),
        chat('{"level":"high","findings":[{"category":"self_harm","level":"high"}]}'),
    ),
    "nemoguard": Kind(
        lambda server: NemoGuard(server, "m"),
        chat('{"User Safety": "safe", "Response Safety": "safe"}'),
        chat('{"User Safety":"unsafe","Response Safety":"unsafe","Safety Categories":"Violence"}'),
    ),
}


@dataclass
class Heard:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Fake:
    """What the server on loopback does next, and what it heard.

    `answer` may be a function of the request's body.
    """

    port: int
    answer: Any = field(default_factory=dict[str, Any])
    status: int = 200
    fault: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    heard: list[Heard] = field(default_factory=list[Heard])
    released: threading.Event = field(default_factory=threading.Event)
    servers: list[Server] = field(default_factory=list[Server])

    def server(self, **options: Any) -> Server:
        """A Server that points here, closed after the test."""
        options.setdefault("api_key", KEY)
        made = Server(f"http://127.0.0.1:{self.port}/v1", **options)
        self.servers.append(made)
        return made


class _Fakes(ThreadingHTTPServer):
    daemon_threads = True
    fake: Fake

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        fake = cast("_Fakes", self.server).fake
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fake.heard.append(
            Heard(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        )
        if fake.fault:
            getattr(self, f"_{fake.fault}")(fake)
            self.close_connection = True
            return
        answer = fake.answer(body) if callable(fake.answer) else fake.answer
        payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(fake.status)
        for name, value in fake.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def _reset(self, fake: Fake) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _hang(self, fake: Fake) -> None:
        fake.released.wait(10)

    def _cut_short(self, fake: Fake) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"choices"')

    def _drip_headers(self, fake: Fake) -> None:
        self._drip(fake, b"HTTP/1.1 200 OK\r\nX-Slow: ")

    def _drip_body(self, fake: Fake) -> None:
        self._drip(fake, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")

    def _drip(self, fake: Fake, start: bytes) -> None:
        self.wfile.write(start)
        while not fake.released.wait(0.02):
            self.wfile.write(b" ")

    def _flood(self, fake: Fake) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000000\r\n\r\n")
        while not fake.released.is_set():
            self.wfile.write(b" " * 65536)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@pytest.fixture(scope="session")
def _http() -> Iterator[_Fakes]:
    with _Fakes(("127.0.0.1", 0), _Handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield http
        http.shutdown()
        thread.join()


@pytest.fixture
def fake(_http: _Fakes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    pytest.importorskip("openai")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    _http.fake = fake = Fake(_http.server_port)
    yield fake
    fake.released.set()
    for server in fake.servers:
        server.close()


@pytest.fixture
def kinds() -> dict[str, Kind]:
    return KINDS


@pytest.fixture(name="chat")
def chat_fixture() -> Callable[..., dict[str, Any]]:
    return chat


@pytest.fixture(name="completion")
def completion_fixture() -> Callable[..., dict[str, Any]]:
    return completion


@pytest.fixture(name="moderation")
def moderation_fixture() -> Callable[..., dict[str, Any]]:
    return moderation
