"""A server on loopback whose answers depend on what is asked alone, and that fails when told to.

It speaks just enough HTTP/1.1 to be fast: what is measured is whoever asks.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Script = Callable[[dict[str, Any], int], "Played"]
"""What is played for a request's body, and how often that was asked before."""


@dataclass(frozen=True)
class Played:
    """An answer, or a status that is none; `torn` breaks the connection in the middle."""

    text: str = ""
    finish: str = "stop"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    torn: bool = False
    usage: bool = True
    body: bytes | None = None


def dialogue_of(body: dict[str, Any], asked: int = 0) -> Played:
    """A dialogue of its own for every prompt, the same whenever it is asked."""
    prompt = body["messages"][-1]["content"]
    mark = hashlib.sha256(prompt.encode()).hexdigest()
    return Played(
        f"孩子：我今天遇到了{mark[:6]}，心里很乱。\n智能助手：听起来真不容易，发生了什么呢？\n"
        f"孩子：就是{mark[6:12]}那件事。\n智能助手：嗯，我在听，你慢慢说。"
    )


class ScriptedServer:
    """`bodies`: every request that came; `answered`: prompts by how often they got a whole 200."""

    def __init__(self, script: Script = dialogue_of, latency: float = 0.0) -> None:
        self.script, self.latency = script, latency
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.open = self.most_open = 0
        self.address = ""
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, started: threading.Event, ended: asyncio.Event) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=512)
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        started.set()
        async with server:
            await ended.wait()
            for writer in self._writers:
                writer.transport.abort()
            while self._writers:
                await asyncio.sleep(0.01)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                headers = dict(
                    line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if ": " in line
                )
                lowered = {name.lower(): value for name, value in headers.items()}
                body = json.loads(await reader.readexactly(int(lowered["content-length"])))
                self.keys.add(lowered.get("authorization", ""))
                if not await self._answer(body, writer):
                    break
        writer.close()
        self._writers.discard(writer)

    async def _answer(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        prompt = json.dumps(body["messages"], ensure_ascii=False)
        self.bodies.append(body)
        played = self.script(body, self.asked[prompt])
        self.asked[prompt] += 1
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            await asyncio.sleep(self.latency)
        finally:
            self.open -= 1
        said = _completion(body, played)
        head = f"HTTP/1.1 {played.status} X\r\ncontent-type: application/json\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in played.headers.items())
        whole = f"{head}content-length: {len(said)}\r\n\r\n".encode() + said
        writer.write(whole[: len(whole) - 9] if played.torn else whole)
        await writer.drain()
        if played.torn:
            return False
        if played.status == 200:
            self.answered[prompt] += 1
        return True


def _completion(body: dict[str, Any], played: Played) -> bytes:
    if played.body is not None:
        return played.body
    if played.status != 200:
        error = {"message": "detail of the server", "type": "error", "param": None, "code": None}
        return json.dumps({"error": error}).encode()
    asked = sum(len(one["content"]) for one in body["messages"])
    usage = {"prompt_tokens": asked, "completion_tokens": len(played.text)}
    said = {"role": "assistant", "content": played.text}
    choice = {"index": 0, "message": said, "finish_reason": played.finish}
    return json.dumps(
        {"id": "x", "choices": [choice], **({"usage": usage} if played.usage else {})}
    ).encode()


@contextmanager
def serving(script: Script = dialogue_of, latency: float = 0.0) -> Generator[ScriptedServer]:
    """The server on a thread of its own."""
    server = ScriptedServer(script, latency)
    started = threading.Event()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(server.serve(started, ended))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
