"""Every answer of a run, durable before anything is done with it.

JSON Lines, appended to and never rewritten, rather than a database: any tool reads it, a line that
was torn by a crash can only be the last one, and one fsync makes durable all that came in while the
last one ran. In memory is only where each answer stands.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from qiaoban_finetune.collect.asking import Answer, End, Request
from qiaoban_finetune.errors import DataError


@dataclass(frozen=True, slots=True)
class Recorded:
    """One answer as it is kept: of which task, which step of it, and to what."""

    task: int
    step: int
    request: str
    """`fingerprint` of what was asked."""
    text: str
    end: End
    input_tokens: int
    output_tokens: int

    @property
    def answer(self) -> Answer:
        """What the recipe is sent."""
        return Answer(self.text, self.end)


def fingerprint(request: Request) -> str:
    """64 bits of what is asked, in hexadecimal."""
    told = json.dumps([request.messages, request.stop, request.max_tokens], sort_keys=True)
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


class Journal:
    """The answers in a file; within it as an async context manager, answers can be added.

    Raises DataError for a line that is no record, unless it is the last one and was torn.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.input_tokens = self.output_tokens = 0
        self._places: dict[int, dict[int, tuple[int, int]]] = {}
        self._waiting: list[tuple[bytes, Recorded, asyncio.Future[None]]] = []
        self._wanted = asyncio.Event()
        self._closing = False
        self._flusher: asyncio.Task[None] | None = None
        self._end = 0
        if file.exists():
            self._read()
        self._handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._handle, self._end)

    def __len__(self) -> int:
        return sum(map(len, self._places.values()))

    async def __aenter__(self) -> Journal:
        _make_durable(self.file.parent)
        self._flusher = asyncio.create_task(self._flush())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        self._wanted.set()
        if self._flusher is not None:
            await self._flusher

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def recorded(self, task: int, step: int) -> Recorded | None:
        """The answer to a step of a task, None where there is none."""
        found = self._places.get(task, {}).get(step)
        if found is None:
            return None
        place, length = found
        return Recorded(**json.loads(os.pread(self._handle, length, place)))

    async def add(self, record: Recorded) -> None:
        """Keep an answer; it is durable when this returns. OSError where it cannot be."""
        line = json.dumps(asdict(record), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append((line, record, kept))
        self._wanted.set()
        await kept

    async def _flush(self) -> None:
        """Write all that waits, again and again, on a thread: the calls go on meanwhile."""
        while not self._closing or self._waiting:
            await self._wanted.wait()
            self._wanted.clear()
            waiting, self._waiting = self._waiting, []
            if not waiting:
                continue
            try:
                await asyncio.to_thread(self._append, b"".join(line for line, _, _ in waiting))
            except OSError as error:
                _fail(waiting, error)
                continue
            for line, record, kept in waiting:
                self._count((self._end, len(line)), record)
                self._end += len(line)
                if not kept.done():
                    kept.set_result(None)

    def _append(self, data: bytes) -> None:
        written = 0
        while written < len(data):
            written += os.pwrite(self._handle, data[written:], self._end + written)
        os.fsync(self._handle)

    def _count(self, place: tuple[int, int], record: Recorded) -> None:
        self._places.setdefault(record.task, {}).setdefault(record.step, place)
        self.input_tokens += record.input_tokens
        self.output_tokens += record.output_tokens

    def _read(self) -> None:
        """Find the records of the file; `_end` is then the end of the last whole one."""
        with self.file.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if not line.endswith(b"\n"):
                    return  # torn: it was being written when the process was killed
                try:
                    record = Recorded(**json.loads(line))
                except (ValueError, TypeError) as error:
                    raise DataError(
                        f"{self.file}:{number}: is no recorded answer ({error}); restore the file, "
                        "or remove the line to have it asked again"
                    ) from error
                self._count((self._end, len(line)), record)
                self._end += len(line)


def _fail(waiting: Iterable[tuple[bytes, Recorded, asyncio.Future[None]]], error: OSError) -> None:
    for _, _, kept in waiting:
        if not kept.done():
            kept.set_exception(error)


def _make_durable(folder: Path) -> None:
    """A new file's name, as far as the system can: not every one opens folders."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
