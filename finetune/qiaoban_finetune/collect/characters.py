"""The children and companions of self-chat: the package's own, or those of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import Field, ValidationError

from qiaoban_agent.coaching.memory import AgeBand
from qiaoban_finetune.collect.templates import CONTENT
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.formats.form import Record
from qiaoban_finetune.reading import records
from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.errors import DocumentError
from qiaoban_guards.policy.types import Language

_Told = Annotated[str, Field(min_length=2, max_length=400)]


class Persona(Frozen):
    """A child to talk as."""

    persona: _Told
    """Who it is, in a sentence."""
    situation: _Told
    """What it has on its mind."""
    age: AgeBand
    """How old it is."""

    def as_json(self) -> str:
        """As it is shown to a model and written to a file."""
        return json.dumps(self.model_dump(), ensure_ascii=False)


class Cast(Frozen):
    """A file of characters."""

    children: Annotated[tuple[Persona, ...], Field(min_length=1)]
    supporters: Annotated[tuple[str, ...], Field(min_length=1)]
    """What a companion is told of itself."""
    topics: Annotated[tuple[str, ...], Field(min_length=1)]
    """What new personas are to be about."""


def characters(file: Path | None, language: Language) -> Cast:
    """The characters of a YAML file, or of a JSONL file of personas; else those shipped.

    Raises ConfigError for what is no such file.
    """
    shipped = load(CONTENT / language / "personas.yaml", Cast)
    if file is None:
        return shipped
    try:
        if file.suffix != ".jsonl":
            return load(file, Cast)
    except DocumentError as error:
        raise ConfigError(str(error)) from error
    children: list[Persona] = []
    for record, place in records(file):
        try:
            children.append(Persona.model_validate(_without_id(record)))
        except ValidationError as error:
            detail = error.errors()[0]
            key = ".".join(map(str, detail["loc"]))
            raise place.refused(
                f"{detail['msg']}; write persona, situation and age", key
            ) from error
    return shipped.model_copy(update={"children": tuple(children)})


def _without_id(record: Any) -> Any:
    if not isinstance(record, dict):
        return record
    return {key: value for key, value in cast("Record", record).items() if key != "id"}
