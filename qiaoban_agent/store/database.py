"""Opening the database of a SQL store: its engine, its tables at their newest, its key.

SQLite's own transactions of Python's driver begin too late and lose updates silently; here every
transaction begins by itself, those that write with BEGIN IMMEDIATE.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from qiaoban_agent.errors import MissingExtraError, MisuseError
from qiaoban_agent.store.chain import Seal, beginning
from qiaoban_agent.store.errors import StoreError
from qiaoban_agent.store.tables import SCHEMA, head, settings

KEY_VARIABLE = "QIAOBAN_AUDIT_KEY"
WRITES = {"qiaoban_writes": True}
"""The execution option of a connection whose transactions write."""

_BUSY_SECONDS = 10.0
_MIGRATING = 0x71616F62616E
"""The advisory lock of PostgreSQL under which one process migrates."""


def database_file(url: str) -> Path | None:
    """The file of an SQLite database, by its URL or its bare path; None for another database."""
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if parsed.database in (None, "", ":memory:") or str(parsed.database).startswith("file:"):
        raise MisuseError(f"{url!r} names no file; without one, MemoryStore is what you want")
    return Path(str(parsed.database))


def engine_of(url: str) -> sa.Engine:
    """An engine whose commits are durable; a file that is not there is made, for its owner only.

    Raises MisuseError for a URL that cannot be used, MissingExtraError without the driver.
    """
    file = database_file(url)
    if file is None:
        return _postgresql(_parsed(url))
    _touch(file)
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(file)),
        connect_args={"timeout": _BUSY_SECONDS},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def prepare(engine: sa.Engine, key: bytes | None) -> Seal:
    """Bring the database to the newest tables, and return the seal it was made with.

    Raises StoreError for a database of a newer version, or one that was made with another key.
    """
    given = key if key is not None else os.environ.get(KEY_VARIABLE, "").encode() or None
    if key is not None and not key:
        raise MisuseError("the key of a store is empty; 32 random bytes make a good one")
    try:
        with engine.connect().execution_options(**WRITES) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))
            _migrate(connection)
            return _seal(connection, given)
    except exc.DatabaseError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise StoreError(
            f"{where} cannot be opened as a store ({type(error.orig).__name__}): no database of "
            "qiaoban-agent, damaged, or out of reach; give another address or restore a copy"
        ) from error


def _parsed(url: str) -> sa.URL:
    if "://" not in url:
        return sa.URL.create("sqlite", database=url)
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError as error:
        raise MisuseError("the store's URL cannot be read; " + _URLS) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise MisuseError(f"a store is not kept in {parsed.get_backend_name()}; " + _URLS)
    return parsed


_URLS = "URLs are sqlite:///PATH and postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"


def _postgresql(url: sa.URL) -> sa.Engine:
    try:
        return sa.create_engine(
            url.set(drivername="postgresql+psycopg"), hide_parameters=True, pool_pre_ping=True
        )
    except ImportError as error:
        raise MissingExtraError("a store in PostgreSQL", "postgresql") from error


def _touch(file: Path) -> None:
    """Make the file readable by its owner alone; SQLite's side files take the same mode."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"{file} cannot be opened for writing: {error.strerror}") from error


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("qiaoban_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(connection: sa.Connection) -> None:
    version = _version(connection)
    if version == SCHEMA:
        return
    try:
        from alembic import command
        from alembic.config import Config
        from alembic.script import ScriptDirectory
    except ImportError as error:
        raise MissingExtraError("a store in SQL", "sql") from error
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise StoreError(
            f"the database was made by a newer version of qiaoban-agent (tables {version!r}, this "
            f"one knows up to {SCHEMA!r}): upgrade qiaoban-agent; nothing was changed"
        )
    command.upgrade(config, "head")


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("qiaoban_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM qiaoban_version")).scalar()


def _seal(connection: sa.Connection, given: bytes | None) -> Seal:
    rows = connection.execute(sa.select(settings.c.name, settings.c.value))
    kept: Mapping[str, str] = {row.name: row.value for row in rows}
    if "key_check" not in kept:
        return _first_seal(connection, given)
    if given is None and "key" not in kept:
        raise StoreError(f"the database was made with a key: pass it, or set {KEY_VARIABLE}")
    seal = Seal(given if given is not None else bytes.fromhex(kept["key"]))
    if not secrets.compare_digest(_check(seal), kept["key_check"]):
        raise StoreError(
            "the database was made with another key; "
            + ("it keeps its own: pass none" if "key" in kept else "pass the one it was made with")
            + f" (the argument `key`, or {KEY_VARIABLE})"
        )
    return seal


def _first_seal(connection: sa.Connection, given: bytes | None) -> Seal:
    seal = Seal(given if given is not None else secrets.token_bytes(32))
    rows = [{"name": "key_check", "value": _check(seal)}]
    if given is None:
        rows.append({"name": "key", "value": seal.key.hex()})
    connection.execute(sa.insert(settings), rows)
    connection.execute(sa.update(head).values(seal=beginning(seal).seal))
    return seal


def _check(seal: Seal) -> str:
    return seal.of("key", "qiaoban-agent")
