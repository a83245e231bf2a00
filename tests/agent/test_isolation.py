"""The embedded default opens no socket, loads nothing heavy, and starts quickly."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

CONVERSATION = """
import asyncio, socket, sys, json

def refuse(*args, **kwargs):
    raise AssertionError("a socket was opened")

from qiaoban_agent import Companion

before = set(sys.modules)
for name in ("socket", "create_connection", "getaddrinfo", "socketpair"):
    setattr(socket, name, refuse)
companion = Companion()
for message in ("我今天考砸了", "因为没复习", "爸爸打我", "I want to kill myself", "", "谢谢"):
    reply = companion.reply(message, session="a")
    assert reply.text and not reply.degraded, reply
    list(companion.stream(message, session="b"))
companion.forget("a")
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

ASYNC_CONVERSATION = """
import asyncio, socket

async def main():
    from qiaoban_agent import Companion

    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened")

    for name in ("socket", "create_connection", "getaddrinfo", "socketpair"):
        setattr(socket, name, refuse)  # the loop's own pair is open already
    companion = Companion()
    for message in ("我今天考砸了", "爸爸打我"):
        reply = await companion.areply(message, session="a")
        assert reply.text and not reply.degraded, reply
    print("[]")

asyncio.run(main())
"""

HEAVY = {"torch", "transformers", "langchain", "langchain_core", "openai", "presidio_analyzer"}


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_whole_conversation_opens_no_socket_and_imports_nothing_heavy() -> None:
    modules = set(json.loads(run(CONVERSATION)))
    assert not modules & HEAVY
    assert not modules & {"requests", "httpx", "urllib3", "aiohttp"}


def test_an_async_conversation_opens_no_socket() -> None:
    assert json.loads(run(ASYNC_CONVERSATION)) == []


def test_import_does_no_work() -> None:
    code = """
    import sys, threading
    import qiaoban_agent, qiaoban_guards, qiaoban_agent.companion
    from qiaoban_guards.risk import RiskClassifier
    from qiaoban_agent.events import Finished
    from qiaoban_guards.policy import Policy
    assert RiskClassifier.shipped.cache_info().currsize == 0
    for model in (Policy, Finished):  # a validator is built when first something is validated
        assert not model.__pydantic_complete__
    assert threading.active_count() == 1
    print("ok")
    """
    assert run(code).strip() == "ok"
