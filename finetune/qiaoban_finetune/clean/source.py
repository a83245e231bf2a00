"""Records as they stand in files, also those that cannot be read: they are counted, not fatal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qiaoban_finetune.formats import data_files
from qiaoban_finetune.reading import LONGEST_RECORD, opened, records

_PART = 1 << 22
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Raw:
    """One record: its text as JSON, and where it stands."""

    file: str
    line: int
    number: int
    text: bytes

    def value(self) -> Any:
        """The record; ValueError for what is no JSON."""
        return json.loads(self.text.decode("utf-8-sig"))


@dataclass(frozen=True, slots=True)
class Part:
    """Some records of a file that can be read by themselves: from `start` on, to byte `end`.

    `line` and `number` are those of the first one. A file that is an array or packed is one part.
    """

    file: str
    start: int
    end: int
    line: int
    number: int


def parts(path: Path, size: int = _PART) -> Iterator[Part]:
    """The parts of a file or folder, each of about `size` bytes, as `raw_records` numbers them."""
    number = 1
    for file in data_files(path):
        if _is_array(file) or _is_packed(file):
            yield Part(str(file), 0, 0, 1, number)
            number += sum(1 for _ in _in_file(file))
            continue
        begin = at = 0
        first = line = 1
        held = 0
        for text in _lines(file):
            at, line, held = at + len(text), line + 1, held + (not text.isspace())
            if at - begin >= size:
                yield Part(str(file), begin, at, first, number)
                begin, first, number, held = at, line, number + held, 0
        if at > begin:
            yield Part(str(file), begin, at, first, number)
            number += held


def records_of(part: Part) -> Iterator[Raw]:
    """The records of a part."""
    found = _in_file(Path(part.file)) if not part.end else _between(part)
    for number, (line, text) in enumerate(found, part.number):
        yield Raw(part.file, line, number, text)


def _between(part: Part) -> Iterator[tuple[int, bytes]]:
    with Path(part.file).open("rb") as stream:
        stream.seek(part.start)
        line = part.line
        while stream.tell() < part.end and (text := stream.readline(LONGEST_RECORD)):
            if not text.isspace():
                yield line, text
            line += 1


def raw_records(path: Path) -> Iterator[Raw]:
    """Every record of a file, or of a folder's files by name; DataError for what is no such file.

    Of JSON Lines a line that is no JSON is given as it is; an array has to be whole.
    """
    number = 0
    for file in data_files(path):
        for line, text in _in_file(file):
            number += 1
            yield Raw(str(file), line, number, text)


def _in_file(file: Path) -> Iterator[tuple[int, bytes]]:
    if _is_array(file):
        for record, place in records(file):
            yield place.line, json.dumps(record, ensure_ascii=False).encode("utf-8", "replace")
        return
    for line, text in enumerate(_lines(file), 1):
        if not text.isspace():
            yield line, text


def _lines(file: Path) -> Iterator[bytes]:
    with opened(file) as stream:
        while text := stream.readline(LONGEST_RECORD):
            yield text


def _is_packed(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(2) == _GZIP


def _is_array(file: Path) -> bool:
    for text in _lines(file):
        if head := text.strip(b"\xef\xbb\xbf \t\r\n"):
            return head.startswith(b"[")
    return False
