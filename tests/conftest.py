"""What the tests share: where outside texts lie, and a wall against the network."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import settings

from qiaoban_agent import Companion
from tests.policies import unannounced

ROOT = Path(__file__).parents[1]
_SHARED = ROOT.parent / "shared"
settings.register_profile("untimed", deadline=None)  # two tests run at a time, and time each other
settings.load_profile("untimed")


def pytest_configure() -> None:
    """Ctrl-c ends the programs that tests start, also where a shell's background job ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of texts that are not committed; tests that need it skip where it is absent."""
    if not _SHARED.is_dir():
        pytest.skip(f"{_SHARED} is absent: it holds texts that are not part of this repository")
    return _SHARED


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only loopback can be reached from a test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = str(cast("tuple[Any, ...]", address)[0]) if isinstance(address, tuple) else ""
        if self.family != socket.AF_UNIX and host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test reached for the network: {address!r}")
        connect(self, cast("Any", address))

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def companion() -> Companion:
    """The embedded default with its Chinese policy; nothing but the answer is said."""
    return Companion(unannounced())
