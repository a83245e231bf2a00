"""The model that a run begins from: its folder, tokenizer, chat format and weights."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from qiaoban_agent.errors import MissingExtraError
from qiaoban_agent.models.transformers.formats import ChatFormat, format_of
from qiaoban_agent.models.transformers.placement import (
    ADAPTER,
    best_device,
    load_tokenizer,
    refuse_remote_code,
)
from qiaoban_finetune.config import ModelConfig, QloraMethod, TrainingConfig
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.methods import quantization
from qiaoban_finetune.scratch import ensure_base

Precision = Literal["bf16", "fp16", "fp32"]
_NAMES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


@dataclass(frozen=True, slots=True)
class Base:
    """A folder that transformers loads, and how it is talked with."""

    folder: Path
    tokenizer: Any
    chat_format: ChatFormat
    adapter: Path | None
    """An adapter inside the folder, which is trained on."""


def open_base(config: TrainingConfig) -> Base:
    """The base of a run; an original Baichuan or ChatGLM2 is converted into the cache first.

    Raises CheckpointError, ModelError or ConfigError for what cannot be used, MissingExtraError
    without torch and transformers.
    """
    try:
        transformers: Any = import_module("transformers")
        import_module("torch")
    except ImportError as error:
        raise MissingExtraError("training", "finetune") from error
    from qiaoban_agent.checkpoints import ready

    ensure_base(config)
    folder = ready(config.model.base)
    refuse_remote_code(folder)
    tokenizer = load_tokenizer(folder)
    generation = None
    if (folder / "generation_config.json").is_file():
        generation = transformers.GenerationConfig.from_pretrained(folder)
    asked = None if config.model.template == "auto" else config.model.template
    inside = folder / ADAPTER
    adapter = inside if (inside / "adapter_config.json").is_file() else None
    if adapter is not None and config.method.kind == "full":
        raise ConfigError(
            f"method.kind: full would train {folder} without the adapter in it; merge that first, "
            "or train it on: its own kind"
        )
    return Base(folder, tokenizer, format_of(folder, tokenizer, generation, asked), adapter)


def precision_for(model: ModelConfig) -> Precision:
    """The numbers to compute in on this machine's device.

    `auto` is bf16 on CUDA that has it, fp16 on older CUDA, fp32 elsewhere. Raises ConfigError for
    what the device does not have.
    """
    import torch

    device = best_device()
    half = device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    if model.precision == "auto":
        return "bf16" if half else "fp16" if device == "cuda" else "fp32"
    if model.precision == "fp16" and device != "cuda":
        raise ConfigError(
            f"model.precision: fp16 needs CUDA for its scaled gradients, and there is {device}; "
            "write bf16, fp32 or auto"
        )
    if model.precision == "bf16" and device == "cuda" and not half:
        raise ConfigError("model.precision: this GPU has no bf16; write fp16 or auto")
    return model.precision


def load_model(base: Base, config: TrainingConfig, precision: Precision, *, sharded: bool) -> Any:
    """The weights to train, or to train beside.

    Trained weights are float32 and computed with under autocast, so that small steps are not lost;
    DeepSpeed (`sharded`) keeps a float32 copy of its own. Frozen ones are in the run's precision.
    Under ZeRO-3 each process gets its part, which takes TrainingArguments made before.
    """
    transformers: Any = import_module("transformers")
    torch: Any = import_module("torch")
    method = config.method
    dtype = getattr(torch, _NAMES[precision])
    given: dict[str, Any] = {"dtype": dtype}
    if method.kind == "full" and not sharded:
        given["dtype"] = torch.float32
    if isinstance(method, QloraMethod):
        given["quantization_config"] = quantization(method, dtype)
        given["device_map"] = {"": _own_device(torch)}
    if config.model.attention in ("sdpa", "eager", "flash_attention_2"):
        given["attn_implementation"] = config.model.attention
    model = transformers.AutoModelForCausalLM.from_pretrained(base.folder, **given)
    model.config.use_cache = False
    return model


def _own_device(torch: Any) -> Any:
    return torch.cuda.current_device() if torch.cuda.is_available() else "cpu"
