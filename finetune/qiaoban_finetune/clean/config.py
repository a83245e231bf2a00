"""What cleaning is told: which steps, and what each does with what it finds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from qiaoban_finetune.sections import Section
from qiaoban_guards.policy.types import Language


class NearDuplicatesConfig(Section):
    """When two dialogues are nearly the same."""

    threshold: Annotated[float, Field(gt=0, le=1)] = 0.7
    """From which Jaccard similarity on; of runs of three characters (Chinese) or words."""
    permutations: Annotated[int, Field(ge=16)] = 128
    """Numbers of a signature: its estimate errs by about 1/√n."""


class CleanConfig(Section):
    """A cleaning."""

    languages: Annotated[tuple[Language, ...], Field(min_length=1)] = ("zh", "en")
    """Dialogues in other languages go."""
    least_messages: Annotated[int, Field(ge=2)] = 4
    """A dialogue of fewer goes."""
    most_messages: PositiveInt = 200
    """A dialogue of more goes."""
    least_characters: NonNegativeInt = 20
    """A dialogue of fewer goes."""
    longest_message: PositiveInt = 2000
    """A dialogue with a message of more characters goes."""
    parent: Literal["rewrite", "drop", "keep"] = "rewrite"
    """Replies that speak as a mother or father: written anew where that is plain, else the dialogue
    goes; or it always goes; or it stays."""
    personal_data: Literal["mask", "placeholder", "drop", "keep"] = "mask"
    """`<phone>`, `<电话1>`, or the dialogue goes, or nothing is looked for."""
    policy: str = "default"
    """The policy that replies are judged by: a shipped one's name, or a path."""
    harmful: Literal["cut", "drop", "keep"] = "cut"
    """A dialogue with a harmful reply ends before the message that it answers, or goes."""
    early_advice: Literal["drop", "keep"] = "drop"
    """A dialogue goes whose first two replies give advice that nobody asked for."""
    near_duplicates: NearDuplicatesConfig | None = NearDuplicatesConfig()
    """Of dialogues that are nearly the same the first one stays; null looks for none."""

    @model_validator(mode="after")
    def _grows(self) -> CleanConfig:
        if self.least_messages > self.most_messages:
            raise ValueError(
                f"least_messages: {self.least_messages} is more than most_messages "
                f"{self.most_messages}; write a smaller one"
            )
        return self
