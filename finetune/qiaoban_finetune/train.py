"""A run from its configuration to the folder a companion talks with.

    train(load_config("tiny"))          one process
    torchrun --nproc_per_node 4 -m qiaoban_finetune CONFIG.yaml

The run's folder holds checkpoints/, logs/ (TensorBoard), curve.png, run_card.json and .md, final/.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from qiaoban_finetune import run_card
from qiaoban_finetune.arguments import arguments
from qiaoban_finetune.base import Base, Precision, load_model, open_base, precision_for
from qiaoban_finetune.companion_prompts import prompted
from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.curve import LOGS, LOSS, PICTURE, VALIDATION, Curve, draw, points
from qiaoban_finetune.distributed import (
    agree,
    deepspeed_settings,
    freed,
    join_deepspeed,
    process_group,
    rank,
    ranks,
    refuse_unshared,
    trained_weights,
    zero_stage,
)
from qiaoban_finetune.errors import TrainingError
from qiaoban_finetune.export import FINAL, export
from qiaoban_finetune.methods import refuse_unsupported, with_method
from qiaoban_finetune.pairs import data_of
from qiaoban_finetune.preference import preference_trainer
from qiaoban_finetune.resuming import starting_point
from qiaoban_finetune.saving import sweep
from qiaoban_finetune.trainer import given_to_trainer, trainer


def train(config: TrainingConfig, *, resume: bool | Path = False) -> Path:
    """Train as `config` says and return the run's folder; `final/` in it is the result.

    `resume` goes on from the newest checkpoint, or from the one it names, with the same losses as
    a run that was never cut off. Raises ConfigError, DataError, CheckpointError or ModelError
    before the first step for what cannot be used, TrainingError for what goes wrong after it.
    """
    settings = deepspeed_settings(config.deepspeed)
    refuse_unsupported(config, zero_stage(settings))
    with process_group(deepspeed=settings is not None):
        _run(config, settings, resume)
    return config.output


def _run(config: TrainingConfig, settings: Mapping[str, Any] | None, resume: bool | Path) -> None:
    learnt = prompted(config)
    base, precision = open_base(learnt), precision_for(config.model)
    data = data_of(learnt, base)
    # the processes find each other here, and ZeRO-3 is told to divide what is loaded after it
    told = arguments(config, data.rows, precision, settings, validated=bool(data.validation))
    if settings is not None:
        join_deepspeed()
    facts = {
        "files": run_card.data_facts(config),
        "processes": ranks(),
        "precision": precision,
        "deepspeed": settings,
    }
    start = starting_point(config.output, resume, facts, config)
    if resume is True and _is_finished(config.output):
        return
    agree(None, "the processes")
    config.output.mkdir(parents=True, exist_ok=True)
    refuse_unshared(config.output)
    model = _model(base, config, precision, sharded=settings is not None)
    numbers = {**data.numbers, "steps": data.rows.steps, **_parameters(model)}
    with _carded(config, facts, numbers, start) as result:
        sweep(config.output)
        curve = _curve(config, start)
        if config.preference is None:
            ours = trainer(model, told, config, data, curve)
        else:
            given = given_to_trainer(model, told, config, data, curve)
            ours = preference_trainer(given, config, base, precision)
        with freed(ours):
            begun = time.monotonic()
            ours.train(resume_from_checkpoint=str(start) if start else None)
            result["seconds"] = round(time.monotonic() - begun, 1)
            weights = trained_weights(ours.model)
            if rank() == 0:
                history = ours.state.log_history
                result.update(_losses(history))
                export(ours.model, weights, base, config, precision)
                title = f"{config.model.base}, {config.method.kind}"
                draw(history, config.output / PICTURE, title, _unit(config))
            agree(None, "the processes")  # none goes on before the result is there
        if curve is not None:
            curve.close()


def _model(base: Base, config: TrainingConfig, precision: Precision, *, sharded: bool) -> Any:
    transformers: Any = import_module("transformers")
    transformers.set_seed(config.optimiser.seed)  # a new adapter is the same in every process
    model = load_model(base, config, precision, sharded=sharded)
    packed = config.data.packing and config.preference is None
    if config.model.attention in ("auto", "document") and packed:
        from qiaoban_finetune.attention import use_document_attention

        use_document_attention(model)
    if config.model.gradient_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    if config.method.kind != "full":
        model = with_method(model, config.method, base.adapter)
    return model


@contextmanager
def _carded(
    config: TrainingConfig,
    facts: Mapping[str, Any],
    numbers: Mapping[str, Any],
    start: Path | None,
) -> Generator[dict[str, Any]]:
    """The run card, written now and when the block ends, with what the block put into it."""
    result: dict[str, Any] = {}
    if rank() != 0:
        yield result
        return
    card = run_card.begun(config, facts, numbers)
    before = run_card.read_card(config.output)
    if before is not None:
        card["begun"] = before["begun"]
        card["resumed"] = [*before.get("resumed", []), start.name if start else "the beginning"]
    run_card.write_card(config.output, card)
    try:
        yield result
    except BaseException as error:
        state = f"stopped: {type(error).__name__}: {error}"
        with suppress(TrainingError):  # what stopped the run is told, not what that made fail
            run_card.write_card(config.output, run_card.ended(card, state, result))
        raise
    run_card.write_card(config.output, run_card.ended(card, "finished", result))


def _curve(config: TrainingConfig, start: Path | None) -> Curve | None:
    if rank() != 0 or not config.logging.tensorboard:
        return None
    step = int(start.name.rpartition("-")[2]) if start else 0
    return Curve(config.output / LOGS, step)


def _unit(config: TrainingConfig) -> str:
    return "nats per learnt token" if config.preference is None else "mean of pairs"


def _parameters(model: Any) -> dict[str, int]:
    """All weights and those that are trained; ZeRO-3 tells the size of one that it divided."""
    sizes = [
        (int(getattr(weight, "ds_numel", weight.numel())), bool(weight.requires_grad))
        for weight in model.parameters()
    ]
    return {
        "parameters": sum(size for size, _ in sizes),
        "trained parameters": sum(size for size, trained in sizes if trained),
    }


def _losses(history: list[dict[str, Any]]) -> dict[str, float]:
    told: dict[str, float] = {}
    for name, label in ((LOSS, "training loss"), (VALIDATION, "validation loss")):
        found = points(history, name)
        if found:
            told[f"{label}, first"] = round(found[0][1], 4)
            told[f"{label}, last"] = round(found[-1][1], 4)
    return told


def _is_finished(run: Path) -> bool:
    card = run_card.read_card(run)
    return card is not None and card["state"] == "finished" and (run / FINAL).is_dir()
