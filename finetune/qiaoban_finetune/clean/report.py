"""What became of every dialogue, counted, with a few samples of each reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from qiaoban_finetune.clean.outcome import Outcome
from qiaoban_guards.pii.finder import finder_of
from qiaoban_guards.pii.redact import Redactor

SAMPLES = 10
"""Of each reason; the first ones in the order of the input."""
_LONGEST = 160


@dataclass(slots=True)
class Report:
    """Counts over a whole cleaning; samples are shown without personal data."""

    records: int = 0
    kept: int = 0
    gone: Counter[str] = field(default_factory=Counter[str])
    """Dialogues that are not there any more, by reason."""
    changed: Counter[str] = field(default_factory=Counter[str])
    """What was changed or found in others, by what; one dialogue may have several."""
    samples: dict[str, list[dict[str, Any]]] = field(
        default_factory=dict[str, list[dict[str, Any]]]
    )

    def add(self, outcome: Outcome) -> None:
        """Count one record."""
        self.records += 1
        if outcome.dialogue is not None:
            self.kept += 1
        else:
            self.gone[outcome.reason] += 1
            self._sample(outcome.reason, outcome, outcome.sample)
        for note in outcome.notes:
            self.changed[note.what] += note.count
            self._sample(note.what, outcome, note.sample)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, for JSON."""
        redactor = Redactor(finder_of().find)
        return {
            "records": self.records,
            "kept": self.kept,
            "gone": dict(sorted(self.gone.items(), key=_most_first)),
            "changed": dict(sorted(self.changed.items(), key=_most_first)),
            "samples": {
                what: [{**one, "text": _shown(one["text"], redactor)} for one in samples]
                for what, samples in sorted(self.samples.items())
            },
        }

    def _sample(self, what: str, outcome: Outcome, text: str) -> None:
        samples = self.samples.setdefault(what, [])
        if len(samples) < SAMPLES and text:
            where = {"id": outcome.id, "file": outcome.file, "line": outcome.line}
            samples.append({**where, "text": text[: 4 * _LONGEST]})


def as_text(report: dict[str, Any]) -> str:
    """A report for people to read."""
    lines = [f"{report['records']:,} records, {report['kept']:,} kept", ""]
    for title, counts in (("gone", report["gone"]), ("changed or found", report["changed"])):
        lines += [title, *(f"  {count:>9,}  {what}" for what, count in counts.items()), ""]
    for what, samples in report["samples"].items():
        lines.append(what)
        lines += [f"  {one['file']}:{one['line']} {one['id']}: {one['text']}" for one in samples]
        lines.append("")
    return "\n".join(lines)


def _most_first(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]


def _shown(text: str, redactor: Redactor) -> str:
    """A sample on one line, redacted whole and then cut: half a number could not be told."""
    whole = redactor.redact([text]).texts[0]
    line = " ".join(whole.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
