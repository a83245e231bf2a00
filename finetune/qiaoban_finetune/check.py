"""The dry run: what a configuration would take, told before a GPU is touched.

The data is read, templated, packed and ordered by training's own code; the model's size comes from
its config.json alone, and its tokenizer without its weights. The arithmetic is `estimate`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from qiaoban_finetune.base import Base
from qiaoban_finetune.base_tokenizer import base_tokenizer
from qiaoban_finetune.collate import padded
from qiaoban_finetune.companion_prompts import prompted
from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.estimate import Estimate, Workload, estimate
from qiaoban_finetune.hardware import Hardware
from qiaoban_finetune.learning_data import LearningData
from qiaoban_finetune.legacy import read_deepspeed
from qiaoban_finetune.memory import GIB
from qiaoban_finetune.methods import refuse_unsupported
from qiaoban_finetune.pairs import PADDED_TO, data_of
from qiaoban_finetune.scratch import ensure_base
from qiaoban_finetune.shape import config_file, shape_of
from qiaoban_finetune.sharding import Sharding


@dataclass(frozen=True, slots=True)
class Check:
    """What a run would take."""

    config: TrainingConfig
    numbers: Mapping[str, int]
    """Of the data, by the names that the run card has for them."""
    workload: Workload
    estimate: Estimate

    @property
    def padding(self) -> float:
        """The share of the computed tokens that is padding."""
        return 1 - self.numbers["tokens of an epoch"] / self.workload.tokens

    def lines(self) -> Iterator[str]:
        """It as text, for the terminal."""
        yield from self._data()
        yield from self._training()
        yield from self._memory()
        yield from self._time()

    def _data(self) -> Iterator[str]:
        numbers = self.numbers
        if self.config.preference is not None:
            yield from self._pairs()
            return
        yield (
            f"dialogues   {numbers['dialogues']:,}, of which "
            f"{numbers['dialogues shortened']:,} lose turns beyond "
            f"{self.config.data.max_tokens:,} tokens and "
            f"{numbers['dialogues left out as too long']:,} are left out; "
            f"{numbers['validation dialogues']:,} more to measure on"
        )
        yield (
            f"tokens      {numbers['tokens of an epoch']:,} an epoch, "
            f"{numbers['learnt tokens of an epoch']:,} of them learnt"
        )
        how = "packed" if self.config.data.packing else "padded"
        yield (
            f"sequences   {numbers['sequences of an epoch']:,}, {how}; "
            f"{100 * self.padding:.1f} % of what is computed is padding"
        )

    def _pairs(self) -> Iterator[str]:
        numbers = self.numbers
        yield (
            f"pairs       {numbers['pairs']:,}, of which {numbers['pairs shortened']:,} lose turns "
            f"beyond {self.config.data.max_tokens:,} tokens and "
            f"{numbers['pairs left out as too long']:,} are left out; "
            f"{numbers['validation pairs']:,} more to measure on"
        )
        yield (
            f"tokens      {numbers['tokens of an epoch']:,} an epoch with both replies, "
            f"{numbers['learnt tokens of an epoch']:,} of them in replies; "
            f"{100 * self.padding:.1f} % of what is computed is padding"
        )

    def _training(self) -> Iterator[str]:
        told, optimiser = self.estimate, self.config.optimiser
        ranks = told.hardware.ranks
        what = "sequences" if self.config.preference is None else "pairs"
        yield (
            f"steps       {told.steps:,} of {optimiser.global_batch} {what}: "
            f"{optimiser.micro_batch} at a time × {optimiser.accumulation(ranks)} × {ranks} GPUs"
        )
        share = 100 * told.trainable / told.parameters
        yield (
            f"parameters  {told.parameters:,}, of which {told.trainable:,} are trained "
            f"({share:.2f} %)"
        )

    def _memory(self) -> Iterator[str]:
        memory, hardware = self.estimate.memory, self.estimate.hardware
        yield f"memory      of each of {hardware.ranks} × {hardware.name}"
        for name, size in (
            ("weights", memory.weights),
            ("gradients", memory.gradients),
            ("optimiser", memory.optimiser),
            ("activations", memory.activations),
            ("buffers", memory.buffers),
            ("context", memory.context),
        ):
            yield f"  {name:<12}{size / GIB:8.2f} GiB"
        if memory.step > memory.activations:
            yield f"  {'step':<12}{memory.step / GIB:8.2f} GiB when the activations are gone"
        verdict = "fits" if self.estimate.fits else f"does not fit; {_REMEDY}"
        yield (
            f"  {'together':<12}{memory.total / GIB:8.2f} GiB of {hardware.gpu.memory}: {verdict}"
        )
        if memory.host:
            yield f"  and {memory.host / GIB:.1f} GiB of each machine's own memory"

    def _time(self) -> Iterator[str]:
        told, hardware = self.estimate, self.estimate.hardware
        sending = f" and {told.network_hours:.2f} h to send" if hardware.ranks > 1 else ""
        yield (
            f"time        {told.hours:.2f} h: {told.compute_hours:.2f} h to compute at "
            f"{100 * hardware.utilisation:.0f} % of the GPU's peak{sending}"
        )


_REMEDY = (
    "set model.gradient_checkpointing: true, a smaller optimiser.micro_batch, a deepspeed JSON of "
    "a higher stage, or method.kind: lora or qlora"
)


def check(config: TrainingConfig, hardware: Hardware | None = None) -> Check:
    """What `config` takes on `hardware`, one A100 by default; reads all of its training data.

    Raises ConfigError, DataError, CheckpointError or ModelError for what training would refuse.
    """
    hardware = hardware or Hardware("a100-80g")
    learnt = prompted(config)
    ensure_base(learnt)
    shape = shape_of(config.model)
    deepspeed = read_deepspeed(config.deepspeed) if config.deepspeed else None
    sharding = Sharding.of(deepspeed, shape.width)
    refuse_unsupported(config, sharding.stage)
    tokenizer, chat_format = base_tokenizer(config.model)
    folder = config_file(config.model.base).parent
    data = data_of(learnt, Base(folder, tokenizer, chat_format, None))
    workload = workload_of(config, data)
    told = estimate(config, shape, workload, hardware, sharding)
    return Check(config, data.numbers, workload, told)


def workload_of(config: TrainingConfig, data: LearningData) -> Workload:
    """What is computed in an epoch of this data, in the order of the first one.

    The longest micro-batch is that of the longest sequences, which some epoch brings together.
    """
    if config.preference is not None:
        return _of_pairs(config, data)
    sequences, micro = data.numbers["sequences of an epoch"], config.optimiser.micro_batch
    rows = [[len(example.ids) for example in row] for row in data.rows.epoch(0)]
    attended = sum(n * n for row in rows for n in row) / sum(map(sum, rows))
    if config.data.packing:
        tokens = sum(map(sum, rows))
        return Workload(sequences, tokens, max(map(sum, rows)), attended)
    lengths = [sum(row) for row in rows]
    batches = [lengths[at : at + micro] for at in range(0, sequences, micro)]
    tokens = sum(padded(batch) * len(batch) for batch in batches)
    return Workload(sequences, tokens, micro * padded([max(lengths)] * micro), attended)


def _of_pairs(config: TrainingConfig, data: LearningData) -> Workload:
    """A step counts pairs; both sequences of each are computed, padded to one length."""
    micro, rows = config.optimiser.micro_batch, data.rows.epoch(0)
    lengths = [[len(example.ids) for example in row] for row in rows]
    batches = [lengths[at : at + micro] for at in range(0, len(lengths), micro)]
    tokens = sum(2 * len(batch) * _filled(max(map(max, batch))) for batch in batches)
    both = [length for pair in lengths for length in pair]
    attended = sum(n * n for n in both) / sum(both)
    return Workload(len(rows), tokens, 2 * micro * _filled(max(both)), attended)


def _filled(length: int) -> int:
    return -(-length // PADDED_TO) * PADDED_TO
