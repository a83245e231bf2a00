"""The audit's chain: every line is sealed with a key, together with the line before it.

Whoever changes, removes or reorders lines without the key is found out by `verify`. Nobody is who
holds the key, or who puts back an older copy of the whole store.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from pydantic import ConfigDict, TypeAdapter, ValidationError

from qiaoban_agent.events import Event
from qiaoban_agent.store.base import Record
from qiaoban_agent.store.errors import StoreError
from qiaoban_guards.documents import Frozen

_EVENT: TypeAdapter[Event] = TypeAdapter(Event, config=ConfigDict(defer_build=True))
_PAGE = 500
"""Lines that are read at once."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Keyed hashes (HMAC-SHA-256, hexadecimal), a domain of its own for every use."""

    key: bytes

    def of(self, use: Literal["text", "event", "line", "head", "key"], text: str) -> str:
        """The hash of a text for one use."""
        message = f"{use}\n{text}".encode()
        return hmac.digest(self.key, message, hashlib.sha256).hex()


@dataclass(frozen=True, slots=True)
class Line:
    """A record as it is kept: the event is the JSON it was sealed as, None once it is forgotten."""

    seq: int
    at: float
    session: str
    kind: str
    digest: str
    body: str | None
    previous: str
    hash: str

    def record(self) -> Record:
        """The line with its event read; StoreError if it is none that this version knows."""
        try:
            event = None if self.body is None else _EVENT.validate_json(self.body)
        except ValidationError:
            raise StoreError(
                f"record {self.seq} of the audit cannot be read: it is no event that this version "
                "of qiaoban-agent knows; it stays as it is, `qiaoban audit verify` tells whether "
                "it was changed"
            ) from None
        return Record(
            seq=self.seq,
            at=self.at,
            session=self.session,
            kind=self.kind,
            digest=self.digest,
            event=event,
            previous=self.previous,
            hash=self.hash,
        )


@dataclass(frozen=True, slots=True)
class Head:
    """The last line's number and hash, sealed; `dropped` and `before` are the first line's.

    A store that is bounded drops its oldest lines: `dropped` counts them, `before` is the hash of
    the last of them.
    """

    seq: int = 0
    hash: str = ""
    seal: str = ""
    dropped: int = 0
    before: str = ""


class Verification(Frozen):
    """Whether the audit holds; where not, the first `problem` and the record it was found at."""

    ok: bool
    records: int
    problem: str = ""
    seq: int | None = None
    head: str = ""
    """The hash of the last record: kept elsewhere, it tells whether an older copy was put back."""


class Chained(Protocol):
    """A store whose audit can be verified."""

    @property
    def seal(self) -> Seal:
        """The key that the lines were sealed with."""
        ...

    def head(self) -> Head:
        """The end of the chain."""
        ...

    def lines(self, after: int, limit: int) -> tuple[Line, ...]:
        """At most `limit` lines behind the number `after`, in order."""
        ...


def written(event: Event) -> str:
    """The JSON that an event is kept and sealed as."""
    return event.model_dump_json()


def sealed_event(seal: Seal, body: str) -> str:
    """The digest of an event's JSON."""
    return seal.of("event", body)


def linked(seal: Seal, head: Head, *, session: str, at: float, kind: str, body: str) -> Line:
    """The line behind `head`; `session` is a digest, `at` a second (Unix)."""
    line = Line(
        seq=head.seq + 1,
        at=float(at),
        session=session,
        kind=kind,
        digest=sealed_event(seal, body),
        body=body,
        previous=head.hash,
        hash="",
    )
    return replace(line, hash=_hash(seal, line))


def beginning(seal: Seal) -> Head:
    """The head of a chain without lines."""
    return Head(seal=_head_seal(seal, 0, ""))


def moved(seal: Seal, head: Head, line: Line) -> Head:
    """The head when `line` was added."""
    return replace(head, seq=line.seq, hash=line.hash, seal=_head_seal(seal, line.seq, line.hash))


def verify(store: Chained) -> Verification:
    """Read the whole audit, in constant memory, and find the first thing that is not as written.

    Found are a changed field, a changed event, a line that was removed, added or moved, and an end
    that was cut off. Turns may go on meanwhile.
    """
    first = store.head()
    seq, digest, records = first.dropped, first.before, 0
    while True:
        lines = store.lines(seq, _PAGE)
        for line in lines:
            if problem := _problem(store.seal, line, seq, digest):
                return Verification(ok=False, records=records, problem=problem, seq=line.seq)
            seq, digest, records = line.seq, line.hash, records + 1
        if lines:
            continue
        head = store.head()
        if head.seq <= seq:  # else somebody wrote between the two readings
            break
        if not store.lines(seq, 1):
            problem = f"{head.seq - seq} records at the end are gone"
            return Verification(ok=False, records=records, problem=problem, seq=seq + 1)
    if problem := _head_problem(store.seal, head, seq, digest):
        return Verification(ok=False, records=records, problem=problem, seq=seq or None)
    return Verification(ok=True, records=records, head=digest)


def _problem(seal: Seal, line: Line, seq: int, digest: str) -> str:
    if line.seq != seq + 1:
        return f"{line.seq - seq - 1} records before it are gone"
    if line.previous != digest:
        return "it does not follow the record before it"
    if line.hash != _hash(seal, line):
        return "a field was changed"
    if line.body is not None and line.digest != sealed_event(seal, line.body):
        return "its event was changed"
    return ""


def _head_problem(seal: Seal, head: Head, seq: int, digest: str) -> str:
    if head.seq < seq:
        return f"{seq - head.seq} records stand behind the end of the chain"
    if head.hash != digest:
        return "the end of the chain is another record"
    if head.seal != _head_seal(seal, seq, digest):
        return "the end of the chain was changed"
    return ""


def _hash(seal: Seal, line: Line) -> str:
    fields = (line.seq, line.at, line.session, line.kind, line.digest, line.previous)
    return seal.of("line", json.dumps(fields))


def _head_seal(seal: Seal, seq: int, digest: str) -> str:
    return seal.of("head", f"{seq} {digest}")
