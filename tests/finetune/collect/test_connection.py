"""What a server sends that is no HTTP is a connection that broke, and worth another try."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter

import pytest

openai = pytest.importorskip("openai")
pytest.importorskip("aiohttp")

pytestmark = pytest.mark.models


@pytest.mark.parametrize(
    "said", [b"NOT HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"]
)
def test_what_is_no_answer_is_a_broken_connection(said: bytes) -> None:
    from qiaoban_finetune.collect.connection import Connection

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    async def ask() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        connection = Connection(f"http://127.0.0.1:{port}/v1", timeout=5)
        try:
            with pytest.raises(openai.APIConnectionError) as caught:
                await connection.post({"messages": []})
            assert not isinstance(caught.value, openai.APITimeoutError)
        finally:
            await connection.close()
            server.close()

    asyncio.run(ask())
