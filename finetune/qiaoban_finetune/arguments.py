"""What a run tells its Trainer: transformers' TrainingArguments, or trl's for pairs."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from qiaoban_agent.models.transformers.placement import best_device
from qiaoban_finetune.base import Precision
from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.distributed import launched, rank, ranks
from qiaoban_finetune.preference import preference_arguments
from qiaoban_finetune.rows import Rows


def arguments(
    config: TrainingConfig,
    rows: Rows,
    precision: Precision,
    deepspeed: Mapping[str, Any] | None,
    *,
    validated: bool,
) -> Any:
    """The TrainingArguments of a run; what they say of devices holds from here on."""
    optimiser, logging = config.optimiser, config.logging
    given: dict[str, Any] = {
        "output_dir": str(config.output),
        "max_steps": rows.steps,
        "per_device_train_batch_size": rows.micro_batch,
        "gradient_accumulation_steps": optimiser.accumulation(ranks()),
        "learning_rate": optimiser.learning_rate,
        "warmup_steps": optimiser.warmup_steps,
        "lr_scheduler_type": (
            "constant_with_warmup" if optimiser.schedule == "constant" else optimiser.schedule
        ),
        "weight_decay": optimiser.weight_decay,
        "adam_beta1": optimiser.betas[0],
        "adam_beta2": optimiser.betas[1],
        "adam_epsilon": optimiser.epsilon,
        "max_grad_norm": optimiser.clip,
        "seed": optimiser.seed,
        "bf16": precision == "bf16",
        "fp16": precision == "fp16",
        "use_cpu": best_device() == "cpu",
        "ddp_backend": "gloo" if best_device() == "cpu" and launched() else None,
        "ddp_find_unused_parameters": False,
        "deepspeed": dict(deepspeed) if deepspeed is not None else None,
        "train_sampling_strategy": "sequential",
        "remove_unused_columns": False,
        "dataloader_pin_memory": best_device() == "cuda",
        "logging_strategy": "steps",
        "logging_steps": logging.every_steps,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": config.checkpoints.every_steps,
        "eval_strategy": "steps" if validated else "no",
        "eval_steps": logging.validate_every_steps or rows.steps_per_epoch,
        "report_to": "none",
        "disable_tqdm": rank() != 0,
    }
    if config.preference is not None:
        told = preference_arguments(config.preference, given)
    else:
        transformers: Any = import_module("transformers")
        told = transformers.TrainingArguments(**given)
    told._n_gpu = min(told.n_gpu, 1)  # several are driven by several processes
    return told
