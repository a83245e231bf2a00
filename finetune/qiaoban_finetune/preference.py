"""Preference tuning: of two replies to the same words the better one becomes the likelier one.

Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290) by trl's DPOTrainer. What a
run has besides, whole checkpoints and a stop at a number that is not finite, is `trainer`'s. The
model it began from is held beside it: a LoRA has a frozen copy of itself on the same weights,
whole weights have a frozen copy of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from qiaoban_finetune.base import Base, Precision, load_model
from qiaoban_finetune.config import LoraMethod, TrainingConfig
from qiaoban_finetune.pairs import trl
from qiaoban_finetune.sections import PreferenceConfig
from qiaoban_finetune.trainer import Ours


def preference_arguments(preference: PreferenceConfig, told: Mapping[str, Any]) -> Any:
    """The DPOConfig of a run; `told` is what every run tells transformers' TrainingArguments."""
    # trl's "sigmoid" takes no notice of label_smoothing; "robust" is it with that noise counted in
    noisy = preference.loss == "sigmoid" and preference.label_smoothing > 0
    return trl("dpo_config").DPOConfig(
        **told,
        beta=preference.beta,
        loss_type=["robust" if noisy else preference.loss],
        label_smoothing=preference.label_smoothing,
        activation_checkpointing=False,  # `train` has switched it on where it is asked for
        max_length=None,  # `pairs` has shortened what is too long, by whole turns
    )


def preference_trainer(
    given: Mapping[str, Any], config: TrainingConfig, base: Base, precision: Precision
) -> Any:
    """The Trainer of a run that learns from pairs; `given` is `trainer.given_to_trainer`'s."""
    model = given["model"]
    pads = [(each, each.pad_token_id) for each in (model.config, model.generation_config)]
    reference = _reference(base, config, precision)
    made = _class()(**given, ref_model=reference, processing_class=base.tokenizer)
    for settings, pad in pads:  # trl writes its own, which the result is not to have
        settings.pad_token_id = pad
    return made


def _reference(base: Base, config: TrainingConfig, precision: Precision) -> Any:
    """The frozen model that whole weights are held to, in the numbers of the run."""
    if config.method.kind != "full":
        return None
    frozen = config.model_copy(update={"method": LoraMethod()})
    model = load_model(base, frozen, precision, sharded=config.deepspeed is not None)
    return model.requires_grad_(requires_grad=False).eval()


class _Preferring(Ours):
    """What is different from trl's DPOTrainer beside what is from transformers' Trainer."""

    _metrics: dict[str, dict[str, list[float]]]

    def __init__(self, **given: Any) -> None:
        self._pairs = {"train": given["train_dataset"], "eval": given["eval_dataset"]}
        # trl insists on a Dataset, which it then hands to _prepare_dataset
        stand_in = import_module("datasets").Dataset.from_dict({"pair": [0]})
        for name, pairs in self._pairs.items():
            given[f"{name}_dataset"] = stand_in if pairs else None
        super().__init__(**given)

    def validation_loss(self, model: Any, batch: dict[str, Any]) -> tuple[Any, Any]:
        """The mean loss of a pair, and how many pairs there are."""
        theirs: Any = self
        loss = theirs._compute_loss(model, batch, return_outputs=False)
        return loss, loss.new_tensor(len(batch["input_ids"]) // 2)

    def log(self, logs: dict[str, float], *given: Any, **named: Any) -> None:
        """The Trainer's, without trl's count of tokens, which a resumed run would begin anew."""
        for metrics in self._metrics.values():
            metrics.pop("num_tokens", None)
        super().log(logs, *given, **named)

    def _prepare_dataset(self, _stand_in: Any, _tokenizer: Any, _told: Any, name: str) -> Any:
        """The pairs of a use as they are: `pairs` has encoded them."""
        return self._pairs[name]

    def create_model_card(self, *_given: Any, **_named: Any) -> None:
        """Nothing: a run has a card of its own."""

    def _send_telemetry(self) -> None:
        """Nothing: what a lab trains is told nobody."""


@cache
def _class() -> Any:
    return type("QiaobanPreferenceTrainer", (_Preferring, trl("dpo_trainer").DPOTrainer), {})
