"""What a conversion of labelled sets is told: where each label and text stands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, model_validator

from qiaoban_finetune.collect.settings import PersonalData
from qiaoban_finetune.sections import Section
from qiaoban_guards.policy.types import Language

Task = Literal["txt_clf", "dia_clf", "er_abs", "dia_gen", "dia_inf"]


class FieldsConfig(Section):
    """The keys of a set's records, where they are not called as here."""

    text: str = "text"
    """A text to classify or to find causes in; of a turn, what was said."""
    label: str = "label"
    """The emotion of a text or of a turn."""
    cause: str = "cause"
    """What the emotion is caused by; beside `label`, where a record has one pair."""
    pairs: str = "pairs"
    """A list of {label, cause}, where a record has several."""
    turns: str = "turns"
    """A list of turns, each with a speaker and a text."""
    speaker: str = "speaker"
    """Who says a turn."""
    act: str = "act"
    """What a turn does (a dialogue act or a strategy), where it is told."""
    situation: str = "situation"
    """What a dialogue is about, where it is told."""
    personas: str = "personas"
    """Who speaks, where it is told: a text or a list of them."""


class SetConfig(Section):
    """One labelled set and one task that is made of it."""

    path: Path
    """A file of JSON Lines, a JSON array, CSV or TSV."""
    task: Task
    """The task; one set may stand here several times, with different ones."""
    dataset: str
    """The set's name."""
    language: Language = "zh"
    """Of the instructions."""
    licence: str = ""
    """Under which licence it is used."""
    fields: FieldsConfig = FieldsConfig()
    """Its keys."""
    labels: Mapping[str, str] | tuple[str, ...] = ()
    """Every label there is, or what each is called in the result; any other one is refused."""
    reply_by: str = ""
    """dia_gen: whose turns are the replies that are learnt."""
    count: Annotated[int, Field(ge=1)] | None = None
    """Only so many records, from the front."""

    @property
    def names(self) -> dict[str, str]:
        """Every label by how the set writes it."""
        labels = self.labels
        return dict(labels) if isinstance(labels, Mapping) else {label: label for label in labels}

    @model_validator(mode="after")
    def _is_whole(self) -> SetConfig:
        if self.task.endswith("_clf") and not self.labels:
            raise ValueError(f"labels: {self.task} needs every label of the set; list them")
        if self.task == "dia_gen" and not self.reply_by:
            raise ValueError(
                "reply_by: dia_gen needs the speaker whose turns are learnt; who speaks is never "
                "told by counting turns"
            )
        return self


class TasksConfig(Section):
    """A conversion."""

    sets: Annotated[tuple[SetConfig, ...], Field(min_length=1)]
    """The sets, in the order in which they are written."""
    output: Path
    """A .jsonl or .jsonl.gz file in PICA's format."""
    seed: NonNegativeInt = 42
    """Decides how an instruction is worded."""
    personal_data: PersonalData = "mask"
    """What is done with personal data in the texts."""
