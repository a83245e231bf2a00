"""The parts of a run's configuration, every key with its meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from qiaoban_finetune.errors import ConfigError
from qiaoban_guards.documents import Frozen

Template = Literal["auto", "qiaoban", "pica", "baichuan2", "template"]
Precision = Literal["auto", "bf16", "fp16", "fp32"]
Attention = Literal["auto", "document", "sdpa", "eager", "flash_attention_2"]
Turns = Literal["refuse", "merge", "keep"]
Schedule = Literal["constant", "linear", "cosine"]


class Section(Frozen):
    """Base of every part of a configuration: what stands under a key is its description."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class RandomModel(Section):
    """A Llama of this shape with random weights, and a tokenizer learnt from the training data.

    `scratch.ensure_base` writes both to `model.base` where nothing is there yet: for trying a
    whole run on any machine, never for a companion.
    """

    vocabulary: PositiveInt = 1024
    """Entries of the tokenizer, bytes and special tokens among them."""
    layers: PositiveInt = 2
    """Layers of the decoder."""
    width: PositiveInt = 64
    """Size of a hidden state."""
    heads: PositiveInt = 4
    """Heads of attention; they divide the width."""
    inner_width: PositiveInt = 176
    """Size inside the feed-forward block."""
    positions: PositiveInt = 8192
    """The longest sequence the model takes, in tokens."""

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> RandomModel:
        if self.width % (2 * self.heads):
            raise ValueError(
                f"{self.heads} heads do not divide a width of {self.width} into even sizes; "
                "rotary positions turn pairs of numbers"
            )
        return self


class ModelConfig(Section):
    """The model to begin from and how it is computed."""

    base: str
    """A folder, or the hub id of a checkpoint; Baichuan and ChatGLM2 are converted."""
    template: Template = "auto"
    """How a dialogue is written down: `auto` asks the checkpoint, `template` is its tokenizer's."""
    precision: Precision = "auto"
    """Numbers to compute in: `auto` is bf16 where the device has it, else fp16, on a CPU fp32."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass: about a third slower, far less memory."""
    attention: Attention = "auto"
    """`auto` attends document by document where data is packed, else by what torch does best."""
    random: RandomModel | None = None
    """The shape of a random model that is made at `base` where nothing is there yet."""


class SourceConfig(Section):
    """One file of dialogues."""

    path: Path
    """A file or folder: looked for beside the configuration, then where the command runs."""
    format: str = "auto"
    """How it is written: qiaoban, qiaoban_input, belle, alpaca, sharegpt, openai, psyqa, smile or
    pica."""
    share: PositiveFloat = 1.0
    """How often it is drawn against the others; general data replayed beside one's own: 0.25."""
    licence: str = ""
    """Under which licence it is used; noted in the run card."""
    turns: Turns = "refuse"
    """What to do with two messages of one speaker in a row."""


def _share_count_or_sources(value: Any) -> Any:
    """0.05 is a share, 100 a number of dialogues, a list names files."""
    if isinstance(value, list | tuple):
        return cast("object", value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError("is a share (0.05), a number of dialogues (100) or a list of files")
    if isinstance(value, float) and value >= 1:
        raise ValueError(f"a share is less than 1; for a number of dialogues write {value:.0f}")
    return value


class DataConfig(Section):
    """What is learnt from, and how it is cut into sequences."""

    train: tuple[SourceConfig, ...] = ()
    """The files to learn from; together they are one mixture."""
    validation: Annotated[
        tuple[SourceConfig, ...] | int | float, BeforeValidator(_share_count_or_sources)
    ] = 0.0
    """Kept from training to measure on: a share, a number of dialogues, or files of their own."""
    companion: str | None = None
    """The policy, by name or file, of a companion whose own words are put before each reply."""
    max_tokens: Annotated[int, Field(ge=8)] = 1024
    """The longest sequence; a longer dialogue loses whole turns from its front."""
    packing: bool = True
    """Put several dialogues into one sequence, none of which attends to another."""
    seed: NonNegativeInt = 42
    """Decides the order of the data and what is kept for validation."""


class FullMethod(Section):
    """Every weight is trained."""

    kind: Literal["full"] = "full"
    """The method's name."""


class LoraMethod(Section):
    """Low-rank matrices beside frozen weights (Hu et al. 2021, arXiv 2106.09685)."""

    kind: Literal["lora"] = "lora"
    """The method's name."""
    rank: PositiveInt = 16
    """Rank of the matrices."""
    alpha: PositiveFloat = 32
    """What they add is scaled by alpha / rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of their inputs that is left out while training."""
    targets: Literal["auto"] | tuple[str, ...] = "auto"
    """Names of the layers they stand beside; `auto` is every linear layer but the head."""


class QloraMethod(Section):
    """LoRA beside weights that are kept quantised (Dettmers et al. 2023, arXiv 2305.14314)."""

    kind: Literal["qlora"] = "qlora"
    """The method's name."""
    bits: Literal[4, 8] = 4
    """Bits of a frozen weight: 4 is NF4 with quantised constants, 8 is LLM.int8()."""
    rank: PositiveInt = 16
    """Rank of the matrices."""
    alpha: PositiveFloat = 32
    """What they add is scaled by alpha / rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of their inputs that is left out while training."""
    targets: Literal["auto"] | tuple[str, ...] = "auto"
    """Names of the layers they stand beside; `auto` is every linear layer but the head."""


class PrefixMethod(Section):
    """Learnt keys and values before every layer: P-Tuning v2 (Liu et al. 2021, 2110.07602)."""

    kind: Literal["prefix"] = "prefix"
    """The method's name."""
    length: PositiveInt = 128
    """Virtual tokens; ChatGLM2's scripts call it pre_seq_len."""
    projection: bool = False
    """Compute them from a smaller embedding through two layers (`prefix_projection`)."""


MethodConfig = Annotated[
    FullMethod | LoraMethod | QloraMethod | PrefixMethod, Field(discriminator="kind")
]


class PreferenceConfig(Section):
    """Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290) on pairs."""

    pairs: Annotated[tuple[Path, ...], Field(min_length=1)]
    """JSON Lines files: `messages` up to the child's last, a `chosen` and a `rejected` reply."""
    licence: str = ""
    """Under which licence the pairs may be used; the run card tells it."""
    beta: PositiveFloat = 0.1
    """How strongly the model is held to the one it began from."""
    loss: Literal["sigmoid", "ipo", "hinge"] = "sigmoid"
    """The loss of a pair."""
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """The share of pairs that is thought to be the wrong way round; with `loss: sigmoid` alone."""


class OptimiserConfig(Section):
    """AdamW and how long it runs."""

    learning_rate: PositiveFloat
    """The highest learning rate: about 1e-5 for full training, 3e-4 for LoRA, 1e-2 for a prefix."""
    epochs: PositiveFloat = 1
    """How often the data is gone through."""
    max_steps: PositiveInt | None = None
    """Stop after so many steps of the optimiser, whatever `epochs` says."""
    global_batch: PositiveInt = 64
    """Sequences of one step, over all GPUs; with packing a sequence is `data.max_tokens` long."""
    micro_batch: PositiveInt = 1
    """Sequences that one GPU computes at a time; packed, one of so many times max_tokens."""
    warmup_steps: NonNegativeInt = 0
    """Steps over which the learning rate rises from nothing."""
    schedule: Schedule = "linear"
    """How it falls after that: not, to zero in a line, or to zero along a cosine."""
    weight_decay: NonNegativeFloat = 0.0
    """AdamW's decay; biases and norms have none."""
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (
        0.9,
        0.999,
    )
    """AdamW's decay of the two moments."""
    epsilon: PositiveFloat = 1e-8
    """What AdamW adds below the line."""
    clip: NonNegativeFloat = 1.0
    """The longest gradient, by its norm; 0 leaves it as it is."""
    seed: NonNegativeInt = 42
    """Decides initial adapters and dropout."""

    def accumulation(self, ranks: int) -> int:
        """Micro-batches that one of `ranks` GPUs adds up before a step; ConfigError if uneven."""
        together = self.micro_batch * ranks
        steps, left = divmod(self.global_batch, together)
        if left:
            raise ConfigError(
                f"optimiser.global_batch: {self.global_batch} is not a multiple of micro_batch "
                f"{self.micro_batch} × {ranks} GPUs; write {max(steps, 1) * together}"
            )
        return steps


class CheckpointConfig(Section):
    """What a run can be resumed from."""

    every_steps: PositiveInt = 200
    """Steps between two of them; the end of a run always makes one."""
    keep: PositiveInt = 2
    """How many are kept, the newest ones."""


class LoggingConfig(Section):
    """What is told while a run goes on."""

    every_steps: PositiveInt = 10
    """Steps between two values of the loss."""
    validate_every_steps: PositiveInt | None = None
    """Steps between two measurements on the validation data; else at the end of each epoch."""
    tensorboard: bool = True
    """Write the curves for TensorBoard, into `logs/` of the run."""
