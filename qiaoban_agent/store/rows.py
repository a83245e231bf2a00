"""Rows of the SQL store: how each noun is put into its table, taken out, and read again.

Every function works inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel, ValidationError

from qiaoban_agent.escalation.case import Case, Delivery, joined
from qiaoban_agent.events import Event
from qiaoban_agent.session import Session
from qiaoban_agent.store.chain import Head, Seal, linked, moved, written
from qiaoban_agent.store.errors import StoreError
from qiaoban_agent.store.forgetting import closed_from, due_from, homeless, raise_from, stripped
from qiaoban_agent.store.tables import cases, deliveries, head, records

_Model = TypeVar("_Model", bound=BaseModel)
GRAVEST = (cases.c.level.desc(), cases.c.opened_at, cases.c.id)


def bodies(events: Iterable[Event]) -> list[tuple[str, str]]:
    """Kind and JSON of each event."""
    return [(event.kind, written(event)) for event in events]


def read_head(connection: sa.Connection, *, lock: bool = False) -> Head:
    """The end of the chain; with `lock`, nobody else writes before this transaction ends.

    Whoever writes locks it first, whatever is written: so no two can wait for each other.
    """
    query = sa.select(head.c.seq, head.c.hash, head.c.seal)
    found = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise StoreError("the end of the audit's chain is gone: somebody changed the database")
    return Head(seq=found.seq, hash=found.hash, seal=found.seal)


def append(
    connection: sa.Connection,
    seal: Seal,
    end: Head,
    *,
    session: str,
    at: float,
    events: Sequence[tuple[str, str]],
) -> None:
    """Chain events, kind and JSON each, of a session, given by its digest, behind `end`."""
    lines: list[dict[str, Any]] = []
    for kind, body in events:
        line = linked(seal, end, session=session, at=at, kind=kind, body=body)
        end = moved(seal, end, line)
        lines.append({column.name: getattr(line, column.name) for column in records.c})
    if lines:
        connection.execute(sa.insert(records), lines)
        connection.execute(sa.update(head).values(seq=end.seq, hash=end.hash, seal=end.seal))


def session_row(
    seal: Seal, name: str, state: Session, at: float, child: str | None
) -> dict[str, Any]:
    """The row of a session, or of what is remembered of a child (which is no session of it)."""
    return {
        "digest": seal.of("text", name),
        "name": json.dumps(name, ensure_ascii=False),
        "child": None if child is None else seal.of("text", child),
        "at": float(at),
        "body": state.model_dump_json(),
    }


def put(connection: sa.Connection, table: sa.Table, key: str, row: dict[str, Any]) -> None:
    """Write a row in place of the one with the same key."""
    insert: Any
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert
    statement = insert(table).values(row)
    changed = {name: statement.excluded[name] for name in row if name != key}
    connection.execute(statement.on_conflict_do_update(index_elements=[key], set_=changed))


def put_case(connection: sa.Connection, seal: Seal, case: Case) -> None:
    """Write a case, joined with what is stored of it.

    One whose child was forgotten meanwhile stays without its name.
    """
    query = sa.select(cases.c.session, cases.c.body).where(cases.c.id == case.id)
    kept = connection.execute(query).one_or_none()
    if kept is not None:
        case = joined(read(Case, f"case {case.id}", kept.body), case)
    if kept is not None and kept.session is None:
        put_stripped(connection, case, json.loads(kept.body)["session"])
    else:
        put(connection, cases, "id", _case_row(case, seal.of("text", case.session)))


def put_stripped(connection: sa.Connection, case: Case, digest: str) -> None:
    """Write a case without who it is about, but for the digest of its session's name."""
    put(connection, cases, "id", _case_row(stripped(case, digest), None))


def put_delivery(connection: sa.Connection, delivery: Delivery) -> None:
    """Write a delivery, which ends its lease.

    One that is over and whose case is gone tells of nothing any more and is left out; StoreError
    for a pending one.
    """
    home = sa.select(cases.c.id).where(cases.c.id == delivery.case)
    if connection.execute(home).scalar() is None:
        if delivery.status == "pending":
            raise homeless(delivery)
        return
    row = {
        "id": delivery.id,
        "case": delivery.case,
        "due_at": due_from(delivery),
        "body": delivery.model_dump_json(),
    }
    put(connection, deliveries, "id", row)


def remove(connection: sa.Connection, table: sa.Table, *which: sa.ColumnElement[bool]) -> int:
    """Delete rows, and tell how many there were."""
    return connection.execute(sa.delete(table).where(*which)).rowcount


def remove_cases(connection: sa.Connection, which: sa.ColumnElement[bool]) -> int:
    """Delete cases with their deliveries, and tell how many cases there were."""
    ids = sa.select(cases.c.id).where(which)
    remove(connection, deliveries, deliveries.c.case.in_(ids))
    return remove(connection, cases, which)


def empty_records(connection: sa.Connection, which: sa.ColumnElement[bool]) -> int:
    """Remove events from the audit, receipts of removal excepted; the lines stay."""
    emptied = sa.update(records).where(
        which, records.c.body.is_not(None), records.c.kind != "forgotten"
    )
    return connection.execute(emptied.values(body=None)).rowcount


def older(column: sa.ColumnElement[Any], than: float | None) -> sa.ColumnElement[bool]:
    """The condition that a row is older; nothing is older than None."""
    return sa.false() if than is None else column < than


def read(model: type[_Model], name: str, body: str) -> _Model:
    """What a JSON text holds; StoreError, without a word of the text, if this version cannot."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        place = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'the whole'}: {problem['type']}"
            for problem in error.errors(include_url=False, include_input=False)[:3]
        )
        raise StoreError(
            f"the {model.__name__.lower()} {name} cannot be read by this version of "
            f"qiaoban-agent ({place}); it is kept as it is"
        ) from None


def read_some(model: type[_Model], found: Iterable[tuple[str, str]]) -> tuple[_Model, ...]:
    """What can be read of `found`, ids and JSON texts; StoreError if nothing of something can.

    A row that a newer or a damaged store left must not keep back the calls for help beside it.
    """
    some: list[_Model] = []
    unread: StoreError | None = None
    for name, body in found:
        try:
            some.append(read(model, name, body))
        except StoreError as error:
            unread = error
    if unread is not None and not some:
        raise unread
    return tuple(some)


def _case_row(case: Case, session: str | None) -> dict[str, Any]:
    return {
        "id": case.id,
        "session": session,
        "level": int(case.level),
        "opened_at": case.opened_at,
        "closed_at": closed_from(case),
        "raise_at": raise_from(case),
        "body": case.model_dump_json(),
    }
