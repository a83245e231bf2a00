"""A run as it is kept: every item with what was said and scored, and what the run was made with.

`result.json` in the run's folder. inspect's own logs stand beside it and hold the same, for its
viewer.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from qiaoban_finetune.errors import DataError
from qiaoban_finetune.evaluate.measures import Measure
from qiaoban_finetune.evaluate.subjects import SubjectCard
from qiaoban_finetune.evaluate.talk import Talk
from qiaoban_guards.documents import Frozen
from qiaoban_guards.policy.types import Language

RESULT = "result.json"
FORM = 1


class ItemResult(Frozen):
    """One item: `labels` sort it in a report; `error` says why it was not scored.

    `why` holds what a judge gave as its reason, by measure.
    """

    id: str
    group: str
    age: int
    labels: Mapping[str, str]
    talk: Talk | None = None
    values: Mapping[str, float | None] = {}
    why: Mapping[str, str] = {}
    error: str = ""


class Kappa(Frozen):
    """Weighted κ of a judge with people on one criterion, with its 95 % interval.

    `among_people` is the same between the people, where two of them judged one reply.
    """

    value: float
    low: float
    high: float
    replies: int
    raters: int
    among_people: float | None = None


class JudgeCard(Frozen):
    """A judge and how it was asked; `agreement` by criterion, none where it is not known."""

    name: str
    protocol: str
    temperature: float
    samples: int
    agreement: Mapping[str, Kappa] = {}


class TaskResult(Frozen):
    """One task in one language; `items_version` is of the shipped sets, or the file's digest."""

    task: str
    language: Language
    measures: tuple[Measure, ...]
    headline: str
    items_from: str
    items_version: str
    items: tuple[ItemResult, ...]

    @property
    def key(self) -> str:
        """What it is compared under."""
        return f"{self.task}-{self.language}"


class Run(Frozen):
    """All tasks of one run of one subject."""

    form: int = FORM
    subject: SubjectCard
    made: str
    """The moment, ISO 8601 in UTC."""
    library: str
    """The version of the library."""
    results: tuple[TaskResult, ...]
    judges: tuple[JudgeCard, ...] = ()
    settings: Mapping[str, str] = {}


def write_run(run: Run, folder: Path) -> Path:
    """Write a run into its folder; the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / RESULT
    file.write_text(run.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return file


def load_run(path: Path) -> Run:
    """Read a run: its folder, or its file. DataError where it is none."""
    file = path / RESULT if path.is_dir() else path
    try:
        return Run.model_validate_json(file.read_bytes())
    except OSError as error:
        raise DataError(
            f"{path}: no run is here ({error.strerror or error}); name the folder that `qiaoban "
            f"evaluate run --out` wrote, or the {RESULT} in it"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"{file}: is no run of this version ({key}: {first['msg']}); evaluate again"
        ) from error
