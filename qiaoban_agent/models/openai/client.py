"""Clients of the `openai` SDK: the address and the key of a server."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit
from weakref import WeakKeyDictionary, finalize

from qiaoban_agent.errors import MissingExtraError, ModelError
from qiaoban_guards.risk.remote.address import stays_here

if TYPE_CHECKING:
    import openai

_OPENAI = "https://api.openai.com/v1"
_NO_KEY = "none"


def require_openai(model: str) -> None:
    """Raise MissingExtraError unless the SDK is installed."""
    try:
        import openai  # noqa: F401 # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise MissingExtraError(f"the model openai:{model}", "openai") from error


def sync_client(base_url: str | None) -> openai.OpenAI:
    """A client of the SDK's that carries a child's words nowhere else."""
    import openai

    address, key = address_and_key(base_url)
    with usable_environment():
        http = openai.DefaultHttpxClient(**http_settings(address))
    client = openai.OpenAI(api_key=key, base_url=address, max_retries=0, http_client=http)
    finalize(client, http.close)
    return client


def address_and_key(base_url: str | None) -> tuple[str, str]:
    """Where the server is, and its key: given, or from OPENAI_BASE_URL and OPENAI_API_KEY.

    Raises ModelError for an address that is none, and where OpenAI's own server has no key; other
    servers are often without one.
    """
    address = base_url or os.environ.get("OPENAI_BASE_URL") or _OPENAI
    where = "base_url" if base_url else "OPENAI_BASE_URL"
    parts = _parts(address)
    if parts is None:
        raise ModelError(
            f"{where} is no address; write it as http://127.0.0.1:8000/v1, with a port of 1 to "
            "65535, without blanks and full-width characters"
        )
    if parts.username is not None or parts.password is not None or parts.query:
        raise ModelError(
            f"{where} holds more than an address, and addresses are logged; put the key in "
            "OPENAI_API_KEY, anything else into a client of your own"
        )
    key = os.environ.get("OPENAI_API_KEY", "")
    if not key and f".{parts.hostname}".endswith(".api.openai.com"):
        raise ModelError("set OPENAI_API_KEY, or OPENAI_BASE_URL to the address of another server")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ModelError("OPENAI_API_KEY holds blanks, a line's end or other characters no key has")
    return address, key or _NO_KEY


def _parts(address: str) -> SplitResult | None:
    """The parts of an address; None for what is none."""
    import httpx2

    try:
        parts = urlsplit(address)
        port = parts.port
        httpx2.URL(address)  # stricter about hosts
    except (ValueError, httpx2.InvalidURL):
        return None
    usable = parts.scheme in ("http", "https") and parts.hostname and port != 0
    return parts if usable and not any(map(str.isspace, address)) else None


def http_settings(address: str) -> dict[str, Any]:
    """A client that follows no redirect, and to a server on this machine takes no proxy."""
    return {"follow_redirects": False, "trust_env": not stays_here(address)}


@contextmanager
def usable_environment() -> Generator[None]:
    """A proxy or certificates that cannot be used, as a ModelError without their text."""
    import httpx2

    try:
        yield
    except (ImportError, OSError, ValueError, httpx2.InvalidURL):
        raise ModelError(
            "the environment's proxy or certificates cannot be used; correct HTTP_PROXY, "
            "HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE or SSL_CERT_DIR, name the server in NO_PROXY, "
            "or install httpx2[socks] for a socks5:// proxy"
        ) from None


class AsyncClients:
    """A client for each event loop: what waits in one cannot be woken from another."""

    def __init__(self, base_url: str | None) -> None:
        import openai

        self._address, self._key = address_and_key(base_url)
        with usable_environment():  # told now, and not beside a child's message
            openai.DefaultHttpxClient(**http_settings(self._address)).close()
        self._lock = threading.Lock()
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, openai.AsyncOpenAI] = (
            WeakKeyDictionary()
        )

    def of_running_loop(self) -> openai.AsyncOpenAI:
        """The client of the loop that runs."""
        import openai

        loop = asyncio.get_running_loop()
        with self._lock:
            if (client := self._made.get(loop)) is None:
                http = openai.DefaultAsyncHttpxClient(**http_settings(self._address))
                client = self._made[loop] = openai.AsyncOpenAI(
                    api_key=self._key, base_url=self._address, max_retries=0, http_client=http
                )
            return client
