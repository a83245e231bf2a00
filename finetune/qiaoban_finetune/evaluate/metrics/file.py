"""A file of replies, or of answers with labels, measured whole."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, cast

from pydantic import Field, ValidationError

from qiaoban_finetune.errors import DataError
from qiaoban_finetune.evaluate.metrics.classification import Classified, classified
from qiaoban_finetune.evaluate.metrics.diversity import distinct
from qiaoban_finetune.evaluate.metrics.overlap import Bleu, bleu4, rouge_l
from qiaoban_finetune.evaluate.metrics.perplexity import Perplexity, perplexity
from qiaoban_finetune.evaluate.metrics.tokens import Cut
from qiaoban_guards.documents import Frozen

_FORM = (
    'a line is {"id", "reply", "references": […]} or, of a classification, '
    '{"id", "task", "label", "answer"}'
)


class _Reply(Frozen):
    id: str | int
    reply: str
    references: tuple[str, ...] = ()


class _Labelled(Frozen):
    id: str | int
    task: Annotated[str, Field(min_length=1)]
    label: Annotated[str, Field(min_length=1)]
    answer: str


class Metrics(Frozen):
    """What a file came to; `cut` says how text was cut into tokens.

    BLEU-4 and ROUGE-L are of the replies that have references, the mean for ROUGE-L.
    """

    cut: Cut
    replies: int = 0
    with_references: int = 0
    bleu4: Bleu | None = None
    rouge_l: float | None = None
    distinct_1: float | None = None
    distinct_2: float | None = None
    perplexity: Perplexity | None = None
    classified: Mapping[str, Classified] = {}


def measure_file(file: Path, cut: Cut = "characters", model: str | None = None) -> Metrics:
    """Measure a file; `model` is for perplexity. DataError names the line that is malformed."""
    replies, labelled = _read(file)
    referred = [one for one in replies if one.references]
    said = [one.reply for one in replies]
    return Metrics(
        cut=cut,
        replies=len(replies),
        with_references=len(referred),
        bleu4=bleu4([r.reply for r in referred], [r.references for r in referred], cut)
        if referred
        else None,
        rouge_l=sum(rouge_l(r.reply, r.references, cut) for r in referred) / len(referred)
        if referred
        else None,
        distinct_1=distinct(said, 1, cut),
        distinct_2=distinct(said, 2, cut),
        perplexity=perplexity(said, model) if model and said else None,
        classified=_by_task(labelled),
    )


def _by_task(labelled: Sequence[_Labelled]) -> dict[str, Classified]:
    tasks: dict[str, list[_Labelled]] = defaultdict(list)
    for one in labelled:
        tasks[one.task].append(one)
    return {
        task: classified([one.label for one in rows], [one.answer for one in rows])
        for task, rows in tasks.items()
    }


def _read(file: Path) -> tuple[list[_Reply], list[_Labelled]]:
    replies: list[_Reply] = []
    labelled: list[_Labelled] = []
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise DataError(f"{file}: cannot be read ({error}); save it as UTF-8 text") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            given: object = json.loads(line)
            keys = set(cast("dict[str, object]", given)) if isinstance(given, dict) else set[str]()
            if "label" in keys or "answer" in keys:
                labelled.append(_Labelled.model_validate(given))
            else:
                replies.append(_Reply.model_validate(given))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(str(part) for part in first["loc"])
            raise DataError(f"{file}:{number}: {key}: {first['msg']}; {_FORM}") from error
        except (ValueError, RecursionError) as error:
            raise DataError(f"{file}:{number}: not JSON ({error}); {_FORM}") from error
    if not replies and not labelled:
        raise DataError(f"{file}: holds nothing to measure; {_FORM}")
    return replies, labelled
