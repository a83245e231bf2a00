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
from functools import lru_cache
from itertools import chain, islice
from multiprocessing import get_context, parent_process
from typing import IO, TypeAlias

from qiaoban_guards.risk.classifier import RiskClassifier
from qiaoban_guards.risk.fragments import Guard
from qiaoban_guards.risk.lines import LONGEST_LINE, Judged, judge
from qiaoban_guards.risk.taxonomy import RiskLevel

__all__ = ["Guard", "Judged", "judge", "judge_lines", "read_lines"]

_CHUNK_LINES = 32
_CHUNK_BYTES = 1 << 20

Numbered: TypeAlias = tuple[int, bytes]
_stops: list[c_bool] = []
"""In a process that works for another: what the other sets when it wants no more."""


def read_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a stream; of one beyond LONGEST_LINE only its beginning is kept."""
    while line := stream.readline(LONGEST_LINE + 1):
        rest = line
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE + 1)
        yield line


def judge_lines(
    lines: Iterable[bytes],
    *,
    flag_from: RiskLevel = RiskLevel.MODERATE,
    jobs: int = 1,
    guard: Callable[[], Guard] = RiskClassifier.shipped,
) -> Generator[Judged]:
    """Judge every line that is not blank, in order.

    With one job each line is judged as soon as it is read. With more, chunks of lines go to `jobs`
    fresh processes (a script that calls this needs `if __name__ == "__main__"`), each of which
    makes its own `guard`, so that it must be importable by name. Memory does not grow with the
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
            yield from _judge_in_processes(chain(first, chunks), len(first), flag_from, guard)
            return
    ready = guard()
    for number, line in chain(chain.from_iterable(first), numbered):
        yield judge(line, number, ready, flag_from)


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
    chunks: Iterable[Sequence[Numbered]],
    jobs: int,
    flag_from: RiskLevel,
    guard: Callable[[], Guard],
) -> Iterator[Judged]:
    # Forking would copy locks that the caller's other threads hold at that moment.
    context = get_context("spawn")
    stop = context.RawValue(c_bool, False)
    pool = ProcessPoolExecutor(jobs, context, _work_for_parent, (stop,))
    waiting: deque[Future[list[Judged]]] = deque()
    try:
        for chunk in chunks:
            with _interrupts_held():
                waiting.append(pool.submit(_judge_chunk, chunk, flag_from, guard))
            if len(waiting) > 2 * jobs:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        stop.value = True
        pool.shutdown(wait=True, cancel_futures=True)


def _judge_chunk(
    chunk: Sequence[Numbered], flag_from: RiskLevel, guard: Callable[[], Guard]
) -> list[Judged]:
    ready, judged = _made(guard), list[Judged]()
    for number, line in chunk:
        if any(stop.value for stop in _stops):
            break  # nobody waits for the rest
        judged.append(judge(line, number, ready, flag_from))
    return judged


@lru_cache(maxsize=1)
def _made(guard: Callable[[], Guard]) -> Guard:
    return guard()


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


def _work_for_parent(stop: c_bool) -> None:
    """Leave ctrl-c to the parent, and do not outlive it, however it ends."""
    _stops.append(stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)
