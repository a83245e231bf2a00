"""What an app that receives webhooks can trust."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_agent.escalation.receiver import SIGNATURE, TIMESTAMP, signature, verify

NOW = 1_800_000_000


def signed(secret: str, body: bytes, at: int = NOW) -> dict[str, str]:
    return {TIMESTAMP: str(at), SIGNATURE: signature(secret, str(at), body)}


@given(secret=st.text(min_size=1), body=st.binary(), age=st.integers(-300, 300))
def test_what_was_signed_with_the_secret_holds(secret: str, body: bytes, age: int) -> None:
    secret = secret.encode("utf-8", "replace").decode()
    headers = {name.lower(): value for name, value in signed(secret, body).items()}
    assert verify(secret, headers, body, NOW + age)


@given(body=st.binary(), other=st.binary(), secret=st.text(min_size=1, alphabet="abc"))
def test_another_body_or_secret_does_not(body: bytes, other: bytes, secret: str) -> None:
    headers = signed("right", body)
    assert verify("right", headers, other, NOW) == (other == body)
    assert not verify(secret, headers, body, NOW)


@pytest.mark.parametrize("age", [-301, 301, 10**9])
def test_a_request_that_is_played_back_later_does_not(age: int) -> None:
    assert not verify("s", signed("s", b"{}"), b"{}", NOW + age)


@given(timestamp=st.text(), sign=st.text())
def test_headers_that_are_broken_do_not_and_raise_nothing(timestamp: str, sign: str) -> None:
    assert not verify("s", {TIMESTAMP: timestamp, SIGNATURE: sign}, b"{}", NOW)


def test_a_request_without_headers_or_secret_does_not() -> None:
    assert not verify("s", {}, b"{}", NOW)
    assert not verify("", signed("", b"{}"), b"{}", NOW)


def test_the_signature_is_the_one_that_the_documents_describe() -> None:
    # echo -n '1800000000.{}' | openssl dgst -sha256 -hmac s
    wanted = "50413bb129c976321854cdb57ee935bf7cc01ce87dd02c6def1cbf0e3f3f2905"
    assert signature("s", "1800000000", b"{}") == f"v1={wanted}"
