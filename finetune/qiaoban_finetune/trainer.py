"""transformers' Trainer with what a long run needs besides: it stops rather than learn nonsense.

The loop, the optimiser, mixed precision and DeepSpeed are the Trainer's. Ours are whole
checkpoints, a stop at the first number that is not finite, with the dialogues it came from, a
validation loss for each learnt token, and a log that counts real epochs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.curve import VALIDATION, Curve
from qiaoban_finetune.distributed import agree, rank, ranks
from qiaoban_finetune.encoding import IGNORED
from qiaoban_finetune.errors import TrainingError
from qiaoban_finetune.learning_data import LearningData
from qiaoban_finetune.learnt_logits import learnt_alone
from qiaoban_finetune.rows import DIALOGUES, Row, Rows
from qiaoban_finetune.saving import load_trained, save_trained, sweep, whole_checkpoint

Collate = Callable[[Sequence[Row]], dict[str, Any]]
_SHOWN = 20


def trainer(
    model: Any, told: Any, config: TrainingConfig, data: LearningData, curve: Curve | None
) -> Any:
    """The Trainer of a run that learns from dialogues."""
    return _class()(**given_to_trainer(model, told, config, data, curve))


def given_to_trainer(
    model: Any, told: Any, config: TrainingConfig, data: LearningData, curve: Curve | None
) -> dict[str, Any]:
    """What `Ours` and a Trainer of transformers or trl beneath it are made of."""
    return {
        "model": model,
        "args": told,
        "train_dataset": data.rows,
        "eval_dataset": data.validation or None,
        "data_collator": data.collate,
        "run": config.output,
        "keep": config.checkpoints.keep,
        "curve": curve,
    }


class Ours:
    """What is different from transformers' Trainer; mixed into it and into trl's."""

    args: Any
    state: Any
    model: Any
    accelerator: Any
    control: Any
    callback_handler: Any
    train_dataset: Rows
    eval_dataset: Sequence[Row] | None
    data_collator: Collate
    is_deepspeed_enabled: bool

    def __init__(self, *, run: Path, keep: int, curve: Curve | None, **given: Any) -> None:
        self._run, self._keep, self._curve = run, keep, curve
        self._part: Path | None = None
        self._losses: list[tuple[list[str], Any]] = []
        super().__init__(**given)

    def compute_loss(self, model: Any, inputs: dict[str, Any], *given: Any, **named: Any) -> Any:
        """The Trainer's, noted with the dialogues of the batch until the step is taken."""
        dialogues = inputs.pop(DIALOGUES)
        theirs: Any = super()
        loss = theirs.compute_loss(model, learnt_alone(model, inputs), *given, **named)
        self._losses.append((dialogues, loss.detach()))
        return loss

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        """The Trainer's; the last moment before weights change, so what it came from is judged."""
        theirs: Any = super()
        norm = theirs._get_grad_norm(model, grad_norm=grad_norm)
        noted, self._losses = self._losses, []
        bad = [names for names, loss in noted if not bool(loss.isfinite().all())]
        what = "the loss"
        # fp16 scales its gradients, and takes a step that overflowed back by itself
        if not bad and norm is not None and not self.args.fp16 and not math.isfinite(float(norm)):
            bad, what = [names for names, _ in noted], "the gradient"
        self._stop_together(what, bad)
        return norm

    def _stop_together(self, what: str, bad: Sequence[Sequence[str]]) -> None:
        """Raise in every process if one has a number that is not finite, with the dialogues."""
        torch: Any = import_module("torch")
        if ranks() > 1:
            found = torch.tensor(float(bool(bad)), device=self.args.device)
            if not self.accelerator.reduce(found).item():
                return
        names = list(dict.fromkeys(name for batch in bad for name in batch))
        told = ", ".join(names[:_SHOWN]) + (
            f" and {len(names) - _SHOWN} more" * (len(names) > _SHOWN)
        )
        agree(
            f"{what} is not finite, in the batch of {told}" if names else None,
            f"step {self.state.global_step + 1}; the weights of the last checkpoint are good. Look "
            "at these dialogues, take a lower optimiser.learning_rate, or model.precision bf16 or "
            "fp32",
        )

    def evaluate(self, *_given: Any, **_named: Any) -> dict[str, float]:
        """The mean loss of the validation data, weighed as `validation_loss` says."""
        torch: Any = import_module("torch")
        model = self._validated_model()
        was_training = model.training
        model.eval()
        total = torch.zeros(2, dtype=torch.float64)
        for batch, counts in self._validation_batches():
            with torch.no_grad(), self.accelerator.autocast():
                loss, weight = self.validation_loss(model, batch)
            if counts:
                weighed = loss.double() * weight
                total += torch.stack([weighed, weight.double()]).cpu()
        if ranks() > 1:
            together = total.float().to(self.args.device)
            total = self.accelerator.reduce(together).double().cpu()
        result = {VALIDATION: float(total[0] / total[1].clamp(min=1))}
        self.log(dict(result))
        model.train(was_training)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, result
        )
        return result

    def validation_loss(self, model: Any, batch: dict[str, Any]) -> tuple[Any, Any]:
        """The mean loss of a learnt token, in nats, and how many there are."""
        learnt = (batch["labels"][..., 1:] != IGNORED).sum()
        return model(**batch).loss, learnt

    def _validated_model(self) -> Any:
        wrapped: Any = self
        return wrapped.model_wrapped

    def _validation_batches(self) -> Iterator[tuple[dict[str, Any], bool]]:
        """The batches of one process, and whether each counts: all compute equally many."""
        rows = self.eval_dataset or ()
        size = self.args.per_device_train_batch_size
        starts = range(0, len(rows), size)
        for first in range(0, len(starts), ranks()):
            mine = first + rank()
            start = starts[mine] if mine < len(starts) else 0
            batch = self.data_collator(rows[start : start + size])
            del batch[DIALOGUES]
            ours: Any = self
            yield ours._prepare_inputs(batch), mine < len(starts)

    def log(self, logs: dict[str, float], *given: Any, **named: Any) -> None:
        """The Trainer's, with the epochs of the data rather than of the whole run."""
        self.state.epoch = self.train_dataset.epochs_at(self.state.global_step)
        theirs: Any = super()
        theirs.log(logs, *given, **named)
        if self._curve is not None:
            self._curve.add(self.state.global_step, logs)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        with whole_checkpoint(self._run, self.state.global_step) as part:
            self._part = part
            try:
                theirs: Any = super()
                theirs._save_checkpoint(model, trial)
            finally:
                self._part = None
        sweep(self._run, self._keep)

    def _get_output_dir(self, trial: Any) -> str:  # noqa: ARG002 - the Trainer's name
        return str(self._part or self._run)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """The trained weights of a checkpoint; DeepSpeed saves them itself."""
        if output_dir is None:
            raise TrainingError("the result of a run is written by export.export")
        if rank() == 0 and not self.is_deepspeed_enabled:
            save_trained(Path(output_dir), self.model)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_trained(Path(resume_from_checkpoint), model or self.model)


@cache
def _class() -> Any:
    transformers: Any = import_module("transformers")
    return type("QiaobanTrainer", (Ours, transformers.Trainer), {})
