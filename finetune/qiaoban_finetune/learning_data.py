"""The data of a run as rows of token ids: read, encoded, split, mixed, packed.

Encoded examples lie in `tokens/` of the run's folder and are read through a memory map, so a run
that is resumed, or begun after `--check`, does not encode them again.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiaoban_finetune.base import Base
from qiaoban_finetune.collate import Packed, Padded
from qiaoban_finetune.config import SourceConfig, TrainingConfig
from qiaoban_finetune.encoding import Encoder
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.mixture import Source, replayed
from qiaoban_finetune.packing import Packs, Places, pack
from qiaoban_finetune.pool import Part, Pool
from qiaoban_finetune.rows import Row, Rows, RowsOf, among, collator, grouped
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
    """Dialogues, sequences and tokens of the first epoch, for the run card."""


def learning_data(config: TrainingConfig, base: Base) -> LearningData:
    """Read and encode all data of a run.

    Raises DataError for a record that cannot be used, and where nothing is left to learn from.
    """
    encoder = Encoder(base.tokenizer, base.chat_format, config.data.max_tokens)
    epochs = math.ceil(config.optimiser.epochs) + 1  # the last step may begin one more
    while True:
        learning = _Learning(config, _pool(config, encoder, epochs))
        needed = learning.epochs()
        if needed <= epochs:
            break
        epochs = needed
    validation, apart = learning.validation, len(learning.kept)
    if isinstance(config.data.validation, tuple):
        tokens = [_encoded(config, encoder, source) for source in config.data.validation]
        pool = Pool([Part(each, each.facts.dialogues, whole=True) for each in tokens])
        apart = sum(each.facts.dialogues for each in tokens)
        validation = RowsOf(pool, _packs(config, pool, pool.epoch(0), "validation"))
    collate = (
        Packed(encoder.pad_id, _capacity(config)) if config.data.packing else Padded(encoder.pad_id)
    )
    numbers = learning.numbers() | {"validation dialogues": apart}
    return LearningData(learning.rows, validation, collator(collate), numbers)


class _Learning:
    """The examples that are learnt from, without those that are kept to measure on."""

    def __init__(self, config: TrainingConfig, pool: Pool) -> None:
        self._config, self._pool = config, pool
        chosen = _kept(pool, config)
        self._kept = pool.of_dialogues(chosen)
        self.kept = np.concatenate(chosen)
        self.rows = Rows(self._epoch, config.optimiser, _sequences(config))

    @property
    def validation(self) -> Sequence[Row]:
        """The rows to measure on."""
        if not len(self._kept):
            return ()
        return RowsOf(self._pool, _packs(self._config, self._pool, self._kept, "validation"))

    def epochs(self) -> int:
        """Into how many epochs the run goes; about so many if not all of them are encoded."""
        ahead, left = 0, len(self.rows)
        while all(part.reaches(ahead) for part in self._pool.parts):
            ahead += 1
            if all(part.whole for part in self._pool.parts):
                return ahead
            left = len(self.rows) - sum(len(self.rows.epoch(each)) for each in range(ahead))
            if left <= 0:
                return ahead
        return ahead + math.ceil(left / len(self.rows.epoch(ahead - 1))) + 1

    def _places(self, epoch: int) -> Places:
        places = self._pool.epoch(epoch)
        return places[~np.isin(places, self._kept)] if len(self._kept) else places

    def _epoch(self, number: int) -> RowsOf:
        seed = f"{self._config.data.seed}:{number}"
        places = self._places(number)
        return RowsOf(self._pool, _packs(self._config, self._pool, places, seed))

    def numbers(self) -> dict[str, int]:
        """Of the first epoch: its dialogues, sequences and tokens."""
        places, pool = self._places(0), self._pool
        dialogues = sum(part.count for part in pool.parts)
        found = [np.isin(part.dialogues(0), part.tokens.numbers) for part in pool.parts]
        return {
            "dialogues": dialogues - len(self.kept),
            "dialogues left out as too long": dialogues - sum(int(each.sum()) for each in found),
            "dialogues shortened": int((pool.left_out[pool.epoch(0)] > 0).sum()),
            "sequences of an epoch": len(self.rows.epoch(0)) * _sequences(self._config),
            "tokens of an epoch": int(pool.lengths[places].sum()),
            "learnt tokens of an epoch": int(pool.learnt[places].sum()),
            "longest sequence": int(pool.lengths[places].max()),
        }


def _sequences(config: TrainingConfig) -> int:
    """The sequences whose place a row takes: a whole micro-batch is packed into one."""
    return config.optimiser.micro_batch if config.data.packing else 1


def _capacity(config: TrainingConfig) -> int:
    return config.data.max_tokens * config.optimiser.micro_batch


def _packs(config: TrainingConfig, pool: Pool, places: Places, seed: str) -> Packs:
    """The examples at `places` in rows, in an order drawn from the seed."""
    lengths = pool.lengths[places]
    if config.data.packing:
        return among(places, pack(lengths, _capacity(config), seed))
    return among(places, grouped(lengths, config.optimiser, seed))


def _pool(config: TrainingConfig, encoder: Encoder, epochs: int) -> Pool:
    """Every source, those that are replayed as far as so many epochs need them."""
    greatest = max(source.share for source in config.data.train)
    own = {
        source: _encoded(config, encoder, source)
        for source in config.data.train
        if source.share == greatest
    }
    dialogues = sum(tokens.facts.dialogues for tokens in own.values())
    parts: list[Part] = []
    for source in config.data.train:
        if source in own:
            parts.append(Part(own[source], own[source].facts.dialogues, whole=True))
            continue
        count = replayed(dialogues, source.share / greatest)
        tokens = _encoded(config, encoder, source, count * epochs)
        parts.append(Part(tokens, count, whole=tokens.facts.dialogues < count * epochs))
    pool = Pool(parts)
    if not len(pool.epoch(0)):
        raise DataError(
            f"data.train: no dialogue is left to learn from: {dialogues} were read, and the last "
            f"turn of each is longer than data.max_tokens {config.data.max_tokens}; raise it"
        )
    return pool


def _encoded(
    config: TrainingConfig, encoder: Encoder, source: SourceConfig, first: int | None = None
) -> Tokens:
    """The first dialogues of a source; all of them if not so many are asked for."""
    given = Source(source.path, source.format, licence=source.licence, turns=source.turns)
    told = source_facts(source)
    data = {key: told[key] for key in ("path", "sha256", "format")}
    data |= {"turns": source.turns, "first": first}
    dialogues = islice(given.dialogues(), first)
    return encoded(dialogues, encoder, folder=config.output / TOKENS, data=data)


def _kept(pool: Pool, config: TrainingConfig) -> list[NDArray[np.int64]]:
    """The dialogues of each part that are kept to measure on, drawn from the first epoch's."""
    asked = config.data.validation
    if isinstance(asked, tuple) or not asked:
        return [np.zeros(0, np.int64) for _ in pool.parts]
    there = [np.intersect1d(part.dialogues(0), part.tokens.numbers) for part in pool.parts]
    total = sum(map(len, there))
    count = round(asked * total) if isinstance(asked, float) else asked
    if count >= total:
        raise DataError(
            f"data.validation: {asked} would keep {count} of {total} dialogues, and nothing "
            "would be left to learn from; write fewer"
        )
    chance = random.Random(f"validation:{config.data.seed}")  # noqa: S311 - no secret
    chosen = np.sort(np.array(chance.sample(range(total), count), np.int64))
    begins = np.cumsum([0, *map(len, there)])
    parts = np.split(chosen, np.searchsorted(chosen, begins[1:-1]))
    return [each[some - begin] for each, some, begin in zip(there, parts, begins, strict=False)]
