"""A route that writes to people through an SMTP server; the server's 250 is its receipt."""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy as formats
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from time import monotonic

from qiaoban_agent.escalation.message import (
    Letter,
    UnsentError,
    from_environment,
    resolved,
    subject_and_body,
)
from qiaoban_guards.policy.escalation import EmailRoute

_LOG = logging.getLogger("qiaoban.escalation")


@dataclass(frozen=True, slots=True)
class _Server:
    """How to reach the SMTP server; a login is sent through TLS only."""

    host: str
    port: int
    security: str
    login: tuple[str, str] | None


def sending(route: EmailRoute, letter: Letter) -> Callable[[], str]:
    """A function that sends once and returns why it failed, empty if it did not.

    Raises UnsentError for values that are missing or cannot be used.
    """
    server = _Server(resolved(route.host), route.port, route.security, _login(route))
    message = _message(resolved(route.sender), [resolved(one) for one in route.to], letter)
    return lambda: _send(server, message, route.seconds)


def _login(route: EmailRoute) -> tuple[str, str] | None:
    if route.username_env is None and route.password_env is None:
        return None
    if route.username_env is None or route.password_env is None:
        raise UnsentError("username_env and password_env go together")
    if route.security == "none":
        raise UnsentError("a password is not sent without TLS; write security: starttls or tls")
    return from_environment(route.username_env), from_environment(route.password_env)


def _message(sender: str, to: list[str], letter: Letter) -> EmailMessage:
    subject, body = subject_and_body(letter)
    domain = parseaddr(sender)[1].rpartition("@")[2]
    if not domain.isascii() or not domain:
        domain = "qiaoban.invalid"
    message = EmailMessage(policy=formats.SMTP)
    try:
        message["Subject"] = subject
        message["From"] = sender
        message["To"] = ", ".join(to)
    except (ValueError, IndexError):  # a line end, or what the standard library cannot read
        raise UnsentError("an address cannot be read") from None
    if not all(parseaddr(one)[1].count("@") for one in (sender, *to)):
        raise UnsentError("an address cannot be read")
    message["Date"] = format_datetime(datetime.fromtimestamp(letter.at, UTC))
    message["Message-ID"] = f"<{letter.key}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["List-Id"] = "QiaoBan <escalation.qiaoban.localhost>"
    message.set_content(body, cte="base64")
    return message


def _send(server: _Server, message: EmailMessage, seconds: float) -> str:
    ends = monotonic() + seconds
    try:
        with closing(_connected(server, seconds)) as connection:
            if server.security == "starttls":
                _allow(connection, ends)
                connection.starttls(context=ssl.create_default_context())
            if server.login is not None:
                _allow(connection, ends)
                connection.login(*server.login)
            _allow(connection, ends)
            refused = connection.send_message(message)
            with suppress(OSError, smtplib.SMTPException):  # the message is taken already
                connection.quit()
    except (OSError, smtplib.SMTPException) as error:
        return f"no answer within {seconds:g} s" if monotonic() >= ends else _reason(error)
    if refused:
        _LOG.warning("%s: %d recipients were refused", message["Message-ID"], len(refused))
    return ""


def _connected(server: _Server, seconds: float) -> smtplib.SMTP:
    if server.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, timeout=seconds, context=context)
    return smtplib.SMTP(server.host, server.port, timeout=seconds)


def _allow(connection: smtplib.SMTP, ends: float) -> None:
    """Give the next step what is left of the time; TimeoutError if that is nothing."""
    left = ends - monotonic()
    if left <= 0 or connection.sock is None:
        raise TimeoutError
    connection.sock.settimeout(left)


def _reason(error: Exception) -> str:
    """Codes and kinds only: a server's text may quote an address or a login."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = sorted({code for code, _ in error.recipients.values()})
        return f"SMTP {', '.join(str(code) for code in codes)}: every recipient was refused"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"SMTP {error.smtp_code}"
    return type(error).__name__
