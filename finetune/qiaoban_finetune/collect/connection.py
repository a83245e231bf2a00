"""Requests to one server, as many at a time as a run makes.

The SDK's own HTTP client over aiohttp, its headers and its errors, without the walk through every
message and the reading into objects that its calls do: that would be more work than all the rest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from qiaoban_agent.models.openai.client import address_and_key, http_settings, usable_environment

if TYPE_CHECKING:
    import httpx2


class Connection:
    """A server's address and key; raises ModelError where they cannot be used."""

    def __init__(self, base_url: str | None, timeout: float) -> None:
        import httpx2
        import openai

        address, key = address_and_key(base_url)
        with usable_environment():
            self._http = openai.DefaultAioHttpClient(**http_settings(address))
        client = openai.AsyncOpenAI(api_key=key, base_url=address, http_client=self._http)
        told = client.default_headers | client.auth_headers
        self._headers = {name: value for name, value in told.items() if isinstance(value, str)}
        self._url = httpx2.URL(f"{address.rstrip('/')}/chat/completions")
        self._extensions = {"timeout": httpx2.Timeout(timeout).as_dict()}

    async def post(self, asked: Mapping[str, Any]) -> bytes:
        """The body of the answer.

        Raises the SDK's errors: APIStatusError, APITimeoutError, APIConnectionError.
        """
        import aiohttp
        import httpx2
        import openai

        body = json.dumps(asked, ensure_ascii=False).encode("utf-8", "replace")
        request = httpx2.Request(
            "POST", self._url, headers=self._headers, content=body, extensions=self._extensions
        )
        try:
            response = await self._http.send(request)
        except (httpx2.HTTPError, aiohttp.ClientError) as error:
            # A connection that broke is told as a timeout, too; what is no HTTP is not translated.
            is_late = isinstance(error, httpx2.TimeoutException) and isinstance(
                error.__cause__, TimeoutError
            )
            if is_late:
                raise openai.APITimeoutError(request) from error
            raise openai.APIConnectionError(request=request) from error
        if not response.is_success:
            raise openai.APIStatusError(
                f"status {response.status_code}", response=response, body=_problem(response)
            )
        return response.content

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _problem(response: httpx2.Response) -> object:
    """What a server says is wrong: `error` of its answer, else all of it."""
    try:
        told: Any = response.json()
    except ValueError:
        return response.text
    return cast("dict[str, Any]", told).get("error", told) if isinstance(told, dict) else told
