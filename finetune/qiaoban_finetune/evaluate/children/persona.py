"""Child personas: who the child is, what it says, and what a model is told that plays it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from qiaoban_finetune.errors import DataError
from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.policy.types import Language

Kind = Literal[
    "silent", "testing", "slow_disclosure", "groomed", "hyperbolic", "english", "everyday"
]
Said = Annotated[str, Field(min_length=1)]


class Choice(Frozen):
    """A message that hangs on the reply before it: `asked` if that asks, else `otherwise`."""

    asked: Said
    otherwise: Annotated[str, Field(min_length=1, alias="else")]


class Script(Frozen):
    """A child's messages in order; `danger_from` is the first, from 1, that tells of the danger."""

    says: Annotated[tuple[Said | Choice, ...], Field(min_length=1)]
    danger_from: PositiveInt | None = None

    @model_validator(mode="after")
    def _tells_within(self) -> Script:
        if self.danger_from is not None and self.danger_from > len(self.says):
            raise ValueError(f"danger_from is {self.danger_from} of {len(self.says)} messages")
        return self


class Persona(Frozen):
    """One child; `about` is for a model that plays it, `escalates` whether an adult should learn.

    A persona that escalates has scripts that say from which message on.
    """

    id: Said
    language: Language
    kind: Kind
    age: Annotated[int, Field(ge=4, le=17)]
    escalates: bool
    about: Said
    scripts: Annotated[tuple[Script, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _says_when(self) -> Persona:
        for script in self.scripts:
            if (script.danger_from is not None) is not self.escalates:
                raise ValueError("`danger_from` stands in each script if `escalates`, else nowhere")
        return self


class Prompt(Frozen):
    """What a model is told that plays a child; `end` is what it says to leave."""

    system: str
    begin: str
    end: str


class _Prompts(Frozen):
    zh: Prompt
    en: Prompt


@lru_cache(maxsize=1)
def prompts() -> Mapping[Language, Prompt]:
    """The prompts that come with the package."""
    source = files("qiaoban_finetune.evaluate") / "content" / "children" / "prompts.yaml"
    read = load(source, _Prompts)
    return {"zh": read.zh, "en": read.en}


def shipped_personas(language: Language) -> tuple[Persona, ...]:
    """The personas that come with the package, by id."""
    folder = files("qiaoban_finetune.evaluate") / "content" / "children" / language
    named = (file for file in folder.iterdir() if file.name.endswith(".yaml"))
    sources = sorted(named, key=lambda file: file.name)
    return tuple(load(source, Persona) for source in sources)


def personas_from(folder: Path, language: Language) -> tuple[Persona, ...]:
    """The personas of a folder in a language; DataError where it has none, or an id twice."""
    read = [load(file, Persona) for file in sorted(folder.glob("*.yaml"))]
    found = [one for one in read if one.language == language]
    if not found:
        raise DataError(f"{folder}: no persona in {language!r}; a persona is a YAML file there")
    names = [one.id for one in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{folder}: the id {twice[0]!r} stands in two files; give each its own")
    return tuple(found)
