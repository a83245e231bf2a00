"""A webhook arrives once it can, under one key, signed, and goes nowhere else."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from qiaoban_agent.escalation.outbox import Outbox
from qiaoban_agent.escalation.receiver import verify
from qiaoban_agent.store.memory import MemoryStore
from qiaoban_guards.policy import Policy
from tests.agent.escalation.cases import START, delivered, only, policy_with, put_case
from tests.agent.escalation.servers import free_port, webhook_server

SECRET = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)


def hook(url: str, **changes: Any) -> Policy:
    route: dict[str, Any] = {
        "id": "app",
        "kind": "webhook",
        "reaches": ["platform"],
        "url": url,
        "secret_env": "HOOK_SECRET",
        **changes,
    }
    return policy_with(route)


def test_a_receipt_ends_a_delivery_and_the_receiver_finds_the_signature_right() -> None:
    store = MemoryStore()
    with webhook_server() as server:
        policy = hook(server.url)
        case = put_case(store, policy)
        then = Outbox(store, lambda: policy).run_once(START + 7)
    (got,) = server.received
    assert verify(SECRET, got.headers, got.body, START + 7)
    assert not verify("another secret", got.headers, got.body, START + 7)
    assert not verify(SECRET, got.headers, got.body + b" ", START + 7)
    told = json.loads(got.body)
    assert told["case"] == case.id
    assert told["level"] == "high"
    assert told["categories"] == ["abuse"]
    assert told["summary"] == case.summary
    assert told["implicated"] == ["father"]
    assert only(store, case).status == "delivered"
    assert only(store, case).delivered_at == START + 7
    assert then == case.raise_at


def test_a_server_that_fails_resets_and_redirects_gets_it_under_one_key_when_it_is_back() -> None:
    store = MemoryStore()
    with webhook_server(503, "reset", 302, 429) as server:
        policy = hook(server.url)
        case = put_case(store, policy)
        outbox, at = Outbox(store, lambda: policy), START
        while only(store, case).status == "pending":
            outbox.run_once(at)
            at = only(store, case).next_at
    assert [event.error for event in delivered(store)] == [
        "HTTP 503",
        "RemoteProtocolError" if "Remote" in delivered(store)[1].error else "ReadError",
        "HTTP 302",
        "HTTP 429",
        "",
    ]
    assert len(server.keys) == 5
    assert len(set(server.keys)) == 1
    assert only(store, case).status == "delivered"


def test_a_server_that_hangs_is_left_at_the_deadline() -> None:
    store = MemoryStore()
    with webhook_server("hang") as server:
        policy = hook(server.url, seconds=0.2)
        case = put_case(store, policy)
        outbox = Outbox(store, lambda: policy)
        outbox.run_once(START)
        assert only(store, case).error == "no answer within 0.2 s"
        outbox.run_once(only(store, case).next_at)
    assert only(store, case).status == "delivered"


def test_nobody_who_listens_is_a_failure_that_names_no_address() -> None:
    store = MemoryStore()
    policy = hook(f"http://127.0.0.1:{free_port()}/secret-path")
    put_case(store, policy)
    Outbox(store, lambda: policy).run_once(START)
    assert delivered(store)[0].error == "ConnectError"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("env:NO_SUCH_URL", "the environment has no variable NO_SUCH_URL"),
        ("http://127.0.0.1:token/", "its address cannot be read"),
        ("no address token", "its address does not begin with https://"),
        ("file:///etc/passwd", "its address does not begin with https://"),
    ],
)
def test_an_address_that_cannot_be_used_is_a_failure(url: str, reason: str) -> None:
    store = MemoryStore()
    policy = hook(url)
    put_case(store, policy)
    Outbox(store, lambda: policy).run_once(START)
    assert delivered(store)[0].error == reason


def test_without_its_secret_nothing_is_posted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK_SECRET")
    store = MemoryStore()
    with webhook_server() as server:
        policy = hook(server.url)
        put_case(store, policy)
        Outbox(store, lambda: policy).run_once(START)
    assert server.received == []
    assert delivered(store)[0].error == "the environment has no variable HOOK_SECRET"


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    with webhook_server() as server, webhook_server() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        monkeypatch.setenv("HOOK_URL", server.url)
        policy = hook("env:HOOK_URL")
        put_case(store, policy)
        Outbox(store, lambda: policy).run_once(START)
    assert proxy.received == []
    assert len(server.received) == 1


def test_a_route_may_be_called_in_any_script() -> None:
    store = MemoryStore()
    with webhook_server() as server:
        policy = hook(server.url, id="老师 1\n")
        put_case(store, policy)
        Outbox(store, lambda: policy).run_once(START)
    (key,) = server.keys
    assert key.isascii()
    assert key.isprintable()


def test_without_its_package_the_failure_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "httpx2", None)
    store, policy = MemoryStore(), hook("https://example.org/")
    put_case(store, policy)
    Outbox(store, lambda: policy).run_once(START)
    assert "qiaoban-agent[webhook]" in delivered(store)[0].error
