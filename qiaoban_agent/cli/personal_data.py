"""`qiaoban pii`: takes personal data out of a file, or tells where it stands."""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import IO, Annotated

import typer

from qiaoban_agent.cli.judging import STDIN, tell, telling_what_ended_it
from qiaoban_guards.batch.lines import read_lines
from qiaoban_guards.pii.finder import finder_of
from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.lines import (
    Done,
    LineWork,
    redacted_json,
    redacted_text,
    spans_of_json,
    spans_of_text,
    work_through,
)
from qiaoban_guards.pii.placeholders import Language
from qiaoban_guards.pii.redact import Redactor, Style
from qiaoban_guards.pii.status import status as status_of_parts

_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
_TOLD = 10
"""How many malformed lines are told one by one."""


class _Format(StrEnum):
    JSONL = "jsonl"
    TEXT = "text"


class _Language(StrEnum):
    ZH = "zh"
    EN = "en"


@dataclass
class _Seen:
    """What has been read so far."""

    lines: int = 0
    malformed: int = 0
    counts: Counter[Kind] = field(default_factory=Counter[Kind])


def pii(
    file: Annotated[
        Path | None,
        typer.Argument(
            help='JSON Lines, each {"text": "…"} or {"messages": [{"role": …, "content": …}]}, or '
            "plain text; - for standard input.",
            dir_okay=False,
            readable=True,
            allow_dash=True,
        ),
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option(help="Where to write; by default standard output.", dir_okay=False),
    ] = None,
    kinds: Annotated[
        str, typer.Option(help="Which kinds, with commas between them; by default all.")
    ] = "",
    style: Annotated[
        Style,
        typer.Option(
            "--with",
            help="What stands for a value: its kind, or a placeholder that says whose it is or has "
            "a number, the same for the same value within a line.",
        ),
    ] = Style.MASK,
    language: Annotated[
        _Language | None,
        typer.Option(help="The language of placeholders; by default the line's own."),
    ] = None,
    spans: Annotated[
        bool,
        typer.Option(
            "--spans", help="Write where personal data stands in each line, instead of the line."
        ),
    ] = False,
    form: Annotated[
        _Format | None,
        typer.Option(
            "--format",
            help="By default jsonl for standard input and for .jsonl, .ndjson and .json.",
        ),
    ] = None,
    status: Annotated[
        bool, typer.Option("--status", help="Print which parts of the search are on, and end.")
    ] = False,
) -> None:
    """Copy FILE without the personal data in it, line by line.

    In JSON only `text`, or the `content` of `messages`, is read and changed. With --spans each line
    becomes {"entities": [{"kind", "start", "end", "score"}]} with offsets in characters of the
    original text; those of messages also have `message`, its number from 0. How many of each kind
    there were is told on standard error. A line that cannot be read is named there and left out
    (with --spans its `error` stands in its place), and the exit status is then 1.
    """
    if status:
        _show_status()
        return
    if file is None:
        raise typer.BadParameter("FILE is missing; - reads standard input")
    _check(file, output)
    wanted = _kinds(kinds)
    is_json = form is _Format.JSONL or (form is None and _is_json(file))
    work = _spans(wanted, is_json) if spans else _redaction(wanted, style, language, is_json)
    seen = _Seen()
    with telling_what_ended_it(seen):
        _copy(file, output, work, seen, spans=spans)
    _show_counts(file, seen)
    if seen.malformed:
        raise typer.Exit(1)


def _is_json(file: Path) -> bool:
    return file == STDIN or file.suffix.lower() in _JSON_SUFFIXES


def _redaction(
    kinds: frozenset[Kind], style: Style, language: _Language | None, is_json: bool
) -> LineWork:
    of_line: Language | None = None if language is None else language.value
    redactor = Redactor(finder_of(kinds).find, style, of_line)
    return partial(redacted_json if is_json else redacted_text, redactor=redactor)


def _spans(kinds: frozenset[Kind], is_json: bool) -> LineWork:
    return partial(spans_of_json if is_json else spans_of_text, find=finder_of(kinds).find)


def _kinds(names: str) -> frozenset[Kind]:
    """The kinds named, all of them where none is; an unknown one ends the command."""
    if not names:
        return frozenset(Kind)
    given = [name.strip() for name in names.split(",")]
    for name in given:
        if name not in list(Kind):
            near = get_close_matches(name, list(Kind), n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"one of {', '.join(Kind)}"
            raise typer.BadParameter(f"--kinds: {name!r} is no kind; {hint}")
    return frozenset(map(Kind, given))


def _check(file: Path, output: Path | None) -> None:
    if file != STDIN and not file.exists():  # `exists=True` would ask for a file called "-"
        raise typer.BadParameter(f"{file} does not exist")
    if output is None:
        return
    if not output.absolute().parent.is_dir():
        raise typer.BadParameter(f"{output.parent} is not a folder")
    if file != STDIN and output.exists() and output.samefile(file):
        raise typer.BadParameter(f"{file} would be overwritten before it is read")


def _copy(file: Path, output: Path | None, work: LineWork, seen: _Seen, *, spans: bool) -> None:
    with ExitStack() as stack:
        source: IO[bytes] = sys.stdin.buffer
        if file != STDIN:
            source = stack.enter_context(file.open("rb"))
        target: IO[bytes] = sys.stdout.buffer
        if output is not None:
            target = stack.enter_context(output.open("wb"))
        for done in work_through(read_lines(source), work):
            seen.lines += 1
            if isinstance(done, Done):
                target.write(done.output)
                seen.counts += done.counts
            else:
                seen.malformed += 1
                if seen.malformed <= _TOLD:
                    tell(f"{file}:{done.number}: {done.problem}")
                if spans:
                    error = json.dumps({"error": done.problem, "line": done.number})
                    target.write(f"{error}\n".encode())
            target.flush()


def _show_counts(file: Path, seen: _Seen) -> None:
    if seen.malformed > _TOLD:
        tell(f"… and {seen.malformed - _TOLD:,} more")
    if seen.malformed:
        tell(f"{file}: {seen.malformed:,} of {seen.lines:,} lines were left out")
    for kind in Kind:
        if seen.counts[kind]:
            typer.echo(f"{kind:<16}{seen.counts[kind]:>10,}", err=True)
    if not seen.counts:
        typer.echo("no personal data was found", err=True)


def _show_status() -> None:
    for part in status_of_parts():
        remedy = "" if part.on else f" ({part.remedy})"
        typer.echo(f"{'on' if part.on else 'off':<5}{part.name}{remedy}")
