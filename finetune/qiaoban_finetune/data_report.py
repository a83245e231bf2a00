"""What a run learns from, counted: for a look before training, and for the run card.

print(report([Source(Path("train.jsonl"), licence="CC BY 4.0")]).table())
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import data_files
from qiaoban_finetune.mixture import Source

UNTOLD = "not told"
"""What stands for a licence that neither the data nor the configuration tells."""


@dataclass(frozen=True, slots=True)
class FileHash:
    """A file as it was when it was read."""

    path: str
    bytes: int
    sha256: str
    """Of the file's bytes, packed where it is packed: what `sha256sum` prints."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """A distribution of whole numbers; percentiles are the nearest rank."""

    total: int
    least: int
    median: int
    p95: int
    most: int


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What one source holds."""

    path: str
    form: str
    share: float
    files: tuple[FileHash, ...]
    dialogues: int
    messages: Mapping[str, int]
    """By role."""
    messages_of_a_dialogue: Lengths
    characters_of_a_message: Lengths
    licences: Mapping[str, int]
    """Dialogues by licence."""
    emotions: Mapping[str, int]
    """Dialogues by emotion, of those that tell one."""
    tasks: Mapping[str, int]
    """Dialogues by task, of those that tell one."""


@dataclass(frozen=True, slots=True)
class DataReport:
    """What a run learns from, source by source."""

    sources: tuple[SourceReport, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, for JSON."""
        return asdict(self)

    def without_licence(self) -> list[str]:
        """The sources of which some dialogue is under no licence that was told."""
        return [source.path for source in self.sources if UNTOLD in source.licences]

    def table(self) -> str:
        """The report as lines of text, one for each source."""
        return "\n".join(_line(source) for source in self.sources)


def report(
    sources: Sequence[Source], *, on_dialogue: Callable[[], object] | None = None
) -> DataReport:
    """Read every source once and count it; `on_dialogue` is called for each, for a progress bar.

    Raises DataError for the first record that cannot be used.
    """
    return DataReport(tuple(_counted(source, on_dialogue) for source in sources))


def hashes(path: Path) -> tuple[FileHash, ...]:
    """SHA-256 of a file, or of every data file of a folder."""
    return tuple(_hash(file) for file in data_files(path))


def _hash(file: Path) -> FileHash:
    try:
        now = file.stat()
        return _hash_of(file, now.st_size, now.st_mtime_ns, now.st_ino)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); give a file") from error


@lru_cache(maxsize=4096)
def _hash_of(file: Path, size: int, changed: int, place: int) -> FileHash:
    """The hash of a file, read once as long as it is the same."""
    del changed, place
    with file.open("rb") as stream:
        return FileHash(str(file), size, hashlib.file_digest(stream, "sha256").hexdigest())


def _counted(source: Source, on_dialogue: Callable[[], object] | None) -> SourceReport:
    roles: Counter[str] = Counter()
    licences: Counter[str] = Counter()
    emotions: Counter[str] = Counter()
    tasks: Counter[str] = Counter()
    turns: Counter[int] = Counter()
    characters: Counter[int] = Counter()
    for dialogue in source.dialogues():
        turns[len(dialogue.messages)] += 1
        for message in dialogue.messages:
            roles[message.role] += 1
            characters[len(message.text)] += 1
        licences[dialogue.licence or UNTOLD] += 1
        emotions[dialogue.emotion] += 1
        tasks[dialogue.task] += 1
        if on_dialogue is not None:
            on_dialogue()
    return SourceReport(
        path=str(source.path),
        form=source.form,
        share=source.share,
        files=hashes(source.path),
        dialogues=sum(turns.values()),
        messages=dict(roles),
        messages_of_a_dialogue=lengths_of(turns),
        characters_of_a_message=lengths_of(characters),
        licences=_ordered(licences),
        emotions=_ordered(emotions),
        tasks=_ordered(tasks),
    )


def _ordered(counts: Counter[str]) -> dict[str, int]:
    """The most frequent first; what is empty was not told."""
    return {name: count for name, count in counts.most_common() if name}


def lengths_of(values: Iterable[int]) -> Lengths:
    """The distribution of whole numbers, of which there is at least one; a Counter is taken so."""
    counts = Counter(values) if not isinstance(values, Counter) else values
    ordered = sorted(counts.items())
    number = sum(counts.values())
    return Lengths(
        total=sum(value * count for value, count in ordered),
        least=ordered[0][0],
        median=_rank(ordered, (number + 1) // 2),
        p95=_rank(ordered, -(-number * 95 // 100)),
        most=ordered[-1][0],
    )


def _rank(ordered: Sequence[tuple[int, int]], rank: int) -> int:
    """The value of which `rank` are as small or smaller."""
    below = accumulate(count for _, count in ordered)
    values = (value for value, _ in ordered)
    return next(value for value, reached in zip(values, below, strict=True) if reached >= rank)


def _line(source: SourceReport) -> str:
    roles = ", ".join(f"{count:,} {role}" for role, count in source.messages.items())
    chars, turns = source.characters_of_a_message, source.messages_of_a_dialogue
    return (
        f"{source.path}: {source.dialogues:,} dialogues of {turns.median} messages (most "
        f"{turns.most}), {roles}; {chars.total:,} characters, {chars.median} a message (p95 "
        f"{chars.p95}, most {chars.most}); {', '.join(source.licences)}; sha256 "
        f"{', '.join(file.sha256[:12] for file in source.files)}"
    )
