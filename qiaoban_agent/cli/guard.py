"""`qiaoban guard`: judge a file of messages, one line of JSON each, and measure the guard on it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from qiaoban_agent.cli.evaluation import plot_file, show
from qiaoban_agent.errors import MissingExtraError
from qiaoban_guards.risk.batch import judge_lines, read_lines
from qiaoban_guards.risk.measure import Tally
from qiaoban_guards.risk.plot import require_matplotlib
from qiaoban_guards.risk.taxonomy import RiskLevel

_STDIN = Path("-")
_TOLD = 10
"""How many malformed lines are told one by one."""
_SHOW_EVERY = 100
_SIGNAL = 128
"""Exit statuses above are those of programs that a signal ended."""
_SIGPIPE = 13


class _From(StrEnum):
    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"
    IMMINENT = "imminent"


@dataclass
class _Seen:
    """What has been read and written so far."""

    bytes_read: int = 0
    lines: int = 0
    malformed: int = 0
    told: list[str] = field(default_factory=list[str])

    def counting(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        for line in lines:
            self.bytes_read += len(line)
            yield line


def guard(
    file: Annotated[
        Path,
        typer.Argument(
            help='JSON Lines, each {"text": "…"} or {"messages": [{"role": …, "content": …}]}; '
            "- for standard input.",
            dir_okay=False,
            readable=True,
            allow_dash=True,
        ),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(help="Where to write; by default standard output.", dir_okay=False),
    ] = None,
    flag_from: Annotated[
        _From, typer.Option("--from", help="From which level on a message is flagged.")
    ] = _From.MODERATE,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Processes, by default one a core; with 1 each line is answered at once."
        ),
    ] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Measure the guard against each line's `label`.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Where --evaluate draws truth and prediction; by default FILE.confusion.png.",
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Judge each line of FILE and write one JSON line each, in order.

    A line that cannot be judged gets a line with its `error` and its number, and the exit status
    is then 1; blank lines are passed over. A label is true, false, safe, unsafe, a level or a
    category; unknown ones are told, left out, and make the exit status 1 too.
    """
    level = RiskLevel.parse(flag_from.value)
    tally = Tally(level) if evaluate else None
    picture = plot or plot_file(file) if evaluate else None
    _check(file, output, plot, picture)
    seen = _Seen()
    with _telling_what_ended_it(seen):
        _judge_all(file, output, seen, tally, level=level, jobs=jobs or _cores())
    _tell_malformed(file, seen)
    if tally is not None and picture is not None:
        show(tally, picture, to_stderr=output is None)
    if seen.malformed or (tally and tally.unknown):
        raise typer.Exit(1)


def _check(file: Path, output: Path | None, plot: Path | None, picture: Path | None) -> None:
    """Whatever would fail after hours of work fails here, in one line, with exit status 2."""
    try:
        if file != _STDIN and not file.exists():  # `exists=True` would ask for a file called "-"
            raise typer.BadParameter(f"{file} does not exist")
        if plot is not None and picture is None:
            raise typer.BadParameter("--plot needs --evaluate")
        if picture is not None:
            require_matplotlib()
        for written in (output, picture):
            if written is None:
                continue
            if not written.absolute().parent.is_dir():
                raise typer.BadParameter(f"{written.parent} is not a folder")
            if file != _STDIN and written.exists() and written.samefile(file):
                raise typer.BadParameter(f"{file} would be overwritten before it is read")
    except MissingExtraError as error:
        _tell(str(error))
        raise typer.Exit(2) from error


@contextmanager
def _telling_what_ended_it(seen: _Seen) -> Generator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        _tell(f"stopped after {seen.lines:,} lines")
        raise typer.Exit(_SIGNAL + signal.SIGINT) from error
    except BrokenPipeError as error:
        # What is still in the buffer would fail once more when the interpreter flushes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(_SIGNAL + _SIGPIPE) from error
    except BrokenProcessPool as error:
        _tell(f"a process was killed after {seen.lines:,} lines; try fewer --jobs")
        raise typer.Exit(1) from error
    except OSError as error:
        _tell(str(error))
        raise typer.Exit(2) from error


def _judge_all(
    file: Path,
    output: Path | None,
    seen: _Seen,
    tally: Tally | None,
    *,
    level: RiskLevel,
    jobs: int,
) -> None:
    with ExitStack() as stack:
        source: IO[bytes] = sys.stdin.buffer
        if file != _STDIN:
            source = stack.enter_context(file.open("rb"))
        target: IO[bytes] = sys.stdout.buffer
        if output is not None:
            target = stack.enter_context(output.open("wb"))
        lines = seen.counting(read_lines(source))
        judged = stack.enter_context(closing(judge_lines(lines, flag_from=level, jobs=jobs)))
        progress = stack.enter_context(_progress(shown=not target.isatty()))
        task = progress.add_task("guard", total=_size(file), lines=0)
        for one in judged:
            target.write(one.output + b"\n")
            target.flush()
            seen.lines += 1
            if one.error is not None:
                seen.malformed += 1
                if seen.malformed <= _TOLD:
                    seen.told.append(f"{file}:{one.number}: {one.error}")
            elif tally is not None:
                tally.add(one.label, flagged=one.flagged, category=one.category)
            if seen.lines % _SHOW_EVERY == 0:
                _advance(progress, task, seen)
        _advance(progress, task, seen)


def _advance(progress: Progress, task: TaskID, seen: _Seen) -> None:
    progress.update(task, completed=seen.bytes_read, lines=seen.lines)


def _progress(*, shown: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[lines]:,} lines"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        redirect_stdout=False,
        disable=not (shown and sys.stderr.isatty()),
    )


def _size(file: Path) -> int | None:
    """Bytes to read; None where that is not known."""
    return (file.stat().st_size or None) if file.is_file() else None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _tell_malformed(file: Path, seen: _Seen) -> None:
    if not seen.malformed:
        return
    for line in seen.told:
        _tell(line)
    if seen.malformed > len(seen.told):
        _tell(f"… and {seen.malformed - len(seen.told):,} more")
    _tell(f"{file}: {seen.malformed:,} of {seen.lines:,} lines could not be judged")


def _tell(message: str) -> None:
    typer.secho(message, err=True, fg="red")
