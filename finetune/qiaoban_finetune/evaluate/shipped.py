"""The item sets that come with the package: `finetune/evals` of the repository."""

from __future__ import annotations

from pathlib import Path

from qiaoban_finetune.errors import DataError
from qiaoban_finetune.evaluate.items import TaskName
from qiaoban_guards.policy.types import Language

LANGUAGES: tuple[Language, ...] = ("zh", "en")


def sets_folder() -> Path:
    """Where the shipped sets stand: in the package, else in the repository."""
    packaged = Path(__file__).parents[1] / "evals"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "evals"


def sets_version() -> str:
    """The version of the shipped sets; scores of two versions are not compared."""
    file = sets_folder() / "VERSION"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else "unknown"


def shipped_set(task: TaskName, language: Language) -> Path:
    """The shipped set of a task; DataError where it is absent."""
    file = sets_folder() / task / f"{language}.jsonl"
    if not file.is_file():
        raise DataError(
            f"{file}: the shipped set is absent; install the package whole, or name a file of "
            "your own with --items"
        )
    return file
