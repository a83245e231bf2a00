"""Cleaning on this machine: dialogues go to as many processes as wanted, and come back in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import chain, islice
from multiprocessing import get_context

from qiaoban_finetune.clean.config import CleanConfig
from qiaoban_finetune.clean.outcome import Outcome
from qiaoban_finetune.clean.signatures import NearDuplicates
from qiaoban_finetune.clean.source import Raw
from qiaoban_finetune.clean.steps import DUPLICATE, Cleaner

_CHUNK = 32
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Each process is a core's whole work: threads within it would only wait for each other."""
_cleaners: list[Cleaner] = []
"""In a process that works for another: its cleaner."""


def outcomes(raws: Iterable[Raw], config: CleanConfig, *, jobs: int = 1) -> Iterator[Outcome]:
    """What becomes of every record, in their order, near-duplicates told.

    Memory does not grow with the records, but for the signatures. A script that calls this with
    more than one job needs `if __name__ == "__main__"`. Raises BrokenProcessPool where a process
    was killed.
    """
    chunks = _chunks(iter(raws))
    first = list(islice(chunks, 2))
    if jobs > 1 and len(first) > 1:
        cleaned = _in_processes(chain(first, chunks), config, jobs)
    else:
        cleaner = Cleaner(config)
        every = chain.from_iterable(chain(first, chunks))
        cleaned = (cleaner.clean(raw) for raw in every)
    return without_duplicates(cleaned, config)


def without_duplicates(cleaned: Iterable[Outcome], config: CleanConfig) -> Iterator[Outcome]:
    """The outcomes, of which those that are nearly an earlier one are gone."""
    near = config.near_duplicates
    if near is None:
        yield from cleaned
        return
    seen = NearDuplicates(near.threshold, near.permutations)
    ids: dict[int, str] = {}
    for outcome in cleaned:
        if outcome.dialogue is not None:
            first = seen.add(outcome.number, outcome.signature)
            ids[outcome.number] = outcome.id
            if first is not None:
                outcome.gone(DUPLICATE, duplicate_sample(outcome, ids[first]))
        yield outcome


def duplicate_sample(outcome: Outcome, first: str) -> str:
    """What shows that a dialogue is nearly another."""
    said = outcome.dialogue.messages if outcome.dialogue else ()
    opening = next((message.text for message in said if message.role == "user"), "")
    return f"as {first}: {opening}"


def _chunks(raws: Iterator[Raw]) -> Iterator[list[Raw]]:
    while chunk := list(islice(raws, _CHUNK)):
        yield chunk


def _in_processes(
    chunks: Iterable[Sequence[Raw]], config: CleanConfig, jobs: int
) -> Iterator[Outcome]:
    with _one_thread_each():
        pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (config,))
        waiting: deque[Future[list[Outcome]]] = deque()
        try:
            for chunk in chunks:
                waiting.append(pool.submit(_clean, chunk))
                if len(waiting) > 3 * jobs:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _one_thread_each() -> Generator[None]:
    """Processes that are started in here compute on one thread."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _begin(config: CleanConfig) -> None:
    _cleaners.append(Cleaner(config))


def _clean(chunk: Sequence[Raw]) -> list[Outcome]:
    return [_cleaners[0].clean(raw) for raw in chunk]
