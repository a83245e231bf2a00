"""A route that posts the case as signed JSON; any 2xx answer is its receipt."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from qiaoban_agent.errors import MissingExtraError
from qiaoban_agent.escalation.message import (
    Letter,
    UnsentError,
    from_environment,
    payload,
    resolved,
)
from qiaoban_agent.escalation.receiver import KEY, SIGNATURE, TIMESTAMP, signature
from qiaoban_guards.policy.escalation import WebhookRoute

if TYPE_CHECKING:
    import httpx2


def posting(route: WebhookRoute, letter: Letter) -> Callable[[], Awaitable[str]]:
    """A coroutine function that posts once and returns why it failed, empty if it did not.

    Raises UnsentError for an address or a secret that is missing, MissingExtraError for httpx2.
    """
    try:
        import httpx2
    except ImportError as error:
        raise MissingExtraError("a webhook", "webhook") from error
    url, secret = resolved(route.url), from_environment(route.secret_env)
    body, timestamp = payload(letter), str(int(letter.at))
    try:
        request = httpx2.Request(
            "POST",
            url,
            content=body,
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "User-Agent": "qiaoban-agent",
                KEY: letter.key,
                TIMESTAMP: timestamp,
                SIGNATURE: signature(secret, timestamp, body),
            },
            extensions={"timeout": httpx2.Timeout(route.seconds).as_dict()},
        )
    except (httpx2.InvalidURL, ValueError):  # their texts quote the address
        raise UnsentError("its address cannot be read") from None
    if request.url.scheme not in ("http", "https") or not request.url.host:
        raise UnsentError("its address does not begin with https://")
    return lambda: _post(request)


async def _post(request: httpx2.Request) -> str:
    import httpx2

    # The transport alone: no redirects, no proxy or netrc of the environment, no address in a log.
    transport = httpx2.AsyncHTTPTransport(verify=ssl.create_default_context(), trust_env=False)
    async with transport:
        try:
            response = await transport.handle_async_request(request)
        except httpx2.TransportError as error:
            return type(error).__name__
        await response.aclose()
    return "" if response.is_success else f"HTTP {response.status_code}"
