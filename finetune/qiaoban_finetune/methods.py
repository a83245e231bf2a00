"""Which weights are trained: all, low-rank matrices beside frozen ones, or a prefix.

PEFT does the work; here is what a run of any causal language model needs of it, and what is
refused because it is known not to work.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from qiaoban_agent.errors import MissingExtraError
from qiaoban_finetune.config import LoraMethod, PrefixMethod, QloraMethod, TrainingConfig
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.prefix_layout import read_adapter

PREFIX_DROPOUT = 0.1
"""Of the prefix's keys and values, as in modeling_chatglm.py of THUDM/chatglm2-6b."""
ADAPTER = "default"
"""What PEFT calls the adapter that is trained."""
_KINDS: Mapping[str, str] = {"LORA": "lora", "PREFIX_TUNING": "prefix"}


def refuse_unsupported(config: TrainingConfig, zero_stage: int) -> None:
    """Raises ConfigError for a method that does not run with the rest of the configuration.

    `zero_stage` is that of DeepSpeed's JSON, 0 without one.
    """
    kind = config.method.kind
    if kind == "prefix" and zero_stage == 3:
        raise ConfigError(
            "deepspeed: a prefix hangs at its first checkpoint under ZeRO-3 on several GPUs; take "
            "the JSON for ZeRO-2 (the frozen weights need no gradients), or method.kind: lora"
        )
    if kind == "prefix" and config.preference is not None:
        raise ConfigError(
            "method.kind: a prefix cannot learn from pairs: PEFT has no second one beside it, to "
            "which it would be held; take lora or full"
        )
    if kind == "qlora" and zero_stage == 3:
        raise ConfigError(
            "deepspeed: ZeRO-3 would split weights that bitsandbytes has packed; take the JSON "
            "for ZeRO-2, or method.kind: lora"
        )
    if kind == "prefix" and config.model.gradient_checkpointing:
        raise ConfigError(
            "model.gradient_checkpointing: a prefix stands in the cache of keys and values, which "
            "computing again would fill twice; set it to false, and optimiser.micro_batch lower "
            "if memory is short"
        )


def with_method(
    model: Any, method: LoraMethod | QloraMethod | PrefixMethod, adapter: Path | None
) -> Any:
    """`model` with the adapter that is to be trained, its own weights frozen.

    `adapter` is one to begin from, a new one is drawn without it. Raises ConfigError where targets
    match nothing, or `adapter` is of another method.
    """
    peft: Any = _peft()
    if isinstance(method, QloraMethod):
        model = peft.prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    if adapter is not None:
        _refuse_other(adapter, method)
    if isinstance(method, PrefixMethod):
        made = peft.get_peft_model(model, _prefix(peft, method))
        encoder = made.prompt_encoder[ADAPTER]
        if adapter is not None:  # PEFT loads no prefix to be trained
            encoder.load_prompt_embeddings(read_adapter(adapter)[0])
        _drop_out(encoder)
        return made
    if adapter is not None:
        return peft.PeftModel.from_pretrained(model, str(adapter), is_trainable=True)
    return peft.get_peft_model(model, _lora(peft, model, method))


def lora_targets(model: Any, targets: str | tuple[str, ...]) -> list[str]:
    """Names of the layers that LoRA stands beside: `auto` is every linear one but the head.

    Raises ConfigError for a name that matches no linear layer, with those that there are.
    """
    found = _linear_layers(model)
    if targets == "auto":
        if not found:
            raise ConfigError(f"method.targets: {type(model).__name__} has no linear layer")
        return sorted({name.rpartition(".")[2] for name in found})
    for target in targets:
        if not any(name == target or name.endswith(f".{target}") for name in found):
            there = Counter(name.rpartition(".")[2] for name in found)
            raise ConfigError(
                f"method.targets: {target} matches no linear layer of {type(model).__name__}; "
                f"it has {', '.join(there)}; name some of them, or write auto"
            )
    return list(targets)


def quantization(method: QloraMethod, dtype: Any) -> Any:
    """What transformers is told to load quantised weights, which compute in `dtype`."""
    transformers: Any = import_module("transformers")
    try:
        import_module("bitsandbytes")  # transformers asks for it much later
    except ImportError as error:
        raise MissingExtraError("method.kind: qlora", "quantization") from error
    if method.bits == 8:
        return transformers.BitsAndBytesConfig(load_in_8bit=True)
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def _linear_layers(model: Any) -> list[str]:
    torch: Any = import_module("torch")
    turned: Any = import_module("transformers.pytorch_utils").Conv1D
    head = model.get_output_embeddings()
    return [
        name
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear | turned) and layer is not head
    ]


def _lora(peft: Any, model: Any, method: LoraMethod | QloraMethod) -> Any:
    turned: Any = import_module("transformers.pytorch_utils").Conv1D
    return peft.LoraConfig(
        task_type=peft.TaskType.CAUSAL_LM,
        r=method.rank,
        lora_alpha=method.alpha,
        lora_dropout=method.dropout,
        target_modules=lora_targets(model, method.targets),
        fan_in_fan_out=any(isinstance(layer, turned) for layer in model.modules()),
    )


def _prefix(peft: Any, method: PrefixMethod) -> Any:
    # PEFT reads the heads and sizes off the model, grouped queries among them
    return peft.PrefixTuningConfig(
        task_type=peft.TaskType.CAUSAL_LM,
        num_virtual_tokens=method.length,
        prefix_projection=method.projection,
    )


def _drop_out(encoder: Any) -> None:
    """The dropout on a prefix that P-Tuning v2 has and PEFT has not."""
    functional: Any = import_module("torch.nn.functional")

    def dropped(module: Any, _given: Any, values: Any) -> Any:
        return functional.dropout(values, PREFIX_DROPOUT, training=module.training)

    encoder.register_forward_hook(dropped)


def _refuse_other(adapter: Path, method: LoraMethod | QloraMethod | PrefixMethod) -> None:
    """Raises ConfigError unless `adapter` is what `method` would have made."""
    told = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    kind = _KINDS.get(told.get("peft_type"), str(told.get("peft_type")))
    if kind != method.kind.removeprefix("q"):
        raise ConfigError(
            f"method.kind: model.base holds an adapter of kind {kind} ({adapter}), to be trained "
            f"on, and method.kind is {method.kind}; name that kind, or the model without adapter"
        )
    given: dict[str, tuple[object, object]] = (
        {
            "length": (told.get("num_virtual_tokens"), method.length),
            "projection": (told.get("prefix_projection"), method.projection),
        }
        if isinstance(method, PrefixMethod)
        else {
            "rank": (told.get("r"), method.rank),
            "alpha": (told.get("lora_alpha"), method.alpha),
        }
    )
    for key, (has, asked) in given.items():
        if has != asked:
            raise ConfigError(
                f"method.{key}: the adapter in model.base ({adapter}) has {has}, and {asked} is "
                "asked for; write the adapter's, or name the model without it"
            )
    if told.get("prefix_projection"):
        raise ConfigError(
            f"method.projection: of a projected prefix ({adapter}) only the result is kept, which "
            "cannot be projected on; train a new one"
        )


def _peft() -> Any:
    try:
        return import_module("peft")
    except ImportError as error:
        raise MissingExtraError("training an adapter", "finetune") from error
