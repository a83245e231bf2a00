"""The optional backends, each against the real library: a server on loopback, tiny weights."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest

from qiaoban_agent import Companion
from qiaoban_agent.events import Degraded, Said
from tests.policies import unannounced

pytestmark = [pytest.mark.models, pytest.mark.slow]
QUICK = unannounced({"deadlines": {"first_words": 2, "next_words": 0.3}})


class _Server(ThreadingHTTPServer):
    """Speaks the streaming form of chat completions; `behaviour` says how it fails."""

    daemon_threads = True
    behaviour = "well"
    heard: list[dict[str, Any]]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = cast("_Server", self.server)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.heard.append(body)
        if server.behaviour == "status 500":
            self.send_error(500)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for number, word in enumerate(("我听", "到了。", "你还好", "吗？")):
            if number == 2 and server.behaviour == "drops":
                return
            if number == 2 and server.behaviour == "hangs":
                threading.Event().wait(1)
            self._send({"choices": [{"index": 0, "delta": {"content": word}}]})
        self._send({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self._send({"choices": []})
        self.wfile.write(b"data: [DONE]\n\n")

    def _send(self, chunk: dict[str, Any]) -> None:
        whole = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", **chunk}
        self.wfile.write(f"data: {json.dumps(whole)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    pytest.importorskip("openai")
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.heard = []
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        yield server
        server.shutdown()
        thread.join()


def test_an_openai_compatible_server(server: _Server) -> None:
    reply = Companion(QUICK, "openai:m").reply("我好难过", session="a")
    assert reply.text == "我听到了。你还好吗？"
    assert not reply.degraded
    assert server.heard[0]["messages"][0]["role"] == "system"
    assert server.heard[0]["messages"][-1] == {"role": "user", "content": "我好难过"}


@pytest.mark.parametrize("behaviour", ["status 500", "drops", "hangs"])
def test_a_server_that_fails_leaves_the_child_answered(server: _Server, behaviour: str) -> None:
    server.behaviour = behaviour
    reply = Companion(QUICK, "openai:m").reply("我好难过", session="a")
    assert reply.text
    assert reply.degraded
    assert [e.step for e in reply.events if isinstance(e, Degraded)] == ["model"]


def test_a_langchain_chat_model() -> None:
    fake = pytest.importorskip("langchain_core.language_models.fake_chat_models")
    model = fake.FakeListChatModel(responses=["我听到了。你还好吗？"])
    reply = Companion(unannounced(), model).reply("我好难过", session="a")
    assert reply.text == "我听到了。你还好吗？"
    assert {e.by for e in reply.events if isinstance(e, Said)} == {"model"}


def test_a_local_causal_model_with_a_chat_template(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torch")
    _save_tiny_model(transformers, tmp_path)
    events = list(Companion(QUICK, f"transformers:{tmp_path}").stream("我好难过", session="a"))
    # Random weights say nothing that passes; what matters is that they were run and judged.
    assert events[-1].kind == "finished"
    assert events[-1].text
    withheld_or_failed = {"withheld", "degraded"} & {event.kind for event in events}
    assert withheld_or_failed or any(isinstance(e, Said) and e.by == "model" for e in events)
    from qiaoban_agent.models.transformers import TransformersModel

    pieces = list(
        TransformersModel(str(tmp_path), max_new_tokens=8).generate(
            [{"role": "user", "content": "hi"}]
        )
    )
    assert "".join(pieces)


def _save_tiny_model(transformers: Any, folder: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(["</s>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>")
    fast.chat_template = "{% for m in messages %}{{ m['role'] }}:{{ m['content'] }}\n{% endfor %}"
    fast.save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        eos_token_id=None,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)


def test_our_patterns_join_presidio() -> None:
    presidio = pytest.importorskip("presidio_analyzer")
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    from qiaoban_guards.pii.presidio import recognizer

    analyzer = presidio.AnalyzerEngine(
        registry=presidio.RecognizerRegistry(
            recognizers=[recognizer("zh")], supported_languages=["zh"]
        ),
        nlp_engine=NoOpNlpEngine([{"lang_code": "zh", "model_name": "none"}]),
        supported_languages=["zh"],
    )
    text = "我的电话是138 1234 5678哦"
    found = analyzer.analyze(text, language="zh")
    assert [(r.entity_type, text[r.start : r.end]) for r in found] == [("PHONE", "138 1234 5678")]
