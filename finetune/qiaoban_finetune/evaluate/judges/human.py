"""A file of replies that people have scored, to hold judges against.

JSON Lines: `{"id", "language", "history": [{"role", "content"}, …], "reply", "scores":
{"empathy": [3, 4], …}}`. The history ends with the child's message that `reply` answers; a list
of scores has one for each rater, in the same order on every line, null where a rater gave none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, field_validator, model_validator

from qiaoban_finetune.errors import DataError
from qiaoban_finetune.evaluate.items import Line, Words
from qiaoban_finetune.evaluate.judges.criteria import prompts
from qiaoban_guards.documents import Frozen, nearest
from qiaoban_guards.policy.types import Language

Point = Annotated[int, Field(ge=1, le=5)]


class HumanScored(Frozen):
    """One reply with the scores of people, by criterion and rater."""

    id: Words
    language: Language
    history: Annotated[tuple[Line, ...], Field(min_length=1)]
    reply: Words
    scores: Annotated[
        Mapping[str, Annotated[tuple[Point | None, ...], Field(min_length=1)]],
        Field(min_length=1),
    ]

    @field_validator("scores")
    @classmethod
    def _are_criteria(
        cls, scores: Mapping[str, tuple[int | None, ...]]
    ) -> Mapping[str, tuple[int | None, ...]]:
        for name in scores:
            if name not in prompts().criteria:
                known = ", ".join(prompts().criteria)
                near = nearest(name, prompts().criteria)
                raise ValueError(f"{name!r} is no criterion{near}; they are {known}")
        return scores

    @model_validator(mode="after")
    def _ends_with_the_child(self) -> HumanScored:
        if self.history[-1].role != "user":
            raise ValueError("the last message of `history` is the child's (role: user)")
        return self


def load_human(file: Path) -> tuple[HumanScored, ...]:
    """Every line of a file; DataError that names file and line for one that is malformed."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise DataError(f"{file}: cannot be read ({error}); save it as UTF-8 text") from error
    found: dict[str, HumanScored] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{file}:{number}"
        try:
            one = HumanScored.model_validate(json.loads(line))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(str(part) for part in first["loc"])
            raise DataError(f"{where}: {key}: {first['msg']}; {_FORM}") from error
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: not JSON ({error}); {_FORM}") from error
        if one.id in found:
            raise DataError(f"{where}: the id {one.id!r} stands twice; give each reply its own")
        found[one.id] = one
    if not found:
        raise DataError(f"{file}: holds no scored reply; {_FORM}")
    return tuple(found.values())


_FORM = (
    'a line is {"id", "language", "history": [{"role", "content"}], "reply", "scores": '
    '{"empathy": [4, 3]}}'
)
