"""Pairs of replies to learn from: read, encoded, split, in the order of a run.

    {"messages": [{"role": "user", "content": "…"}], "chosen": "…", "rejected": "…"}

is a line of a file: what was said up to the child's last message, and two replies to it. The prompt
is, token for token, what the companion gives the model there, as in `encoding`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import StringConstraints, ValidationError

from qiaoban_agent.errors import MissingExtraError
from qiaoban_finetune.base import Base
from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.encoding import IGNORED, Encoder, Example
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.learning_data import LearningData, learning_data
from qiaoban_finetune.reading import Place, records
from qiaoban_finetune.rows import DIALOGUES, Row, Rows
from qiaoban_guards.documents import Frozen

PADDED_TO = 8
"""Lengths of a batch are multiples of it, as `collate.Padded` makes them."""
_Text = Annotated[str, StringConstraints(pattern=r"\S")]


class _Said(Frozen):
    role: Literal["system", "user", "assistant"]
    content: _Text


class _Record(Frozen):
    id: str = ""
    messages: tuple[_Said, ...]
    chosen: _Text
    rejected: _Text


@dataclass(frozen=True, slots=True)
class Pair:
    """A dialogue with the reply that is better, and the same with the one that is worse."""

    chosen: Dialogue
    rejected: Dialogue


def read_pairs(file: Path) -> Iterator[Pair]:
    """The pairs of a file; DataError with file, line and key for the first that is none."""
    for value, place in records(file):
        yield _pair(value, place)


def data_of(config: TrainingConfig, base: Base) -> LearningData:
    """What a run learns from: its pairs, or else its dialogues."""
    if config.preference is None:
        return learning_data(config, base)
    return preference_data(config, base)


def preference_data(config: TrainingConfig, base: Base) -> LearningData:
    """Read and encode the pairs of a run; a row is [chosen, rejected], and only replies are learnt.

    Raises DataError for a pair that cannot be used, and where nothing is left to learn from.
    """
    encoder = Encoder(base.tokenizer, base.chat_format, config.data.max_tokens)
    files = config.preference.pairs if config.preference else ()
    found = [encoded(encoder, pair) for file in files for pair in read_pairs(file)]
    pairs = [row for row in found if row is not None]
    kept = _kept(len(pairs), config)
    learnt = [row for at, row in enumerate(pairs) if at not in kept]

    def epoch(number: int) -> list[Row]:
        order = list(learnt)
        random.Random(f"{config.data.seed}:{number}").shuffle(order)  # noqa: S311 - no secret
        return order

    return LearningData(
        Rows(epoch, config.optimiser),
        [pairs[at] for at in sorted(kept)],
        _collator(encoder.pad_id),
        {
            "pairs": len(learnt),
            "pairs left out as too long": len(found) - len(pairs),
            "pairs shortened": sum(row[0].left_out > 0 for row in learnt),
            "validation pairs": len(kept),
            "tokens of an epoch": sum(len(each.ids) for row in learnt for each in row),
            "learnt tokens of an epoch": sum(
                len(each.ids) - _begin(each) for row in learnt for each in row
            ),
            "longest sequence": max(len(each.ids) for row in learnt for each in row),
        },
    )


def encoded(encoder: Encoder, pair: Pair) -> Row | None:
    """Both dialogues as sequences after one prompt; None where the last turn is too long alone.

    Where one reply leaves room for fewer turns, both have that prompt: they are compared.
    """
    both = [encoder.encode(dialogue) for dialogue in (pair.chosen, pair.rejected)]
    examples = [each for each in both if each is not None]
    if len(examples) < len(both):
        return None
    shorter = max(examples, key=lambda each: each.left_out)
    prompt = tuple(shorter.ids[: _begin(shorter)])
    return [_after(prompt, each, shorter.left_out) for each in examples]


def _pair(value: object, place: Place) -> Pair:
    try:
        record = _Record.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise place.refused(f"{first['msg']}; see docs/finetuning.md", key) from error
    roles = [said.role for said in record.messages]
    talk = roles[1:] if roles[:1] == ["system"] else roles
    if talk != ["user", "assistant"] * (len(talk) // 2) + ["user"]:
        raise place.refused(
            "user and assistant take turns, and the user has the last word; a system message may "
            "stand before them",
            "messages",
        )
    if record.chosen.strip() == record.rejected.strip():
        raise place.refused("is the same as chosen; write the worse reply here", "rejected")
    name = f"{place.file}:{place.line}" + (f" ({record.id})" if record.id else "")
    before = tuple(Message(said.role, said.content) for said in record.messages)
    chosen, rejected = (
        Dialogue(name, (*before, Message("assistant", reply)))
        for reply in (record.chosen, record.rejected)
    )
    return Pair(chosen, rejected)


def _begin(example: Example) -> int:
    """Where the last reply begins: behind the last token that is not learnt."""
    begin = len(example.labels)
    while example.labels[begin - 1] != IGNORED:
        begin -= 1
    return begin


def _after(prompt: tuple[int, ...], example: Example, left_out: int) -> Example:
    reply = tuple(example.ids[_begin(example) :])
    ids = prompt + reply
    return Example(ids, (*([IGNORED] * len(prompt)), *reply), example.dialogue, left_out)


def _kept(count: int, config: TrainingConfig) -> frozenset[int]:
    """Which pairs are kept to measure on; DataError where none is left to learn from."""
    asked: Any = config.data.validation
    kept = round(asked * count) if isinstance(asked, float) else int(asked)
    if not count:
        raise DataError(
            "preference.pairs: no pair is left to learn from: the last turn of each is longer than "
            f"data.max_tokens {config.data.max_tokens}; raise it"
        )
    if kept >= count:
        raise DataError(
            f"data.validation: {asked} would keep {kept} of {count} pairs, and nothing would be "
            "left to learn from; write fewer"
        )
    chance = random.Random(f"validation:{config.data.seed}")  # noqa: S311 - no secret
    return frozenset(chance.sample(range(count), kept))


def _collator(pad: int) -> Callable[[Sequence[Row]], dict[str, Any]]:
    """Makes a batch of rows: trl's, which has the chosen ones first, and where they came from."""

    @cache
    def theirs() -> Any:
        return trl("dpo_trainer").DataCollatorForPreference(pad, pad_to_multiple_of=PADDED_TO)

    def collated(rows: Sequence[Row]) -> dict[str, Any]:
        batch = theirs()([_as_trl_has_it(*row) for row in rows])
        return {**batch, DIALOGUES: [row[0].dialogue for row in rows]}

    return collated


def _as_trl_has_it(chosen: Example, rejected: Example) -> dict[str, list[int]]:
    begin = _begin(chosen)
    return {
        "prompt_ids": list(chosen.ids[:begin]),
        "chosen_ids": list(chosen.ids[begin:]),
        "rejected_ids": list(rejected.ids[begin:]),
    }


def trl(module: str) -> Any:
    """A module of trl's trainers; MissingExtraError without trl."""
    try:
        return import_module(f"trl.trainer.{module}")
    except ImportError as error:
        raise MissingExtraError("learning from pairs", "preference") from error
