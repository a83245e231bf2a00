"""Sessions, audit and outbox in SQLite or PostgreSQL: durable once `commit` returns."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from qiaoban_agent.escalation.case import Case, Delivery
from qiaoban_agent.events import Event
from qiaoban_agent.session import Session
from qiaoban_agent.store import rows
from qiaoban_agent.store.base import Before, Receipt, Record, Write
from qiaoban_agent.store.chain import Head, Line, Seal
from qiaoban_agent.store.database import WRITES, engine_of, prepare
from qiaoban_agent.store.errors import StoreError
from qiaoban_agent.store.forgetting import forgotten
from qiaoban_agent.store.tables import cases, deliveries, records, sessions

_PAGE = 500
"""Records that are read at once."""


_IN_DANGER = sa.select(cases.c.session).where(
    cases.c.closed_at.is_(None), cases.c.session.is_not(None)
)


class SqlStore:
    """A store that outlives the process; many threads and processes may share one database.

    url: `sqlite:///path` or a bare path, or `postgresql+psycopg://user@host/database`. An empty or
        older database is brought to the newest tables.
    key: for digests and the chain; else the variable QIAOBAN_AUDIT_KEY, else one that is made once
        and kept in the database.

    Raises StoreError for a database of a newer version or another key, MisuseError for a URL that
    cannot be used, MissingExtraError where a package is not installed.
    """

    def __init__(self, url: str, *, key: bytes | None = None) -> None:
        self._engine = engine_of(url)
        self._writer = threading.Lock()
        try:
            self._seal = prepare(self._engine, key)
        except BaseException:
            self._engine.dispose()
            raise

    @property
    def seal(self) -> Seal:
        """The key of the chain and of every digest."""
        return self._seal

    def close(self) -> None:
        """Close the connections; a store that is used again opens new ones."""
        self._engine.dispose()

    def load(self, session: str, /) -> Session | None:
        """The session, or None; StoreError for one that this version cannot read.

        Its text is then put aside in its row, so that the next commit does not overwrite it.
        """
        digest = self.digest(session)
        found = sessions.c.digest == digest
        with self._reading() as connection:
            body = connection.execute(sa.select(sessions.c.body).where(found)).scalar()
        if body is None:
            return None
        try:
            return rows.read(Session, f"with digest {digest}", body)
        except StoreError:
            aside = sa.update(sessions).where(found, sessions.c.unread.is_(None))
            with self._writing() as connection:
                connection.execute(aside.values(unread=body))
            raise

    def commit(self, write: Write, /) -> None:
        """Make `write` durable, whole or not at all; returns only once it is."""
        events = rows.bodies(write.events)
        states: list[dict[str, Any]] = []
        if write.state is not None:
            child = write.state.child
            states.append(rows.session_row(self._seal, write.session, write.state, write.at, child))
        if write.memory is not None:
            states.append(rows.session_row(self._seal, *write.memory, write.at, None))
        digest = self.digest(write.session)
        with self._writing() as connection:
            end = rows.read_head(connection, lock=True)
            rows.append(connection, self._seal, end, session=digest, at=write.at, events=events)
            for row in states:
                rows.put(connection, sessions, "digest", row)
            if write.case is not None:
                rows.put_case(connection, self._seal, write.case)
            for delivery in write.deliveries:
                rows.put_delivery(connection, delivery)

    def trail(self, session: str, /) -> tuple[Event, ...]:
        """The session's recorded events, oldest first; forgotten ones are not among them."""
        query = sa.select(records).where(
            records.c.session == self.digest(session), records.c.body.is_not(None)
        )
        events = (line.record().event for line in self._lines(query))
        return tuple(event for event in events if event is not None)

    def forget(self, session: str, at: float, /) -> Receipt:
        """Remove the session, its events, and its cases so far as they are dealt with."""
        digest = self.digest(session)
        ours = cases.c.session == digest
        query = sa.select(cases.c.id, cases.c.body).where(ours, cases.c.closed_at.is_(None))
        with self._writing() as connection:
            end = rows.read_head(connection, lock=True)
            kept = [rows.read(Case, *row) for row in connection.execute(query)]
            for case in kept:
                rows.put_stripped(connection, case, digest)
            receipt = Receipt(
                at=at,
                sessions=rows.remove(connection, sessions, sessions.c.digest == digest),
                events=rows.empty_records(connection, records.c.session == digest),
                cases=rows.remove_cases(connection, ours),
                cases_kept=len(kept),
            )
            events = rows.bodies([forgotten(receipt, asked=True)])
            rows.append(connection, self._seal, end, session=digest, at=at, events=events)
        self._shrink()
        return receipt

    def sessions_of(self, child: str, /) -> tuple[str, ...]:
        """The names of a child's sessions, the one that was silent longest first."""
        query = (
            sa.select(sessions.c.name)
            .where(sessions.c.child == self.digest(child))
            .order_by(sessions.c.at, sessions.c.digest)
        )
        with self._reading() as connection:
            return tuple(json.loads(name) for name in connection.execute(query).scalars())

    def case(self, case: str, /) -> Case | None:
        """The case of that id."""
        return next(iter(self._cases(cases.c.id == case)), None)

    def cases(self, *, closed: bool = False) -> tuple[Case, ...]:
        """Cases that are not closed, the gravest first, then the oldest; all, with `closed`."""
        return self._cases(sa.true() if closed else cases.c.closed_at.is_(None))

    def open_case(self, session: str, /) -> Case | None:
        """The session's case that is not closed, if there is one."""
        ours = cases.c.session == self.digest(session)
        return next(iter(self._cases(ours, cases.c.closed_at.is_(None))), None)

    def deliveries(self, case: str, /) -> tuple[Delivery, ...]:
        """The deliveries of a case, in the order in which they were begun."""
        query = sa.select(deliveries.c.id, deliveries.c.body).where(deliveries.c.case == case)
        with self._reading() as connection:
            found = connection.execute(query.order_by(deliveries.c.begun)).all()
        return tuple(rows.read(Delivery, *row) for row in found)

    def due(self, at: float, *, lease: float, limit: int = 100) -> tuple[Delivery, ...]:
        """Take pending deliveries whose time has come, and lease them.

        One that cannot be read does not keep back the others: StoreError comes once it is alone.
        """
        query = (
            sa.select(deliveries.c.id, deliveries.c.body)
            .where(deliveries.c.due_at <= at)
            .order_by(deliveries.c.due_at, deliveries.c.begun)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        with self._writing() as connection:
            found = connection.execute(query).all()
            taken = deliveries.c.id.in_([name for name, _ in found])
            connection.execute(sa.update(deliveries).where(taken).values(due_at=at + lease))
        return rows.read_some(Delivery, found)

    def to_raise(self, at: float, /) -> tuple[Case, ...]:
        """Open cases whose `raise_at` has come; with those that cannot be read as in `due`."""
        query = sa.select(cases.c.id, cases.c.body).where(cases.c.raise_at <= at)
        with self._reading() as connection:
            found = connection.execute(query.order_by(*rows.GRAVEST)).all()
        return rows.read_some(Case, found)

    def audit(self, after: int = 0) -> Iterator[Record]:
        """The audit from the record behind `after` on, oldest first, in constant memory."""
        while lines := self.lines(after, _PAGE):
            for line in lines:
                yield line.record()
            after = lines[-1].seq

    def purge(self, before: Before, at: float, /) -> Receipt:
        """Remove what retention no longer keeps, at once: whoever writes waits for it.

        A session with an open case stays: the danger that latched it is not dealt with.
        """
        nobody = self.digest("")
        with self._writing() as connection:
            end = rows.read_head(connection, lock=True)
            receipt = Receipt(
                at=at,
                sessions=rows.remove(
                    connection,
                    sessions,
                    rows.older(sessions.c.at, before.sessions),
                    sessions.c.digest.not_in(_IN_DANGER),
                ),
                events=rows.empty_records(connection, rows.older(records.c.at, before.events)),
                cases=rows.remove_cases(connection, rows.older(cases.c.closed_at, before.cases)),
            )
            if receipt == Receipt(at=at):
                return receipt
            events = rows.bodies([forgotten(receipt, asked=False)])
            rows.append(connection, self._seal, end, session=nobody, at=at, events=events)
        self._shrink()
        return receipt

    def digest(self, text: str, /) -> str:
        """A keyed hash of a text: the same text has the same one in this store only."""
        return self._seal.of("text", text)

    def head(self) -> Head:
        """The end of the audit's chain."""
        with self._reading() as connection:
            return rows.read_head(connection)

    def lines(self, after: int, limit: int) -> tuple[Line, ...]:
        """At most `limit` lines of the audit behind the number `after`, in order."""
        return self._lines(sa.select(records).where(records.c.seq > after).limit(limit))

    def _lines(self, query: sa.Select[Any]) -> tuple[Line, ...]:
        with self._reading() as connection:
            found = connection.execute(query.order_by(records.c.seq)).mappings()
            return tuple(Line(**row) for row in found)

    def _cases(self, *which: sa.ColumnElement[bool]) -> tuple[Case, ...]:
        query = sa.select(cases.c.id, cases.c.body).where(*which).order_by(*rows.GRAVEST)
        with self._reading() as connection:
            found = connection.execute(query).all()
        return tuple(rows.read(Case, *row) for row in found)

    @contextmanager
    def _reading(self) -> Generator[sa.Connection]:
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Generator[sa.Connection]:
        """One transaction. SQLite has one writer: threads queue here rather than poll there."""
        if self._engine.dialect.name != "sqlite":
            with self._engine.begin() as connection:
                yield connection
            return
        with self._writer, self._engine.connect() as plain:
            connection = plain.execution_options(**WRITES)
            with connection.begin():
                yield connection

    def _shrink(self) -> None:
        """Let what was removed leave SQLite's log as well; it is overwritten in the file itself."""
        if self._engine.dialect.name == "sqlite":
            with self._writer, self._engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
