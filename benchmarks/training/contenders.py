"""The trainings that are compared, each in a process of its own that takes a step when told to.

Each begins from the same weights and learns the same encoded dialogues; they differ in how a batch
is made of them, and in what their trainer does with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from random import Random
from typing import Any

from qiaoban_finetune.base import load_model, open_base, precision_for
from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.encoding import Example
from qiaoban_finetune.learning_data import learning_data

CUTOFF = 1024
"""Tokens of QiaoBan's longest sequence, and of ours and trl's."""
ENDLESS = 1_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the optimiser: tokens that are no padding, and all tokens.

    `seconds` are the clock's, `busy` those that processors spent on it.
    """

    seconds: float
    busy: float
    counting: int
    computed: int


@dataclass(frozen=True, slots=True)
class Contender:
    """One training: `micro` rows at a time, `times` of them a step."""

    name: str
    kind: str
    micro: int
    times: int


def contend(contender: Contender, config: TrainingConfig, threads: int, told: Connection) -> None:
    """Train until told to stop, one step for each word, and tell of each."""
    torch: Any = import_module("torch")
    if threads:
        torch.set_num_threads(threads)
    trainer = _KINDS[contender.kind](contender, config)
    trainer.add_callback(_callback(told, _counted(trainer.model)))
    trainer.train()


def _counted(model: Any) -> list[tuple[int, int]]:
    """Tokens that count and all tokens of each batch that the model is given from now on."""
    seen: list[tuple[int, int]] = []

    def look(_module: Any, _given: Any, named: dict[str, Any]) -> None:
        mask = named.get("attention_mask")
        computed = named["input_ids"].numel()
        seen.append((computed if mask is None else int(mask.sum()), computed))

    model.register_forward_pre_hook(look, with_kwargs=True)
    return seen


def _callback(told: Connection, seen: list[tuple[int, int]]) -> Any:
    """Takes the time of each step, and waits for a word between them."""
    torch: Any = import_module("torch")
    transformers: Any = import_module("transformers")

    class Waiting(transformers.TrainerCallback):  # type: ignore[misc]
        begun = 0.0
        used = 0.0

        def on_train_begin(self, *_given: Any, **_named: Any) -> None:
            told.send(None)
            self._wait()

        def on_step_end(self, *_given: Any, **_named: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            seconds = time.perf_counter() - self.begun
            busy = time.process_time() - self.used
            counting, computed = (sum(column) for column in zip(*seen, strict=True))
            seen.clear()
            told.send(Step(seconds, busy, counting, computed))
            self._wait()

        def _wait(self) -> None:
            if not told.recv():
                raise SystemExit
            self.begun, self.used = time.perf_counter(), time.process_time()

    return Waiting()


def _recipe(contender: Contender, config: TrainingConfig) -> Any:
    """QiaoBan's: the whole text learnt, cut off at 1,024, padded on the left.

    Batches are of about one length; in the kind "random", of whatever comes next.
    """
    transformers: Any = import_module("transformers")
    base = open_base(config)
    base.tokenizer.padding_side = "left"
    cut = [one.ids[:CUTOFF] for one in _examples(config)]
    if contender.kind == "random":
        order = Random(0).sample(range(len(cut)), len(cut))  # noqa: S311 - an order, no secret
    else:
        order = _grouped([len(ids) for ids in cut], contender.micro * contender.times)
    return transformers.Trainer(
        model=load_model(base, config, precision_for(config.model), sharded=False),
        args=transformers.TrainingArguments(
            **_arguments(contender, config), train_sampling_strategy="sequential"
        ),
        train_dataset=_dataset([{"input_ids": cut[at], "labels": cut[at]} for at in order]),
        data_collator=transformers.DataCollatorForSeq2Seq(
            base.tokenizer, pad_to_multiple_of=8, return_tensors="pt", padding=True
        ),
    )


def _grouped(lengths: list[int], step: int) -> list[int]:
    """The order of transformers' `group_by_length`, its steps shuffled.

    Its own begins with the longest of 50 steps and goes down: a few steps would be of those alone.
    """
    torch: Any = import_module("torch")
    tools: Any = import_module("transformers.trainer_pt_utils")
    chance = torch.Generator().manual_seed(0)
    order = list(tools.LengthGroupedSampler(step, lengths=lengths, generator=chance))
    steps = [order[at : at + step] for at in range(0, len(order) - step + 1, step)]
    Random(0).shuffle(steps)  # noqa: S311 - an order, no secret
    return [place for each in steps for place in each]


def _packed(contender: Contender, config: TrainingConfig) -> Any:
    """Ours."""
    from qiaoban_finetune.arguments import arguments
    from qiaoban_finetune.attention import use_document_attention
    from qiaoban_finetune.trainer import trainer

    batch = {"micro_batch": contender.micro, "global_batch": contender.micro * contender.times}
    sized = config.optimiser.model_copy(update=batch)
    config = config.model_copy(update={"optimiser": sized})
    base, precision = open_base(config), precision_for(config.model)
    data = learning_data(config, base)
    told = arguments(config, data.rows, precision, None, validated=False)
    told.disable_tqdm = True
    model = load_model(base, config, precision, sharded=False)
    use_document_attention(model)
    return trainer(model, told, config, data, None)


def _trl(contender: Contender, config: TrainingConfig) -> Any:
    """trl's, with its packing; gradient checkpointing, which it has on by default, is off."""
    trl: Any = import_module("trl")
    base = open_base(config)
    rows = [{"input_ids": one.ids, "labels": one.labels} for one in _examples(config)]
    return trl.SFTTrainer(
        model=load_model(base, config, precision_for(config.model), sharded=False),
        args=trl.SFTConfig(
            **_arguments(contender, config),
            packing=True,
            max_length=CUTOFF,
            gradient_checkpointing=False,
        ),
        train_dataset=_dataset(rows),
        processing_class=base.tokenizer,
    )


_KINDS: dict[str, Callable[[Contender, TrainingConfig], Any]] = {
    "recipe": _recipe,
    "random": _recipe,
    "ours": _packed,
    "trl": _trl,
}


def _arguments(contender: Contender, config: TrainingConfig) -> dict[str, Any]:
    precision = precision_for(config.model)
    torch: Any = import_module("torch")
    return {
        "output_dir": str(config.output / contender.kind),
        "max_steps": ENDLESS,
        "per_device_train_batch_size": contender.micro,
        "gradient_accumulation_steps": contender.times,
        "learning_rate": config.optimiser.learning_rate,
        "bf16": precision == "bf16",
        "fp16": precision == "fp16",
        "use_cpu": not torch.cuda.is_available(),
        "dataloader_pin_memory": torch.cuda.is_available(),
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


def _examples(config: TrainingConfig) -> Iterator[Example]:
    """Those of ours, out of the cache in which they lie encoded."""
    for row in learning_data(config, open_base(config)).rows.epoch(0):
        yield from row


def _dataset(rows: Sequence[dict[str, Any]]) -> Any:
    datasets: Any = import_module("datasets")
    return datasets.Dataset.from_list(list(rows))
