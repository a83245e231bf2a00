"""A cleaning from files to files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Literal

from qiaoban_finetune.clean import local, on_ray
from qiaoban_finetune.clean.config import CleanConfig
from qiaoban_finetune.clean.outcome import Outcome
from qiaoban_finetune.clean.report import Report, as_text
from qiaoban_finetune.clean.source import raw_records
from qiaoban_finetune.collect.naming import write_text
from qiaoban_finetune.dialogue import Dialogue
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import write
from qiaoban_finetune.formats.ids import Seen

Engine = Literal["local", "ray"]


def clean(
    source: Path,
    output: Path,
    config: CleanConfig,
    *,
    engine: Engine = "local",
    jobs: int = 1,
    told: Callable[[Outcome], object] | None = None,
) -> Report:
    """Clean a file or folder into `output` (OpenAI's chat format, `.gz` packs it).

    Beside it `OUTPUT.report.json` and `OUTPUT.report.txt` tell what became of every dialogue.
    `told` is called for each record. Raises DataError where nothing is left, for a source that is
    not there, and for an output within the source; nothing is written then but the report.
    """
    if _within(output, source):
        raise DataError(f"{output}: would be read as part of {source}; write it elsewhere")
    if engine == "ray":
        found = on_ray.outcomes(source, config)
    else:
        found = local.outcomes(raw_records(source), config, jobs=jobs)
    report = Report()
    kept = _kept(_reported(found, report, told))
    first = next(kept, None)
    if first is not None:
        write(chain([first], kept), output, "openai")
    plain = report.as_dict()
    write_text(
        _beside(output, ".report.json"), json.dumps(plain, ensure_ascii=False, indent=2) + "\n"
    )
    write_text(_beside(output, ".report.txt"), as_text(plain))
    if first is None:
        raise DataError(
            f"{source}: no dialogue is left; {_beside(output, '.report.txt')} tells why"
        )
    return report


def _reported(
    found: Iterable[Outcome], report: Report, told: Callable[[Outcome], object] | None
) -> Iterator[Outcome]:
    for outcome in found:
        report.add(outcome)
        if told is not None:
            told(outcome)
        yield outcome


def _kept(found: Iterable[Outcome]) -> Iterator[Dialogue]:
    """The dialogues, each with an id of its own."""
    seen = Seen()
    for outcome in found:
        if outcome.dialogue is None:
            continue
        name = outcome.dialogue.id
        while not seen.add(name):
            name = f"{outcome.dialogue.id}#{outcome.number}"
        yield replace(outcome.dialogue, id=name)


def _beside(output: Path, suffix: str) -> Path:
    return output.with_name(output.name.removesuffix(".gz").removesuffix(".jsonl") + suffix)


def _within(output: Path, source: Path) -> bool:
    if source.is_dir():
        return output.absolute().parent.resolve() == source.resolve()
    return output.absolute().resolve() == source.absolute().resolve()
