"""Dialogues collected a second from a scripted server at 50 ms a call, beside the ideal rate.

    pytest tests/benchmarks/test_collecting.py --benchmark-enable -s

1,000 dialogues of one call each at concurrency 32: 640 a second were ideal, and 85 % of that are
asked. The baseline is a client that only sends and reads, with no journal, no reading of answers
and no package: what the machine can do at that moment. The server has a process of its own, so
that two idle cores are needed for a figure that says something.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from qiaoban_finetune.collect.engine import Engine
from qiaoban_finetune.collect.run import collect
from qiaoban_finetune.collect.topics import Topics
from tests.finetune.collect.configs import topics_config
from tests.finetune.collect.scripted import serving

pytestmark = pytest.mark.slow
pytest.importorskip("openai")
pytest.importorskip("tenacity")

LATENCY, CONCURRENCY = 0.05, 32


def serve(address: Any, ended: Event) -> None:
    with serving(latency=LATENCY) as server:
        address.put(server.address)
        ended.wait()


@pytest.fixture
def server() -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    address, ended = context.Queue(), context.Event()
    process = context.Process(target=serve, args=(address, ended), daemon=True)
    process.start()
    yield address.get(timeout=60)
    ended.set()
    process.join(10)


async def only_sent(address: str, count: int) -> float:
    """Seconds that sending and reading alone takes."""
    parts = urlsplit(address)
    said = json.dumps({"messages": [{"role": "user", "content": "你" * 500}]}).encode()
    head = f"POST {parts.path}/chat/completions HTTP/1.1\r\ncontent-length: {len(said)}\r\n\r\n"
    numbers = iter(range(count))

    async def work() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for _ in numbers:
            writer.write(head.encode() + said)
            answer = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(answer.rpartition(b"content-length: ")[2]))
        writer.close()
        await writer.wait_closed()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    return time.perf_counter() - began


def test_dialogues_a_second(
    tmp_path: Path, server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    measuring = bool(request.config.getoption("--benchmark-enable"))
    count = 1000 if measuring else 64
    seconds: list[tuple[float, float]] = []
    untimed = Engine[Any].collect

    async def timed(self: Engine[Any], numbers: range) -> None:
        began, used = time.perf_counter(), time.process_time()
        await untimed(self, numbers)
        seconds.append((time.perf_counter() - began, time.process_time() - used))

    monkeypatch.setattr(Engine, "collect", timed)
    ideal = count * LATENCY / CONCURRENCY
    for attempt in range(3 if measuring else 1):  # the first one imports
        folder = tmp_path / str(attempt)
        folder.mkdir()
        config = topics_config(folder, server, count=count, limits={"concurrency": CONCURRENCY})
        assert collect(Topics(config), config).progress.dialogues == count
    sent = min(asyncio.run(only_sent(server, count)) for _ in range(2))
    took, busy = min(seconds)
    print(  # noqa: T201
        f"\n{count:,} dialogues in {took:.2f} s, {ideal / took:.0%} of the ideal {ideal:.2f} s; "
        f"{busy / count * 1e3:.2f} ms of a processor each; sending alone took {sent:.2f} s"
    )
