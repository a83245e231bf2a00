"""One coroutine, waited for by sync and async callers alike, never longer than its deadline.

All requests run on one event loop of a daemon thread, so that a connection pool belongs to one
loop however many the app has, and a server that hangs is left behind.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}


class Pending(Generic[T]):
    """A coroutine under way; both ways of waiting raise TimeoutError after `seconds`."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._future = asyncio.run_coroutine_threadsafe(coroutine, _background_loop())

    def wait(self) -> T:
        """The result, blocking."""
        try:
            return self._future.result(self._left())
        except BaseException:
            self._future.cancel()
            raise

    async def wait_async(self) -> T:
        """The result, without blocking the caller's event loop."""
        return await asyncio.wait_for(asyncio.wrap_future(self._future), self._left())

    def _left(self) -> float:
        return max(self._ends - time.monotonic(), 0.0)


def _background_loop() -> asyncio.AbstractEventLoop:
    process = os.getpid()  # a forked worker has the loop but not its thread
    with _lock:
        if process not in _loops:
            _loops.clear()
            loop = _loops[process] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="qiaoban-remote", daemon=True).start()
        return _loops[process]
