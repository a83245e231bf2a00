"""Running a file of JSON lines through a judge: progress, what was malformed, what ended it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from qiaoban_guards.batch.lines import LineJudge, read_lines
from qiaoban_guards.batch.measure import Tally
from qiaoban_guards.batch.pool import judge_lines

STDIN = Path("-")
_TOLD = 10
"""How many malformed lines are told one by one."""
_SHOW_EVERY = 100
_SIGNAL = 128
"""Exit statuses above are those of programs that a signal ended."""
_SIGPIPE = 13


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


def run(
    file: Path,
    output: Path | None,
    make: Callable[[], LineJudge],
    tally: Tally | None,
    jobs: int | None,
) -> int:
    """Judge every line of `file` and write the answers; how many could not be judged."""
    seen = _Seen()
    with telling_what_ended_it(seen):
        _judge_all(file, output, make, seen, tally=tally, jobs=jobs or _cores())
    _tell_malformed(file, seen)
    return seen.malformed


def tell(message: str) -> None:
    """Say on standard error what is wrong."""
    typer.secho(message, err=True, fg="red")


class Counted(Protocol):
    """What tells how many lines have been read."""

    lines: int


@contextmanager
def telling_what_ended_it(seen: Counted) -> Generator[None]:
    """Say on standard error what ended a run before its end, and exit with its status."""
    try:
        yield
    except KeyboardInterrupt as error:
        tell(f"stopped after {seen.lines:,} lines")
        raise typer.Exit(_SIGNAL + signal.SIGINT) from error
    except BrokenPipeError as error:
        # What is still in the buffer would fail once more when the interpreter flushes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(_SIGNAL + _SIGPIPE) from error
    except BrokenProcessPool as error:
        tell(f"a process was killed after {seen.lines:,} lines; try fewer --jobs")
        raise typer.Exit(1) from error
    except OSError as error:
        tell(str(error))
        raise typer.Exit(2) from error


def _judge_all(
    file: Path,
    output: Path | None,
    make: Callable[[], LineJudge],
    seen: _Seen,
    *,
    tally: Tally | None,
    jobs: int,
) -> None:
    with ExitStack() as stack:
        source: IO[bytes] = sys.stdin.buffer
        if file != STDIN:
            source = stack.enter_context(file.open("rb"))
        target: IO[bytes] = sys.stdout.buffer
        if output is not None:
            target = stack.enter_context(output.open("wb"))
        lines = seen.counting(read_lines(source))
        judged = stack.enter_context(closing(judge_lines(lines, make, jobs=jobs)))
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
                tally.add(one.label, flagged=one.flagged, kind=one.kind)
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
        tell(line)
    if seen.malformed > len(seen.told):
        tell(f"… and {seen.malformed - len(seen.told):,} more")
    tell(f"{file}: {seen.malformed:,} of {seen.lines:,} lines could not be judged")
