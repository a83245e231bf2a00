"""`qiaoban audit`: verify, export and purge what a store has recorded."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qiaoban_agent.errors import QiaobanError
from qiaoban_agent.store import Before
from qiaoban_agent.store.chain import verify
from qiaoban_guards.policy import load_policy

if TYPE_CHECKING:
    from qiaoban_agent.store import SqlStore

_DAY = 86_400.0

audit = typer.Typer(
    name="audit",
    help="The record of what was said, decided and done, in a store.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_StoreOption = Annotated[
    str,
    typer.Option("--store", help="sqlite:///PATH, a bare path, or postgresql+psycopg://…"),
]


@audit.command("verify")
def verify_audit(store: _StoreOption) -> None:
    """Tell whether the audit is as it was written; exit status 1 and where, if it is not.

    The key is read from QIAOBAN_AUDIT_KEY, unless the database keeps its own.
    """
    with _opened(store) as opened:
        result = verify(opened)
    if not result.ok:
        place = "" if result.seq is None else f"record {result.seq}: "
        typer.secho(
            f"the audit does not hold: {place}{result.problem}; the {result.records} records "
            "before it do",
            err=True,
            fg="red",
        )
        raise typer.Exit(1)
    typer.echo(f"the audit holds: {result.records} records, the last {result.head or '–'}")


@audit.command("export")
def export_audit(
    store: _StoreOption,
    session: Annotated[str | None, typer.Option(help="Only this session's records.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="A new file, readable by its owner alone; by default the terminal."),
    ] = None,
) -> None:
    """Write the audit as JSON Lines, one record a line, oldest first."""
    with _opened(store) as opened:
        digest = None if session is None else opened.digest(session)
        with _written_to(output) as descriptor, os.fdopen(descriptor, "wb") as lines:
            for record in opened.audit():
                if digest in (None, record.session):
                    lines.write(record.model_dump_json().encode() + b"\n")


@audit.command("purge")
def purge_audit(
    store: _StoreOption,
    policy: Annotated[
        str, typer.Option(help="A shipped policy's name or a path: its `retention` is applied.")
    ],
) -> None:
    """Remove what the policy's `retention` no longer keeps; open cases always stay."""
    now = time.time()
    with _opened(store) as opened:
        kept = load_policy(policy).retention
        before = Before(
            sessions=_before(now, kept.sessions_days),
            events=_before(now, kept.audit_days),
            cases=_before(now, kept.cases_days),
        )
        gone = opened.purge(before, now)
    typer.echo(f"removed: {gone.sessions} sessions, {gone.events} events, {gone.cases} cases")


@contextmanager
def _opened(url: str) -> Generator[SqlStore]:
    """The store; what is wrong is told in one line, with exit status 2. None is made here."""
    try:
        from qiaoban_agent.store import SqlStore
        from qiaoban_agent.store.database import database_file

        file = database_file(url)
        if file is not None and not file.is_file():
            _refuse(f"there is no store at {file}")
        with closing(SqlStore(url)) as store:
            yield store
    except (QiaobanError, OSError) as error:
        _refuse(str(error))


def _refuse(problem: str) -> None:
    typer.secho(problem, err=True, fg="red")
    raise typer.Exit(2)


@contextmanager
def _written_to(output: Path | None) -> Generator[int]:
    """A descriptor to write to: of a new file, or of the terminal's output."""
    sys.stdout.flush()
    if output is None:
        yield os.dup(sys.stdout.fileno())
    else:
        yield os.open(output, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)


def _before(now: float, days: float | None) -> float | None:
    return None if days is None else now - days * _DAY
