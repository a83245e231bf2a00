"""QiaoBan's own files of a run: its JSON of settings, of LoRA, and its DeepSpeed JSON.

`run_config/config.json` becomes a TrainingConfig, and `deepspeed_config.json` one that DeepSpeed
takes today. Whatever means something else now is told as a notice, one sentence each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from qiaoban_finetune.config import TrainingConfig, parse_config
from qiaoban_finetune.errors import ConfigError
from qiaoban_guards.documents import nearest

_NEEDED = (
    "model_name_or_path",
    "data_path",
    "output_dir",
    "batch_size",
    "per_device_train_batch_size",
    "num_epochs",
    "learning_rate",
    "cutoff_len",
    "val_set_size",
    "save_steps",
    "warmup_steps",
    "logging_steps",
)
_ALLOWED = ("model_type", "val_set_rate", "eval_steps", "gradient_accumulation_steps")
_LORA = ("lora_r", "lora_alpha", "lora_dropout", "lora_target_modules")


@dataclass(frozen=True, slots=True)
class Translated:
    """A configuration, and what a user of the old files is told about it."""

    config: TrainingConfig
    notices: tuple[str, ...]


def translate(
    settings: Path,
    *,
    deepspeed: Path | None = None,
    lora: Path | None = None,
    use_lora: bool = False,
    ranks: int = 1,
) -> Translated:
    """QiaoBan's command line as a TrainingConfig of the same run.

    `settings` is run_config/config.json, `lora` the file of `--lora_hyperparams_file`, `ranks` the
    number of GPUs. Paths are from where the command runs, as they always were. Raises ConfigError
    with file, key and remedy.
    """
    old = _json(settings)
    _refuse_unknown(settings, old, (*_NEEDED, *_ALLOWED))
    for key in _NEEDED:
        if key not in old:
            raise ConfigError(f"{settings}: the key {key!r} is missing; add it")
    notices = [
        f"the result is written to {old['output_dir']}/final, not beside the checkpoints; only "
        "the assistant's words are learnt, prompts were learnt too",
        "checkpoints are kept every save_steps, which the original never wrote",
        'two messages of one speaker in a row are joined (turns: "merge")',
    ]
    data: dict[str, Any] = {
        "model": {"base": old["model_name_or_path"], "template": "qiaoban"},
        "data": {
            "train": [{"path": old["data_path"], "turns": "merge"}],
            "validation": _validation(old, notices),
            "max_tokens": old["cutoff_len"],
            "packing": False,
        },
        "method": _method(old, lora, use_lora, deepspeed is not None, notices),
        "optimiser": {
            "learning_rate": old["learning_rate"],
            "epochs": old["num_epochs"],
            "micro_batch": old["per_device_train_batch_size"],
            "global_batch": _global_batch(settings, old, ranks, notices),
            "warmup_steps": old["warmup_steps"],
        },
        "checkpoints": {"every_steps": old["save_steps"], "keep": 3},
        "logging": {
            "every_steps": old["logging_steps"],
            "validate_every_steps": old.get("eval_steps"),
        },
        "output": old["output_dir"],
    }
    if deepspeed is not None:
        data["deepspeed"] = str(deepspeed)
        if _warms_up_only(_json(deepspeed)):
            data["optimiser"]["schedule"] = "constant"
    if kind := old.get("model_type"):
        notices.append(f"model_type {kind!r} is read from the checkpoint instead")
    config = parse_config(data, origins=[(str(settings), json.dumps(data))])
    return Translated(config, tuple(notices))


def modern_deepspeed(old: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A DeepSpeed JSON as DeepSpeed takes it today, and notices of what was changed.

    Precision becomes "auto", so that the run's `model.precision` decides by device; the
    optimiser and its schedule are taken out, since `optimiser` of the configuration tells both.
    Where the optimiser's state is offloaded its block stays, since DeepSpeed's own has to do it.
    A JSON that has none of this comes back as it is.
    """
    new, notices = dict(old), list[str]()
    half = new.get("fp16")
    if isinstance(half, Mapping):
        kept = {k: v for k, v in cast("dict[str, Any]", half).items() if k != "opt_level"}
        if len(kept) < len(cast("dict[str, Any]", half)):
            notices.append("fp16.opt_level is left out: DeepSpeed has no such key any more")
        if kept.get("enabled") is True:
            kept["enabled"] = "auto"
            new["bf16"] = {"enabled": "auto"}
            notices.append(
                "fp16 is bf16 where the device has it, and fp32 on a CPU; model.precision: fp16 "
                "keeps it"
            )
        new["fp16"] = kept
    zero: Any = new.get("zero_optimization") or {}
    for key in ("optimizer", "scheduler"):
        if key == "optimizer" and "offload_optimizer" in zero:
            continue
        block = new.pop(key, None)
        if isinstance(block, Mapping):
            name = cast("dict[str, Any]", block).get("type")
            notices.append(f"{key} {name} is left out: `optimiser` of the configuration tells it")
    return new, tuple(notices)


def read_deepspeed(path: Path) -> dict[str, Any]:
    """The JSON of a DeepSpeed configuration; ConfigError where it is none."""
    return _json(path)


def _json(path: Path) -> dict[str, Any]:
    try:
        data: object = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: is an object of keys: {{…}}")
    return cast("dict[str, Any]", data)


def _refuse_unknown(path: Path, data: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in data:
        if key not in known:
            raise ConfigError(
                f"{path}: {key}: is not a key here"
                + (nearest(key, known) or f"; keys here are {', '.join(sorted(known))}")
            )


def _validation(old: Mapping[str, Any], notices: list[str]) -> Any:
    size, rate = old["val_set_size"], old.get("val_set_rate") or 0
    if not size:
        return 0
    if not rate:
        return size
    notices.append(f"validation is val_set_rate {rate} of the data, however much val_set_size says")
    return float(rate)


def _global_batch(path: Path, old: Mapping[str, Any], ranks: int, notices: list[str]) -> int:
    """The sequences of one step as the original computed them, its rounding down included."""
    micro, batch = old["per_device_train_batch_size"], old["batch_size"]
    for key, value in (("per_device_train_batch_size", micro), ("batch_size", batch)):
        if not isinstance(value, int) or value < 1:
            raise ConfigError(f"{path}: {key}: {value!r} is no number of sequences")
    steps: object = old.get("gradient_accumulation_steps", batch // micro)
    if not isinstance(steps, int):
        raise ConfigError(f"{path}: gradient_accumulation_steps: {steps!r} is no number of steps")
    together: int = max(steps // ranks, 1) * micro * ranks
    if together != batch:
        notices.append(
            f"a step has {together} sequences: batch_size {batch} cannot be had of {micro} on each "
            f"of {ranks} GPUs"
        )
    return together


def _method(
    old: Mapping[str, Any], lora: Path | None, use_lora: bool, sharded: bool, notices: list[str]
) -> dict[str, Any]:
    if not use_lora:
        return {"kind": "full"}
    given = _json(lora) if lora else {}
    if lora:
        _refuse_unknown(lora, given, _LORA)
    targets: Any = "auto"
    if str(old.get("model_type", "")) == "Llama" and "lora_target_modules" in given:
        targets = given["lora_target_modules"]
    else:
        notices.append("LoRA stands beside every linear layer; query_key_value matched none")
    if sharded:
        notices.append("LoRA runs under DeepSpeed with unquantised weights; it was switched off")
    return {
        "kind": "lora" if sharded else "qlora",
        **({} if sharded else {"bits": 8}),
        "rank": given.get("lora_r", 8),
        "alpha": given.get("lora_alpha", 16),
        "dropout": given.get("lora_dropout", 0.05),
        "targets": targets,
    }


def _warms_up_only(deepspeed: Mapping[str, Any]) -> bool:
    scheduler = deepspeed.get("scheduler")
    return isinstance(scheduler, Mapping) and (
        cast("Mapping[str, Any]", scheduler).get("type") == "WarmupLR"
    )
