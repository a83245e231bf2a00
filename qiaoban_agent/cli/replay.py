"""`qiaoban replay`: run recorded children's turns through the whole journey."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from qiaoban_agent.cli.options import ModelOption, PolicyOption, companion_from
from qiaoban_agent.companion import Companion
from qiaoban_agent.reply import Reply

_LONG = 50
"""Lines from which on a progress bar is of use."""


class _Line(BaseModel):
    """One session to replay: an id and the child's messages in order."""

    model_config = ConfigDict(extra="ignore", strict=True)

    id: str | int
    child: list[str] = Field(min_length=1)


class _Turn(BaseModel):
    """One line of output."""

    id: str | int
    turn: int
    child: str
    risk: dict[str, Any]
    session_risk: str
    stage: str
    emotion: str
    escalated: bool
    reply: str
    degraded: bool
    ms: float


def replay(
    file: Annotated[
        Path,
        typer.Argument(
            help='JSON Lines, each {"id": …, "child": ["…", "…"]}.',
            exists=True,
            dir_okay=False,
            readable=True,
        ),
    ],
    policy: PolicyOption = None,
    model: ModelOption = "curated",
) -> None:
    """Run each line of FILE as one session and write one JSON line a turn.

    A malformed line is reported with its number and skipped; the exit status is then 1.
    """
    companion = companion_from(policy, model)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    with file.open("rb") as lines:
        total = sum(1 for line in lines if line.strip())
    skipped = 0
    with file.open("rb") as lines, _progress(errors, total) as progress:
        task = progress.add_task("replay", total=total)
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                session = _Line.model_validate_json(line.removeprefix(b"\xef\xbb\xbf"))
            except ValidationError as error:
                skipped += 1
                errors.print(f"{file}:{number}: skipped: {_what_is_wrong(error)}", style="red")
            else:
                for turn in _turns(companion, session, f"{number}"):
                    sys.stdout.write(turn.model_dump_json() + "\n")
            progress.advance(task)
    sys.stdout.flush()
    if skipped:
        raise typer.Exit(1)


def _progress(console: Console, total: int) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=total < _LONG,
    )


def _turns(companion: Companion, session: _Line, name: str) -> Iterator[_Turn]:
    for number, message in enumerate(session.child, start=1):
        began = time.perf_counter()
        reply = companion.reply(message, session=name)
        ms = (time.perf_counter() - began) * 1000
        yield _as_turn(session.id, number, message, reply, ms)
    companion.forget(name)


def _as_turn(identity: str | int, number: int, child: str, reply: Reply, ms: float) -> _Turn:
    return _Turn(
        id=identity,
        turn=number,
        child=child,
        risk={
            "level": reply.risk.level.label,
            "categories": [str(category) for category in reply.risk.categories],
            "findings": [finding.model_dump(mode="json") for finding in reply.risk.findings],
        },
        session_risk=reply.session_risk.label,
        stage=reply.stage,
        emotion=reply.emotion,
        escalated=reply.escalation is not None,
        reply=reply.text,
        degraded=reply.degraded,
        ms=round(ms, 3),
    )


def _what_is_wrong(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    problem = f"{key}: {first['msg']}" if key else first["msg"]
    return f'{problem}; a line is {{"id": …, "child": ["…"]}}'
