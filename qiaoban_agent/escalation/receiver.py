"""For the app that receives webhooks: the signature, and whether it holds."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

SIGNATURE = "X-QiaoBan-Signature"
TIMESTAMP = "X-QiaoBan-Timestamp"
KEY = "Idempotency-Key"
_SCHEME = "v1="


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The value of the signature's header: HMAC-SHA-256 over `timestamp.body`, hexadecimal."""
    signed = timestamp.encode() + b"." + body
    return _SCHEME + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def verify(
    secret: str, headers: Mapping[str, str], body: bytes, now: float, tolerance: float = 300
) -> bool:
    """Whether a request was signed with `secret`, at most `tolerance` seconds from `now` (Unix).

    `body` is the request's as it came, not JSON that was read and written again. A request that
    holds may still come twice: what was taken under its `Idempotency-Key` is answered with 2xx
    and not taken again.
    """
    given = {name.lower(): value for name, value in headers.items()}
    timestamp, sign = given.get(TIMESTAMP.lower(), ""), given.get(SIGNATURE.lower(), "")
    if not secret or not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 20):
        return False
    if abs(now - int(timestamp)) > tolerance:
        return False
    wanted = signature(secret, timestamp, body)
    return hmac.compare_digest(wanted.encode(), sign.encode("utf-8", "replace"))
