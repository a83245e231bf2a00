"""The data of a run as rows of token ids: read, mixed, encoded, split, packed.

Encoded examples lie in `tokens/` of the run's folder and are read through a memory map, so a run
that is resumed, or begun after `--check`, does not encode them again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from qiaoban_finetune.base import Base
from qiaoban_finetune.collate import Packed, Padded
from qiaoban_finetune.config import SourceConfig, TrainingConfig
from qiaoban_finetune.encoding import IGNORED, Encoder, Example
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.mixture import Mixture, Source
from qiaoban_finetune.packing import pack
from qiaoban_finetune.rows import Row, Rows, RowsOf, collator
from qiaoban_finetune.run_card import source_facts
from qiaoban_finetune.token_cache import encoded
from qiaoban_finetune.tokens import Tokens

TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class LearningData:
    """What a run learns from, and what it is measured on."""

    rows: Rows
    validation: Sequence[Row]
    collate: Callable[[Sequence[Row]], dict[str, Any]]
    numbers: dict[str, int]
    """Dialogues, sequences and tokens, for the run card."""


def learning_data(config: TrainingConfig, base: Base) -> LearningData:
    """Read and encode all data of a run.

    Raises DataError for a record that cannot be used, and where nothing is left to learn from.
    """
    encoder = Encoder(base.tokenizer, base.chat_format, config.data.max_tokens)
    tokens = _encoded(config, encoder, config.data.train)
    if not tokens:
        raise DataError(
            f"data.train: no dialogue is left to learn from: {tokens.facts.dialogues} were read, "
            "and the last turn of each is longer than data.max_tokens "
            f"{config.data.max_tokens}; raise it"
        )
    places, kept, names = _split(tokens, config)
    validation: Sequence[Row] = _rows(tokens, kept, config) if kept else ()
    if isinstance(config.data.validation, tuple):
        apart = _encoded(config, encoder, config.data.validation)
        names = apart.facts.dialogues
        validation = _rows(apart, range(len(apart)), config)
    rows = _rows(tokens, places, config)
    lengths: list[int] = tokens.lengths[places].tolist()
    micro = config.optimiser.micro_batch
    collate = (
        Packed(encoder.pad_id, config.data.max_tokens * micro)
        if config.data.packing
        else Padded(encoder.pad_id)
    )
    measured = [tokens[place] for place in kept]
    return LearningData(
        Rows(rows, config.optimiser, config.data.seed, None if config.data.packing else lengths),
        validation,
        collator(collate),
        {
            "dialogues": tokens.facts.dialogues - (names if kept else 0),
            "validation dialogues": names,
            "dialogues left out as too long": tokens.facts.too_long,
            "dialogues shortened": tokens.facts.shortened,
            "sequences of an epoch": len(rows),
            "tokens of an epoch": sum(lengths),
            "learnt tokens of an epoch": tokens.facts.learnt - sum(map(_learnt, measured)),
            "longest sequence": max(lengths),
        },
    )


def _encoded(config: TrainingConfig, encoder: Encoder, sources: Sequence[SourceConfig]) -> Tokens:
    given = [
        Source(
            source.path,
            source.format,
            share=source.share,
            licence=source.licence,
            turns=source.turns,
        )
        for source in sources
    ]
    data = {
        "files": [{**source_facts(source), "turns": source.turns} for source in sources],
        "seed": config.data.seed,
    }
    mixture = Mixture(given, config.data.seed)
    return encoded(mixture, encoder, folder=config.output / TOKENS, data=data)


def _split(tokens: Tokens, config: TrainingConfig) -> tuple[Sequence[int], list[int], int]:
    """Places of the examples to learn from, of those to measure on, and dialogues of the latter.

    They are split by dialogue, and one that the mixture gives twice is never in both.
    """
    asked = config.data.validation
    if isinstance(asked, tuple) or not asked:
        return range(len(tokens)), [], 0
    by_name: dict[str, list[int]] = {}
    for place, example in enumerate(tokens):
        by_name.setdefault(example.dialogue, []).append(place)
    count = round(asked * len(by_name)) if isinstance(asked, float) else asked
    if count >= len(by_name):
        raise DataError(
            f"data.validation: {asked} would keep {count} of {len(by_name)} dialogues, and nothing "
            "would be left to learn from; write fewer"
        )
    chance = random.Random(f"validation:{config.data.seed}")  # noqa: S311 - no secret
    chosen = chance.sample(sorted(by_name), count)
    kept = sorted(place for name in chosen for place in by_name[name])
    away = set(kept)
    return [place for place in range(len(tokens)) if place not in away], kept, count


def _rows(tokens: Tokens, places: Sequence[int], config: TrainingConfig) -> RowsOf:
    if not config.data.packing:
        return RowsOf(tokens, [[place] for place in places])
    lengths: list[int] = tokens.lengths[places].tolist()
    packs = pack(lengths, config.data.max_tokens, config.data.seed)
    return RowsOf(tokens, [[places[number] for number in numbers] for numbers in packs])


def _learnt(example: Example) -> int:
    return sum(int(label) != IGNORED for label in example.labels)
