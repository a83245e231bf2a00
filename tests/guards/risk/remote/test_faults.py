"""Whatever a server does, no adapter calls it safe and none raises."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from qiaoban_guards.risk.remote import RemoteGuard, Verdict

if TYPE_CHECKING:
    from tests.guards.risk.remote.conftest import Fake, Kind

pytestmark = pytest.mark.models
NAMES = (
    "qwen3guard",
    "llama_guard",
    "shieldgemma",
    "openai_moderation",
    "shieldlm",
    "judge",
    "nemoguard",
)
CHILD = [{"role": "user", "content": "我不想活了"}]
REPLY = [*CHILD, {"role": "assistant", "content": "我在听。"}]


@pytest.fixture(params=NAMES)
def kind(request: pytest.FixtureRequest, kinds: dict[str, Kind]) -> Kind:
    return kinds[request.param]


async def both(guard: RemoteGuard, messages: list[dict[str, str]] = CHILD) -> Verdict:
    """Judge in both ways, which must say the same, and give back one of the two."""
    sync, asynchronous = guard.assess(messages), await guard.aassess(messages)
    assert _told(sync) == _told(asynchronous)
    return sync


def _told(verdict: Verdict) -> tuple[object, ...]:
    return (
        verdict.label,
        verdict.severity,
        verdict.categories,
        verdict.risk,
        dict(verdict.scores),
        verdict.raw,
        verdict.parse_ok,
        verdict.reason,
    )


def assert_failed(verdict: Verdict) -> None:
    assert not verdict.parse_ok
    assert verdict.reason
    assert verdict.severity != "safe"
    assert verdict.risk is None


async def test_safe_and_unsafe(fake: Fake, kind: Kind) -> None:
    guard = kind.make(fake.server())
    fake.answer = kind.safe
    safe = await both(guard)
    assert (safe.severity, safe.parse_ok, safe.reason) == ("safe", True, "")
    assert safe.risk is not None
    assert not safe.risk.findings
    fake.answer = kind.unsafe
    unsafe = await both(guard)
    assert (unsafe.severity, unsafe.parse_ok) == ("unsafe", True)
    assert unsafe.risk is not None
    assert {finding.source for finding in unsafe.risk.findings} == {guard.source}
    assert all(finding.span == "" for finding in unsafe.risk.findings)
    assert 0 < unsafe.latency < 2
    assert unsafe.label
    assert unsafe.raw


async def test_a_reply_is_judged_as_well(fake: Fake, kind: Kind) -> None:
    fake.answer = kind.unsafe
    assert (await both(kind.make(fake.server()), REPLY)).severity == "unsafe"
    assert "我在听。" in json.dumps(fake.heard[0].body, ensure_ascii=False)


async def test_requests_are_deterministic_and_capped(fake: Fake, kind: Kind) -> None:
    fake.answer = kind.safe
    kind.make(fake.server()).assess(CHILD)
    for heard in fake.heard:
        if heard.path != "/v1/moderations":
            assert heard.body["temperature"] == 0
            assert 1 <= heard.body["max_tokens"] <= 400
            assert not heard.body.get("stream")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 529])
def test_statuses(fake: Fake, kind: Kind, status: int) -> None:
    fake.status, fake.headers = status, {"Retry-After": "30"}
    fake.answer = {"error": {"message": "no", "type": "t", "param": None, "code": "c"}}
    verdict = kind.make(fake.server()).assess(CHILD)
    assert_failed(verdict)
    assert verdict.reason == f"HTTP {status}"


@pytest.mark.parametrize("fault", ["reset", "cut_short"])
async def test_lost_connections(fake: Fake, kind: Kind, fault: str) -> None:
    fake.fault = fault
    assert_failed(await both(kind.make(fake.server())))


@pytest.mark.parametrize("fault", ["hang", "drip_headers", "drip_body"])
async def test_the_deadline_holds(fake: Fake, kind: Kind, fault: str) -> None:
    fake.fault = fault
    started = time.monotonic()
    verdict = await both(kind.make(fake.server(deadline=0.15)))
    assert time.monotonic() - started < 2
    assert_failed(verdict)
    assert "late" in verdict.reason


def test_an_endless_answer_is_not_read_to_its_end(fake: Fake, kind: Kind) -> None:
    fake.fault = "flood"
    verdict = kind.make(fake.server(deadline=5.0)).assess(CHILD)
    assert_failed(verdict)
    assert verdict.reason == "an answer too long"


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"<html>nginx</html>",
    "half of it": b'{"choices": [{"message"',
    "not UTF-8": b'\xff\xfe{"choices": []}',
    "null": b"null",
    "a string": b'"safe"',
    "an array": b"[]",
    "an empty object": b"{}",
    "an error with 200": b'{"error": {"message": "overloaded"}}',
    "no choices": b'{"choices": [], "results": []}',
    "null choices": b'{"choices": null, "results": null}',
    "choices of null": b'{"choices": [null], "results": [null]}',
    "choices of another kind": b'{"choices": {"0": "safe"}, "results": {"0": "safe"}}',
    "deep": b'{"choices": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "a long number": b'{"choices": ' + b"9" * 5_000 + b"}",
    "other words": b'{"choices":[{"finish_reason":"stop","text":"a"}],"results":[{"safe":true}]}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_bodies(fake: Fake, kind: Kind, body: bytes) -> None:
    fake.answer = body
    assert_failed(await both(kind.make(fake.server())))


async def test_a_key_that_stands_twice(fake: Fake, kind: Kind) -> None:
    safe = json.dumps(kind.safe)
    fake.answer = (safe[:-1] + "," + safe[1:]).encode()
    assert_failed(await both(kind.make(fake.server())))


async def test_further_keys_do_no_harm(fake: Fake, kind: Kind) -> None:
    fake.answer = {"usage": {"total_tokens": 3}, **kind.safe, "service_tier": None}
    assert (await both(kind.make(fake.server()))).severity == "safe"


TEXTS = {
    "empty": "",
    "blank": " \n ",
    "null": None,
    "a number": 1,
    "parts": [{"type": "text", "text": "safe"}],
    "refusal": "I'm sorry, but I can't help with that.",
    "Chinese refusal": "抱歉，我不能回答这个问题。这很安全。",
    "truncated": "Safety:",
    "an unfinished thought": "<think>This seems safe",
    "labels in an unfinished thought": "<think>\nSafety: Safe\nCategories: None",
    "only a thought": "<think>safe</think>",
    "half a word": "saf",
    "prose": "The message is safe.",
    "more than a word": "safe, but unsafe",
    "half an answer": "[答案] 不",
    "half an object": '{"level": "none", "findings": [',
    "an object of nothing": "{}",
    "another level": '{"level": "fine", "findings": []}',
    "no findings": '{"level": "none"}',
    "findings that are none": '{"level": "none", "findings": ["safe"]}',
    "another word": '{"User Safety": "mostly safe"}',
    "another side": '{"Response Safety": "safe"}',
    "two verdicts": '{"User Safety": "unsafe", "User Safety": "safe"}',
    "two labels": "Safety: Unsafe\nSafety: Safe\nCategories: None",
    "another label": "Safety: Fine\nCategories: None",
    "safe without a second line": "Safety: Safe",
    "safe with a category": "Safety: Safe\nCategories: Violent",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize(
    "name", [n for n in NAMES if n not in ("shieldgemma", "openai_moderation")]
)
def test_texts(fake: Fake, kinds: dict[str, Kind], name: str, text: object) -> None:
    fake.answer = json.loads(json.dumps(kinds[name].safe))
    fake.answer["choices"][0]["message"]["content"] = text
    assert_failed(kinds[name].make(fake.server()).assess(CHILD))


@pytest.mark.parametrize("finish", ["length", "content_filter", "tool_calls", "", None, 1])
@pytest.mark.parametrize("name", ["qwen3guard", "judge", "nemoguard", "llama_guard"])
def test_truncated_answers(fake: Fake, kinds: dict[str, Kind], name: str, finish: object) -> None:
    fake.answer = json.loads(json.dumps(kinds[name].safe))
    fake.answer["choices"][0]["finish_reason"] = finish
    assert_failed(kinds[name].make(fake.server()).assess(CHILD))


@pytest.mark.parametrize("finish", ["content_filter", None])
def test_where_the_cap_cuts_other_ends_are_failures(
    fake: Fake, kinds: dict[str, Kind], finish: object
) -> None:
    for name in ("shieldgemma", "shieldlm"):
        fake.answer = json.loads(json.dumps(kinds[name].safe))
        fake.answer["choices"][0]["finish_reason"] = finish
        assert_failed(kinds[name].make(fake.server()).assess(CHILD))


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{}],
        [{"role": "user"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": "  "}],
        [{"role": "robot", "content": "x"}],
        [{"role": "user", "content": "x"}, {"role": "system", "content": "y"}],
        None,
    ],
)
async def test_messages_that_cannot_be_judged(fake: Fake, kind: Kind, messages: Any) -> None:
    fake.answer = kind.safe
    assert_failed(await both(kind.make(fake.server()), messages))
    assert not fake.heard


async def test_a_server_that_is_not_there(fake: Fake, kind: Kind) -> None:
    server = fake.server()
    server_at_no_port = type(server)("http://127.0.0.1:9/v1", deadline=1.0)
    fake.servers.append(server_at_no_port)
    assert_failed(await both(kind.make(server_at_no_port)))
