"""Judging many lines of JSON: in order, in constant memory, on as many cores as wanted.

A line that cannot be judged is never dropped: its error stands in its place.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from ctypes import c_bool
from functools import cached_property
from itertools import chain, islice
from multiprocessing import get_context, parent_process
from typing import TypeAlias

from qiaoban_guards.batch.lines import LONGEST_LINE, Judged, LineJudge, judge_line

_CHUNK_LINES = 32
_CHUNK_BYTES = 1 << 20

Numbered: TypeAlias = tuple[int, bytes]


def judge_lines(
    lines: Iterable[bytes], make: Callable[[], LineJudge], *, jobs: int = 1
) -> Generator[Judged]:
    """Judge every line that is not blank, in order, by what `make` makes.

    With one job each line is judged as soon as it is read. With more, chunks of lines go to `jobs`
    fresh processes (a script that calls this needs `if __name__ == "__main__"`), each of which
    makes its own judge, so that `make` must be importable by name. Memory does not grow with the
    input. Raises BrokenProcessPool where a process was killed.
    """
    numbered = (
        (number, line)
        for number, line in enumerate(lines, start=1)
        if len(line) > LONGEST_LINE or line.strip()  # what follows a long blank was not read
    )
    first: list[Sequence[Numbered]] = []
    if jobs > 1:
        chunks = _chunks(numbered)
        first = list(islice(chunks, jobs))
        if len(first) > 1:
            yield from _judge_in_processes(chain(first, chunks), len(first), make)
            return
    judge = make()
    for number, line in chain(chain.from_iterable(first), numbered):
        yield judge_line(line, number, judge)


def _chunks(numbered: Iterator[Numbered]) -> Iterator[Sequence[Numbered]]:
    """Lines put together, so that handing them over costs little; few enough to be held."""
    chunk: list[Numbered] = []
    size = 0
    for number, line in numbered:
        chunk.append((number, line))
        size += len(line)
        if len(chunk) >= _CHUNK_LINES or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _judge_in_processes(
    chunks: Iterable[Sequence[Numbered]], jobs: int, make: Callable[[], LineJudge]
) -> Iterator[Judged]:
    # Forking would copy locks that the caller's other threads hold at that moment.
    context = get_context("spawn")
    stop = context.RawValue(c_bool, False)
    pool = ProcessPoolExecutor(jobs, context, _work_for_parent, (stop, make))
    waiting: deque[Future[list[Judged]]] = deque()
    try:
        for chunk in chunks:
            with _interrupts_held():
                waiting.append(pool.submit(_judge_chunk, chunk))
            if len(waiting) > 2 * jobs:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        stop.value = True
        pool.shutdown(wait=True, cancel_futures=True)


class _Work:
    """What a process that works for another was given; `stop` is set when no more is wanted."""

    def __init__(self, stop: c_bool, make: Callable[[], LineJudge]) -> None:
        self.stop, self._make = stop, make

    @cached_property
    def judge(self) -> LineJudge:
        """The judge, made when the first line comes."""
        return self._make()


_works: list[_Work] = []
"""In a process that works for another: its work."""


def _judge_chunk(chunk: Sequence[Numbered]) -> list[Judged]:
    work, judged = _works[0], list[Judged]()
    for number, line in chunk:
        if work.stop.value:
            break  # nobody waits for the rest
        judged.append(judge_line(line, number, work.judge))
    return judged


@contextmanager
def _interrupts_held() -> Generator[None]:
    """A process that is started in here is deaf to ctrl-c from its first moment on."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work_for_parent(stop: c_bool, make: Callable[[], LineJudge]) -> None:
    """Leave ctrl-c to the parent, and do not outlive it, however it ends."""
    _works.append(_Work(stop, make))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)
