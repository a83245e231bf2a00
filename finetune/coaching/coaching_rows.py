"""The coaching corpus, read: what children say, what assistants say, and their labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.cues import Cue
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_guards.policy.schema import Language

CORPUS = Path(__file__).parent / "corpus"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    group: str
    split: Literal["train", "test"]

    @property
    def held_out(self) -> bool:
        """Whether the row is there to be measured on."""
        return self.split == "test"


class EmotionRow(_Row):
    """A child's message, what it feels, how strongly (0–3), and the words that tell why."""

    emotion: Emotion
    intensity: Literal[0, 1, 2, 3]
    cause: str
    also: tuple[Emotion, ...]


class CueRow(_Row):
    """A child's message after `before`, and what it does in the conversation."""

    before: str
    cues: frozenset[Cue]


class ActRow(_Row):
    """An assistant's sentence and the coaching acts in it."""

    acts: frozenset[CoachingAct]


_AnyRow = TypeVar("_AnyRow", bound=_Row)
_KINDS: dict[type[_Row], str] = {EmotionRow: "emotions", CueRow: "cues", ActRow: "acts"}


def rows(kind: type[_AnyRow], language: Language, folder: Path = CORPUS) -> list[_AnyRow]:
    """Every row of a kind. SystemExit that names file and line where one is malformed."""
    found = list(_read(kind, sorted((folder / language).glob(f"{_KINDS[kind]}_*.jsonl"))))
    if not found:
        raise SystemExit(f"no {_KINDS[kind]} rows in {folder / language}")
    return found


def _read(kind: type[_AnyRow], files: list[Path]) -> Iterator[_AnyRow]:
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                yield kind.model_validate_json(line)
            except ValidationError as error:
                raise SystemExit(f"{file}:{number}: {error}") from error
