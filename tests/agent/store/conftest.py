"""Stores to be held to the same behaviour: in memory, in SQLite, in PostgreSQL."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest
import sqlalchemy as sa

from qiaoban_agent.store import MemoryStore, SqlStore
from qiaoban_agent.store.database import WRITES, engine_of

AnyStore = MemoryStore | SqlStore


def _as_postgres(*command: str, folder: str) -> None:
    """Run a program of PostgreSQL, which refuses to be root."""
    if os.geteuid() == 0:
        command = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command)
    # pg_ctl's server keeps the pipes open, so its output goes to a file
    with Path(folder, "log").open("ab") as log:
        subprocess.run(command, check=True, cwd=folder, stdout=log, stderr=log, timeout=60)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a server of our own, on a Unix socket in a folder of its own."""
    if not all(map(shutil.which, ("initdb", "pg_ctl", "setpriv"))):
        pytest.skip("PostgreSQL's programs (initdb, pg_ctl) are not installed")
    with tempfile.TemporaryDirectory(prefix="qiaoban-pg-") as folder:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        data = f"{folder}/data"
        _as_postgres("initdb", "-D", data, "-U", "tester", "-A", "trust", folder=folder)
        options = f"-c listen_addresses='' -k {folder} -c max_connections=60"
        _as_postgres("pg_ctl", "-D", data, "-w", "-o", options, "start", folder=folder)
        try:
            yield f"postgresql+psycopg://tester@/{{}}?host={quote(folder)}"
        finally:
            _as_postgres("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop", folder=folder)


@pytest.fixture
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Makes an empty database of a kind, and tells its URL."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path}/{uuid4().hex}.db"
        import psycopg

        server: str = request.getfixturevalue("postgresql")
        name = f"test_{uuid4().hex}"
        admin = server.format("postgres").replace("+psycopg", "")
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # pyright: ignore[reportArgumentType, reportCallIssue]
        return server.format(name)

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, new_url: Callable[[str], str]) -> str:
    """An empty database of each kind."""
    return new_url(request.param)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, new_url: Callable[[str], str]) -> Iterator[AnyStore]:
    """An empty store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
        return
    opened = SqlStore(new_url(request.param))
    yield opened
    opened.close()


@pytest.fixture
def sql(url: str) -> Iterator[SqlStore]:
    """An empty store in each database."""
    opened = SqlStore(url)
    yield opened
    opened.close()


@pytest.fixture
def tamper(url: str) -> Iterator[Callable[..., None]]:
    """Runs a statement in the database behind the store's back."""
    engine = engine_of(url)

    def run(statement: sa.Executable, values: dict[str, object] | None = None) -> None:
        with engine.connect().execution_options(**WRITES) as connection, connection.begin():
            connection.execute(statement, values)

    yield run
    engine.dispose()
