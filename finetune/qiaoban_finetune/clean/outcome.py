"""What became of one record."""

from __future__ import annotations

from dataclasses import dataclass, field

from qiaoban_finetune.dialogue import Dialogue


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was found or changed, to be counted; `sample` shows where."""

    what: str
    sample: str = ""
    count: int = 1


@dataclass(slots=True)
class Outcome:
    """A record behind the steps: a dialogue, or the reason for which there is none."""

    number: int
    """Of the record, from 1, over all files."""
    file: str
    line: int
    id: str = ""
    dialogue: Dialogue | None = None
    reason: str = ""
    sample: str = ""
    """What shows the reason."""
    notes: list[Note] = field(default_factory=list[Note])
    signature: bytes = b""
    """Of a dialogue that is there: its MinHash, 4 bytes a number."""

    def gone(self, reason: str, sample: str = "") -> Outcome:
        """The record goes."""
        self.dialogue, self.reason, self.sample, self.signature = None, reason, sample, b""
        return self
