"""An e-mail arrives once it can, readable in Chinese, under one id, with nothing injected."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email import policy as formats
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_agent.escalation.case import Case
from qiaoban_agent.escalation.message import Letter, subject_and_body
from qiaoban_agent.escalation.outbox import Outbox
from qiaoban_agent.store.memory import MemoryStore
from qiaoban_guards.policy import Policy, load_policy
from qiaoban_guards.risk import Category, RiskLevel
from tests.agent.escalation.cases import START, delivered, only, policy_with, put_case
from tests.agent.escalation.servers import free_port


@dataclass
class Postbox:
    """What an SMTP server took; its answers come first, one a message, then 250.

    An answer is a line of SMTP, or `hang`; `refused` recipients get 550.
    """

    port: int = 0
    answers: list[str] = field(default_factory=list[str])
    refused: set[str] = field(default_factory=set[str])
    mails: list[EmailMessage] = field(default_factory=list[EmailMessage])
    recipients: list[str] = field(default_factory=list[str])

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.refused:
            return "550 no such user here: secret text"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer == "hang":
            await asyncio.sleep(30)
        if answer.startswith("250"):
            mail = message_from_bytes(envelope.content, policy=formats.default)
            self.mails.append(mail)
            self.recipients += envelope.rcpt_tos
        return answer


@contextmanager
def smtp_server(*answers: str, refused: tuple[str, ...] = (), **tls: Any) -> Generator[Postbox]:
    postbox = Postbox(port=free_port(), answers=list(answers), refused=set(refused))
    controller = Controller(postbox, hostname="127.0.0.1", port=postbox.port, **tls)
    controller.start()
    try:
        yield postbox
    finally:
        controller.stop()


def mailing(port: int, **changes: Any) -> Policy:
    route: dict[str, Any] = {
        "id": "mail",
        "kind": "email",
        "reaches": ["school"],
        "to": ["counsellor@example.org"],
        "sender": "巧板 <qiaoban@example.org>",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        **changes,
    }
    return policy_with(route)


def test_a_message_can_be_read_and_is_marked_as_automatic() -> None:
    store = MemoryStore()
    with smtp_server() as server:
        policy = mailing(server.port)
        case = put_case(store, policy)
        Outbox(store, lambda: policy).run_once(START)
    (mail,) = server.mails
    assert mail["Subject"] == "巧板提醒：一个孩子可能需要大人的帮助（严重）"
    assert case.summary in mail.get_content()
    assert case.id in mail.get_content()
    assert "2027-01-15 16:00+08:00" in mail.get_content()
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"]
    assert case.id in mail["Message-ID"]
    assert server.recipients == ["counsellor@example.org"]
    assert only(store, case).status == "delivered"


def test_an_english_policy_writes_english() -> None:
    policy = load_policy("en-US")
    case = Case(
        session="a",
        opened_at=START,
        level=RiskLevel.IMMINENT,
        categories=(Category.SELF_HARM,),
        turn=1,
        policy=policy.id,
    )
    subject, body = subject_and_body(Letter("d", case, policy, START))
    assert "urgent" in subject
    assert case.id in body


def test_a_server_that_refuses_gets_it_under_one_id_when_it_takes_mail_again() -> None:
    store = MemoryStore()
    with smtp_server("451 later", "554 never: secret text") as server:
        policy = mailing(server.port)
        case = put_case(store, policy)
        outbox, at, ids = Outbox(store, lambda: policy), START, set[str]()
        while only(store, case).status == "pending":
            outbox.run_once(at)
            at = only(store, case).next_at
        ids = {mail["Message-ID"] for mail in server.mails}
    assert [event.error for event in delivered(store)] == ["SMTP 451", "SMTP 554", ""]
    assert len(ids) == 1


def test_a_server_that_hangs_is_left_at_the_deadline() -> None:
    store = MemoryStore()
    with smtp_server("hang") as server:
        policy = mailing(server.port, seconds=0.3)
        case = put_case(store, policy)
        Outbox(store, lambda: policy).run_once(START)
    assert delivered(store)[0].error == "no answer within 0.3 s"
    assert only(store, case).status == "pending"


def test_recipients_that_are_refused_do_not_keep_it_from_the_others() -> None:
    store = MemoryStore()
    both = ["gone@example.org", "here@example.org"]
    with smtp_server(refused=("gone@example.org",)) as server:
        policy = mailing(server.port, to=both)
        put_case(store, policy)
        Outbox(store, lambda: policy).run_once(START)
        assert server.recipients == ["here@example.org"]
        alone = mailing(server.port, to=both[:1])
        put_case(store, alone, session="b")
        Outbox(store, lambda: alone).run_once(START)
    assert delivered(store)[0].error == ""
    assert delivered(store, "b")[0].error == "SMTP 550: every recipient was refused"


def test_nobody_who_listens_is_a_failure() -> None:
    store = MemoryStore()
    policy = mailing(free_port())
    put_case(store, policy)
    Outbox(store, lambda: policy).run_once(START)
    assert delivered(store)[0].error == "ConnectionRefusedError"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"to": ["env:NO_SUCH_ADDRESS"]}, "the environment has no variable NO_SUCH_ADDRESS"),
        ({"to": ["a@example.org\nBcc: thief@example.org"]}, "an address cannot be read"),
        ({"sender": "nobody"}, "an address cannot be read"),
        ({"username_env": "SMTP_USER"}, "username_env and password_env go together"),
        (
            {"username_env": "SMTP_USER", "password_env": "SMTP_PASSWORD"},
            "a password is not sent without TLS; write security: starttls or tls",
        ),
    ],
)
def test_values_that_cannot_be_used_are_a_failure(changes: dict[str, Any], reason: str) -> None:
    store = MemoryStore()
    with smtp_server() as server:
        policy = mailing(server.port, **changes)
        put_case(store, policy)
        Outbox(store, lambda: policy).run_once(START)
    assert server.mails == []
    assert delivered(store)[0].error == reason


@given(session=st.text(), summary=st.text())
def test_no_name_of_a_session_makes_a_header_or_a_line(session: str, summary: str) -> None:
    policy = load_policy("default")
    message = policy.escalation.message["zh"]
    policy = policy.model_copy(
        update={
            "escalation": policy.escalation.model_copy(
                update={
                    "message": {"zh": message.model_copy(update={"subject": "{session}{summary}"})}
                }
            )
        }
    )
    case = Case(
        session=session,
        summary=summary,
        opened_at=START,
        level=RiskLevel.HIGH,
        categories=(),
        turn=1,
        policy="p",
    )
    subject, body = subject_and_body(Letter("d", case, policy, START))
    assert subject.isprintable()
    assert len(body.splitlines()) == len(message.body.splitlines())


_REQUEST = (
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    " -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
)


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for loopback that this test's process trusts."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is absent: it makes the certificate")
    key, pem = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [openssl, *f"{_REQUEST} -keyout {key} -out {pem}".split()],
        check=True,
        capture_output=True,
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, key)
    return context


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_password_is_sent_through_tls(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    logins: list[tuple[bytes, bytes]] = []

    def check(mechanism: str, login: bytes, password: bytes) -> bool:
        logins.append((login, password))
        return password == b"open sesame"

    monkeypatch.setenv("SMTP_USER", "qiaoban")
    monkeypatch.setenv("SMTP_PASSWORD", "open sesame")
    tls: dict[str, Any] = {"tls_context": certificate, "auth_required": True}
    if security == "tls":
        tls = {"ssl_context": certificate, "auth_require_tls": False}
    store = MemoryStore()
    with smtp_server(auth_callback=check, **tls) as server:
        policy = mailing(
            server.port,
            security=security,
            username_env="SMTP_USER",
            password_env="SMTP_PASSWORD",
        )
        put_case(store, policy)
        Outbox(store, lambda: policy).run_once(START)
        monkeypatch.setenv("SMTP_PASSWORD", "wrong")
        put_case(store, policy, session="b")
        Outbox(store, lambda: policy).run_once(START)
    assert delivered(store)[0].error == ""
    assert len(server.mails) == 1
    assert delivered(store, "b")[0].error == "SMTP 535"
    assert logins


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    tls: dict[str, Any] = {"ssl_context" if security == "tls" else "tls_context": certificate}
    store = MemoryStore()
    with smtp_server(**tls) as server:
        policy = mailing(server.port, security=security)
        put_case(store, policy)
        Outbox(store, lambda: policy).run_once(START)
    assert server.mails == []
    assert delivered(store)[0].error == "SSLCertVerificationError"
