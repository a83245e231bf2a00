"""JSON records out of files of any size, one at a time, each with where it stands.

    for record, place in records(Path("train.jsonl.gz")):
        ...

A file is JSON Lines or one JSON array, told apart by its first character, plain or gzipped. What
is in memory is one record and a window of text, however long the file is. Records are found with
the standard library's decoder: it is as fast here as a streaming parser in C, and unlike that one
it tells on which line a record begins.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import re
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from qiaoban_finetune.errors import DataError

LONGEST_RECORD = 2**26
"""Bytes of one record; a longer one is taken for a file that is not what its first line says."""
_WINDOW = 2**20
_GZIP = b"\x1f\x8b"
_LFS_POINTER = b"version https://git-lfs"
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_CUT_AT_MOST = 12
"""How many characters before the end a token that was cut in two may begin: `\\ud83d\\ude0`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands; lines and records are counted from 1."""

    file: Path
    line: int
    record: int

    def refused(self, problem: str, key: str = "") -> DataError:
        """The error that tells of a problem at a key of this record."""
        where = f"{self.file}:{self.line} (record {self.record})"
        return DataError(f"{where}: {key}: {problem}" if key else f"{where}: {problem}")


def records(file: Path) -> Iterator[tuple[Any, Place]]:
    """Every JSON value of a file's lines or of its array, with its place.

    Raises DataError for a file that is no UTF-8, no JSON, cut off, damaged or empty.
    """
    number = 0
    try:
        with opened(file) as stream:
            for number, (value, line) in enumerate(_values(stream, file), 1):
                yield value, Place(file, line, number)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{file}: cannot be read behind record {number} ({error}); fetch it again"
        ) from error
    if not number:
        raise DataError(f"{file}: is empty; give a file with at least one dialogue")


@contextmanager
def opened(file: Path) -> Generator[BinaryIO]:
    """A file's bytes, unpacked where they are gzipped; DataError if it cannot be opened."""
    try:
        raw = file.open("rb")
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); give a file") from error
    with raw:
        if raw.peek(2)[:2] == _GZIP:
            yield cast("BinaryIO", io.BufferedReader(gzip.GzipFile(fileobj=raw), _WINDOW))
        else:
            yield raw


def _values(stream: BinaryIO, file: Path) -> Iterator[tuple[Any, int]]:
    """The values with the lines they begin on."""
    raw = stream.readline(_WINDOW)
    line, head = 1, raw.removeprefix(codecs.BOM_UTF8)
    before = len(raw) - len(head)
    _refuse_other_files(head, file)
    while head and not head.strip():
        before, line = before + len(head), line + head.count(b"\n")
        head = stream.readline(_WINDOW)
    if head.lstrip().startswith(b"["):
        yield from _array(_Window(stream, head, Place(file, line, 1), before))
    elif head:
        yield from _lines(stream, head, line, file)


def _refuse_other_files(head: bytes, file: Path) -> None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{file}:1: is UTF-16; save it as UTF-8")
    if head.startswith(_LFS_POINTER):
        raise DataError(f"{file}:1: is a Git LFS pointer, not the data; run `git lfs pull`")


def _lines(stream: BinaryIO, head: bytes, line: int, file: Path) -> Iterator[tuple[Any, int]]:
    raw = head if head.endswith(b"\n") else head + stream.readline(LONGEST_RECORD)
    begin = line
    while raw:
        if len(raw) >= LONGEST_RECORD:
            raise DataError(f"{file}:{line}: no line ends within {LONGEST_RECORD} bytes")
        if not raw.isspace():
            yield _line(raw, line, file, first=line == begin), line
        line, raw = line + 1, stream.readline(LONGEST_RECORD)


def _line(raw: bytes, line: int, file: Path, *, first: bool) -> Any:
    try:
        text = str(raw, "utf-8")
        value = json.loads(text)
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            raise _cut_off(file, line, error.reason) from error
        raise _no_utf8(file, line, error.start + 1, "of the line") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError) and _ends_early(error):
            raise _unfinished(
                error, file, line, last=not raw.endswith(b"\n"), first=first
            ) from error
        raise DataError(
            f"{file}:{line}: no valid JSON: {error}; mend the line or leave it out"
        ) from error
    _refuse_halves(value, text, 0, len(text), f"{file}:{line}")
    return value


def _unfinished(
    error: json.JSONDecodeError, file: Path, line: int, *, last: bool, first: bool
) -> DataError:
    if last:
        return _cut_off(file, line, error.msg)
    remedy = "; an array of records begins with [" if first else ""
    return DataError(
        f"{file}:{line}: no valid JSON: {error.msg}; a record has to stand on one line{remedy}"
    )


class _Window:
    """The text of a file, a part of it at a time: `at` is how far it was read, `line` where."""

    def __init__(self, stream: BinaryIO, head: bytes, place: Place, before: int) -> None:
        """`head` was read from the stream, behind `before` other bytes."""
        self.file, self.line, self.text, self.at = place.file, place.line, "", 0
        self._stream, self._bytes = stream, before
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._take(head)

    def fill(self) -> bool:
        """Forget what was read and take more of the file; False at its end."""
        pending = len(self.text) - self.at
        if pending > LONGEST_RECORD:
            raise DataError(f"{self.file}:{self.line}: no end within {LONGEST_RECORD} characters")
        # As much again as is waiting: a long record is not looked through more than twice over.
        more = self._stream.read(max(_WINDOW, pending))
        self._take(more)
        return bool(more)

    def next(self) -> str:
        """The next character that is no space; empty at the end of the file."""
        while True:
            found = _SPACE.match(self.text, self.at)
            self.skip_to(found.end() if found else self.at)
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.fill():
                return ""

    def skip_to(self, at: int) -> None:
        """Take the text before `at` as read."""
        self.line += self.text.count("\n", self.at, at)
        self.at = at

    def value(self) -> Any:
        """The JSON value that begins here."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                if not (_may_go_on(error) and self.fill()):
                    raise self._malformed(error) from error
            except (ValueError, RecursionError) as error:
                raise DataError(f"{self.file}:{self.line}: no valid JSON: {error}") from error
            else:
                where = f"{self.file}:{self.line}"
                _refuse_halves(value, self.text, self.at, end, where)
                self.skip_to(end)
                return value

    def _malformed(self, error: json.JSONDecodeError) -> DataError:
        if _ends_early(error):
            return _cut_off(self.file, self.line, error.msg)
        line = self.line + self.text.count("\n", self.at, error.pos)
        return DataError(f"{self.file}:{line}: no valid JSON: {error.msg}; mend the record")

    def _take(self, raw: bytes) -> None:
        try:
            text = self._decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            line = self.line + self.text.count("\n", self.at)
            if not raw:
                raise _cut_off(self.file, line, error.reason) from error
            unread = error.object
            line += unread.count(b"\n", 0, error.start)
            byte = self._bytes + len(raw) - len(unread) + error.start + 1
            raise _no_utf8(self.file, line, byte, "of the file") from error
        self._bytes += len(raw)
        self.text = self.text[self.at :] + text
        self.at = 0


def _array(window: _Window) -> Iterator[tuple[Any, int]]:
    window.next()
    window.skip_to(window.at + 1)
    following = window.next()
    while following not in ("]", ""):
        line = window.line
        yield window.value(), line
        following = window.next()
        if following == ",":
            window.skip_to(window.at + 1)
            following = window.next()
            if following == "]":
                raise DataError(
                    f"{window.file}:{window.line}: a comma stands before the closing ]; remove it"
                )
        elif following not in ("]", ""):
            raise DataError(
                f"{window.file}:{window.line}: {following!r} stands between two records; "
                "write a comma"
            )
    if not following:
        raise DataError(
            f"{window.file}:{window.line}: the array has no closing ]; the file is cut off, "
            "fetch it again"
        )
    window.skip_to(window.at + 1)
    if window.next():
        raise DataError(
            f"{window.file}:{window.line}: more stands behind the closing ]; a file holds one "
            "array, or a record on each line"
        )


def _may_go_on(error: json.JSONDecodeError) -> bool:
    """Whether more text could make it valid."""
    return error.msg.startswith("Unterminated") or error.pos >= len(error.doc) - _CUT_AT_MOST


def _ends_early(error: json.JSONDecodeError) -> bool:
    """Whether all that is wrong is that the text ends, be it within a word or a number."""
    rest = error.doc[error.pos :].rstrip() if _may_go_on(error) else error.doc
    return (
        error.msg.startswith("Unterminated")
        or not rest.strip(".eE+-")
        or any(word.startswith(rest) for word in ("true", "false", "null"))
        or (error.msg.startswith("Invalid \\u") and len(rest) < len("\\u0000"))
    )


def _cut_off(file: Path, line: int, reason: str) -> DataError:
    return DataError(
        f"{file}:{line}: the file is cut off inside this record ({reason}); fetch it again"
    )


def _no_utf8(file: Path, line: int, byte: int, of: str) -> DataError:
    return DataError(f"{file}:{line}: byte {byte} {of} is no UTF-8; save the file as UTF-8")


def _refuse_halves(value: Any, text: str, start: int, end: int, where: str) -> None:
    """Refuse half a surrogate pair, which JSON can escape and no tokenizer can take."""
    if text.find("\\ud", start, end) < 0 and text.find("\\uD", start, end) < 0:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise DataError(
            f"{where}: {half!r} is half of a character; write the other half too"
        ) from error
