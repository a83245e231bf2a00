"""Logits of those tokens alone that are learnt: the others have no part in the loss.

Half of the tokens of a counselling dialogue are the client's. Their rows of the output layer, each
as wide as the vocabulary, in float32 and with its softmax and gradient, are the largest thing that
a small model's step computes and holds for nothing.
"""

from __future__ import annotations

from importlib import import_module
from inspect import Parameter, signature
from typing import Any

from qiaoban_finetune.encoding import IGNORED


def learnt_alone(model: Any, batch: dict[str, Any]) -> dict[str, Any]:
    """The batch of a packed row, asking for the logits of learnt tokens alone; loss is the same.

    A batch of another kind, or for a model that cannot leave logits out (`logits_to_keep`) or has
    a loss of its own, is given back as it is. The model's labels stay in it, for who counts them.
    """
    if "cu_seq_lens_q" not in batch or not _takes_places(_plain(model)):
        return batch
    following = batch["labels"][0, 1:]
    places = (following != IGNORED).nonzero()[:, 0]
    if not len(places):  # a loss over nothing is not a number, and is to stop the run as one
        return batch
    return {**batch, "logits_to_keep": places, "shift_labels": following[places][None]}


def _plain(model: Any) -> Any:
    """The model of transformers within what DeepSpeed, torch or PEFT wrap around it."""
    while True:
        inner = getattr(model, "module", None)
        if inner is None and hasattr(model, "get_base_model"):
            inner = model.get_base_model()
        if inner is None:
            return model
        model = inner


def _takes_places(model: Any) -> bool:
    losses: Any = import_module("transformers.loss.loss_utils")
    own = getattr(model, "loss_function", None) is losses.ForCausalLMLoss
    if not own:
        return False
    parameters = signature(model.forward).parameters
    passed_on = any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values())
    return passed_on and "logits_to_keep" in parameters
